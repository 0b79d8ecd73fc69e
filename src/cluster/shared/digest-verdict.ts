/**
 * Which servers' states are digested when, and what a server makes of the others' digests. Pure. All follow one log, so at one index all are the
 * same; where one is not, its memory, its disk or its program has gone wrong. Only a majority of all servers says which one. Where nobody can say
 * (of two, with a third that has not been heard yet), that they differ is told, no more: a right state is not given up on one word.
 */
import type { ServerReport, StateDigest } from "#ports";

export interface DigestSchedule {
  readonly everyEntries: number;
  /** Where few entries come: with the first after so long, by the entries' own time. */
  readonly everyMs: number;
}

/**
 * Measured: 18 µs a record, so 75 ms for so many; at 5,000 entries a second 16,384 of them come in 3.3 s. Twice the records, twice the time
 * between: 2 % of a core.
 */
const RECORDS_PER_ROUND = 4_096;
/** The same for the time: 9.5 s of work in 10 minutes. */
const RECORDS_PER_TIME = 524_288;

/** Of the entry at logIndex; records is how many the state holds then. The same on every server. */
export function digestIsDue(
  entry: { readonly logIndex: number; readonly previousTimeNs: number; readonly timeNs: number },
  records: () => number,
  { everyEntries, everyMs }: DigestSchedule,
): boolean {
  const crosses = (times: number): boolean => {
    const span = everyMs * 1e6 * times;
    return Math.floor(entry.timeNs / span) !== Math.floor(entry.previousTimeNs / span);
  };
  if (entry.logIndex % everyEntries === 0 && entry.logIndex % (everyEntries * rounds(records(), RECORDS_PER_ROUND)) === 0) return true;
  // The first of all says nothing about how long it has been.
  return entry.previousTimeNs > 0 && crosses(1) && crosses(rounds(records(), RECORDS_PER_TIME));
}

/** A power of two, so that the longer rounds end where shorter ones do. */
function rounds(records: number, per: number): number {
  let times = 1;
  while (times * per < records) times *= 2;
  return times;
}

export type DigestReport = Pick<ServerReport, "ServerId" | "Name" | "Version" | "FeatureLevel" | "StateDigests">;

export type DigestVerdict =
  | { readonly kind: "unknown" }
  | { readonly kind: "agrees"; readonly index: number }
  | {
      readonly kind: "diverged";
      readonly index: number;
      readonly ownDigest: string;
      readonly digest: string;
      readonly agreeing: readonly DigestReport[];
    }
  /** They differ, and which is right cannot be told. */
  | { readonly kind: "tied"; readonly index: number };

/** `open`: those that were heard differ, and those that were not may tell. */
type VerdictAt = DigestVerdict | { readonly kind: "open"; readonly index: number };

/**
 * At the newest index where it can be told. Others: all that belong to the cluster, also those that are down or of another version: they have no
 * say, but they count.
 */
export function judgeDigests(own: DigestReport, others: readonly DigestReport[]): DigestVerdict {
  const newestFirst = [...(own.StateDigests ?? [])].sort((a, b) => b.Index - a.Index);
  const heard = newestFirst.map((mine) => judgeAt(mine, own, others)).filter(({ kind }) => kind !== "unknown");
  const newest = heard.find((verdict): verdict is DigestVerdict => verdict.kind !== "open");
  // Who was silent twice is likely to stay so: that two differ is not kept back for its sake.
  if (newest?.kind !== "diverged" && heard[0]?.kind === "open" && heard[1]?.kind === "open") return { kind: "tied", index: heard[0].index };
  return newest ?? { kind: "unknown" };
}

function judgeAt(mine: StateDigest, own: DigestReport, others: readonly DigestReport[]): VerdictAt {
  const index = mine.Index;
  const groups = new Map<string, DigestReport[]>([[mine.Digest, [own]]]);
  let said = 1;
  for (const other of others) {
    const theirs = comparable(own, other)
      ? other.StateDigests?.find(({ Index, EpochId }) => Index === index && EpochId === mine.EpochId)
      : undefined;
    if (theirs === undefined) continue;
    said++;
    groups.set(theirs.Digest, [...(groups.get(theirs.Digest) ?? []), other]);
  }
  const servers = others.length + 1;
  for (const [digest, agreeing] of groups) {
    if (agreeing.length * 2 <= servers || servers === 1) continue;
    return digest === mine.Digest ? { kind: "agrees", index } : { kind: "diverged", index, ownDigest: mine.Digest, digest, agreeing };
  }
  if (said === servers && servers > 1) return { kind: "tied", index };
  return groups.size > 1 ? { kind: "open", index } : { kind: "unknown" };
}

/** Another program may digest otherwise. */
function comparable(own: DigestReport, other: DigestReport): boolean {
  return other.Version === own.Version && other.FeatureLevel === own.FeatureLevel;
}
