/**
 * What was made for one task alone (dynamic credentials, a certificate), as the node remembers it: sealed, and stored before anybody hears of it,
 * so that whatever the agent dies of, its lease is renewed or given back by the next one.
 */
import type { AllocationId } from "#model";
import type { Lease, Reading, Thing } from "#ports";
import type { FactStore } from "../sealed-facts.ts";

export interface PrivateRecord {
  readonly id: string;
  readonly allocation: AllocationId;
  readonly task: string;
  /** As the template says it. */
  readonly thing: Thing;
  /** A secret: what it was read with, and its lease is given back with. */
  readonly token: string;
  /** A secret. undefined once it is not the task's any more. */
  readonly value: unknown;
  readonly index: string;
  readonly lease: Lease | null;
  /** Of its lease when it was made. */
  readonly lifeMs: number;
  /** Unix milliseconds, as all of these. */
  readonly readAtMs: number;
  /** What `lease` says was true then. */
  readonly leasedAtMs: number;
  /** null: its lease alone says when. */
  readonly againAtMs: number | null;
  /** held: the task's · old: replaced, perhaps still in use by the task: left to run out · returning: to be given back, as soon as that is possible */
  readonly state: "held" | "old" | "returning";
}

const PREFIX = "private-reading/";
/** Whatever a system says: not read or renewed more often. */
const BREATH_MS = 1_000;
/** Of a life: renewed then, or replaced; so that a third of it is left for whatever does not go well. */
const ACT_AT = 2 / 3;
const JITTER = 0.1;
/** Where a lease does not say how long it lives: by then its system has ended it (Vault's default for the longest). */
const LIFE_MAX_MS = 32 * 24 * 60 * 60_000;
/** Neither index, nor lease, nor time. */
const AGAIN_MS = 300_000;

export function recordOf(
  reading: Reading,
  whose: Pick<PrivateRecord, "id" | "allocation" | "task" | "thing" | "token">,
  nowMs: number,
): PrivateRecord {
  const { value, index, lease, againMs } = reading;
  const record = { ...whose, value, index, lease, lifeMs: lease?.durationMs ?? 0, readAtMs: nowMs, leasedAtMs: nowMs };
  return { ...record, againAtMs: againMs === null ? null : nowMs + againMs, state: "held" };
}

export function readRecords(facts: FactStore): readonly PrivateRecord[] {
  return [...facts.facts(PREFIX).values()] as PrivateRecord[];
}

export function writeRecord(facts: FactStore, record: PrivateRecord): void {
  facts.saveFact(PREFIX + record.id, record);
}

export function eraseRecord(facts: FactStore, record: PrivateRecord): void {
  facts.removeFact(PREFIX + record.id);
}

/** There is something to give back. */
export function isLeased({ lease }: PrivateRecord): boolean {
  return lease !== null && lease.id !== "";
}

/** The end of what it is good for, as far as its lease says; null: it does not. */
export function endAtMs({ lease, leasedAtMs }: PrivateRecord): number | null {
  if (lease === null) return null;
  return leasedAtMs + (lease.durationMs > 0 ? lease.durationMs : LIFE_MAX_MS);
}

export function isOut(record: PrivateRecord, nowMs: number): boolean {
  const endMs = endAtMs(record);
  return endMs !== null && nowMs >= endMs;
}

/**
 * As an agent finds it after a restart. What was written down at a time that is still to come was so by a clock that was ahead: nobody knows how much
 * of its life is over. A lease that cannot be asked for another counts as over; anything else begins now.
 */
export function takenUp(record: PrivateRecord, nowMs: number): PrivateRecord {
  const { readAtMs, leasedAtMs, againAtMs, lease } = record;
  if (readAtMs <= nowMs && leasedAtMs <= nowMs) return record;
  const begins = lease === null || lease.id === "" || lease.renewable;
  return {
    ...record,
    readAtMs: Math.min(readAtMs, nowMs),
    leasedAtMs: begins ? nowMs : nowMs - lease.durationMs,
    againAtMs: againAtMs === null ? null : againAtMs - Math.max(0, readAtMs - nowMs),
  };
}

export type NextAct = { readonly act: "read" | "renew" | "wait"; readonly atMs: number };

/**
 * What to do for it next, and when. `jitter` in [0, 1), drawn once.
 *
 *   wait    its system says when it changes          read    made anew, before the end of this one
 *   renew   at two thirds of its lease; once that gave it less than before, there is no more to be had: it is replaced while a third of a
 *           life is left
 */
export function nextAct(record: PrivateRecord, jitter: number): NextAct {
  const { lease, lifeMs, leasedAtMs, againAtMs, readAtMs, index } = record;
  const early = 1 - JITTER * jitter;
  const leaseActMs = lease === null ? null : leasedAtMs + Math.max(BREATH_MS, lease.durationMs * ACT_AT * early);
  const againMs = againAtMs === null ? null : readAtMs + Math.max(BREATH_MS, (againAtMs - readAtMs) * early);
  if (lease !== null && lease.id !== "" && lease.renewable && leaseActMs !== null) {
    if (isLast(record)) return { act: "read", atMs: leasedAtMs + lease.durationMs - lifeMs * (1 - ACT_AT * early) };
    if (againMs === null || leaseActMs < againMs) return { act: "renew", atMs: leaseActMs };
    return { act: "read", atMs: againMs };
  }
  const readMs = Math.min(againMs ?? Number.POSITIVE_INFINITY, leaseActMs ?? Number.POSITIVE_INFINITY);
  if (index !== "") return againMs === null ? { act: "wait", atMs: 0 } : { act: "wait", atMs: readMs };
  return { act: "read", atMs: Number.isFinite(readMs) ? readMs : readAtMs + AGAIN_MS };
}

/** Its system gives it no other life: it was renewed up to the longest it may live. */
function isLast({ lease, lifeMs }: PrivateRecord): boolean {
  return lease !== null && lease.durationMs < lifeMs;
}
