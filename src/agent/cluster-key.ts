/**
 * What seals the batches of the shared log: made once, by the server that is first to say it will, kept on servers' disks only, and told by one
 * server to another over the link between them.
 *
 *   on disk ──► it is that
 *   not on disk ──► asked of the others ──► one tells it
 *                        └──► nobody knows it, and as many have met as are expected: claim ──► mine: made, on disk
 *                                                                                └──────────► another's: asked again, until one knows it
 *
 * The others are asked first: in a Consul that has lost everything nobody has claimed anything, and a new server beside old ones must not make
 * another key.
 */
import { randomBytes } from "node:crypto";
import type { MakerDisk } from "#cluster";
import type { Clock, IntroductionAnswer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { AgentLog } from "./log.ts";

const PATH = "cluster-key";
const KEY_BYTES = 32;
const RETRY_MS = 250;
/** Said again so often while nobody tells it. */
const REMIND_MS = 15_000;

export interface ClusterKeyNeeds {
  /** `<data_dir>/server` */
  readonly disk: MakerDisk;
  readonly serverId: string;
  /** So many servers make a cluster, this one among them; 0: this one makes none. */
  readonly bootstrapExpect: number;
  /** Who makes the key, as all servers see it; with an id: that one's from now on if nobody has said so. Rejects while Consul cannot tell. */
  readonly claim: (serverId?: string) => Promise<string | undefined>;
  /** Asks every other server that is known. */
  readonly introduce: () => Promise<readonly IntroductionAnswer[]>;
  readonly clock: Clock;
  readonly log: AgentLog;
  /** Told at every look what is waited for. */
  readonly waits: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** As it stands on this disk; undefined: not yet. Throws CLUSTER_KEY_UNREADABLE. */
export async function readClusterKey(disk: MakerDisk): Promise<Uint8Array | undefined> {
  const text = await disk.read(PATH);
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), "base64");
  if (key.length === KEY_BYTES) return key;
  throw new NamedError(
    "CLUSTER_KEY_UNREADABLE",
    `Cannot read "server/${PATH}" of the data directory: it holds no key of ${KEY_BYTES} bytes`,
    {
      fix: "Copy the file from another server of the cluster, or remove it: this server asks the others for it then.",
    },
  );
}

/** Waits until it is there. Rejects when the signal aborts, and with CLUSTER_KEY_UNREADABLE. */
export async function obtainClusterKey(needs: ClusterKeyNeeds): Promise<Uint8Array> {
  const kept = await readClusterKey(needs.disk);
  if (kept !== undefined) return kept;
  let saidMs = -Infinity;
  while (true) {
    needs.signal.throwIfAborted();
    try {
      const key = await tryOnce(needs);
      if (key !== undefined) {
        await needs.disk.write(PATH, `${Buffer.from(key).toString("base64")}\n`);
        return key;
      }
    } catch (error) {
      needs.waits(messageOf(error));
      if (needs.clock.nowMs() - saidMs >= REMIND_MS) {
        saidMs = needs.clock.nowMs();
        needs.log.write("INFO", "cluster", "waiting for the other servers", { reason: messageOf(error) });
      }
    }
    await pause(needs, RETRY_MS);
  }
}

async function tryOnce({ serverId, bootstrapExpect, claim, introduce }: ClusterKeyNeeds): Promise<Uint8Array | undefined> {
  const met = await introduce().then(
    (answers) => ({ answers, refusal: undefined }),
    (refusal: unknown) => ({ answers: [], refusal: { thrown: refusal } }),
  );
  for (const { ClusterKey } of met.answers) {
    const key = Buffer.from(ClusterKey, "base64");
    if (key.length === KEY_BYTES) return key;
  }
  const enough = bootstrapExpect > 0 && met.answers.length + 1 >= bootstrapExpect;
  const maker = await claim(enough ? serverId : undefined).catch((thrown: unknown) => {
    // Consul waits for the same others.
    throw bootstrapExpect === 0 || enough ? thrown : new Error(tooFew(met.answers.length + 1, bootstrapExpect));
  });
  if (maker === serverId) return randomBytes(KEY_BYTES);
  if (met.refusal !== undefined) throw met.refusal.thrown;
  if (maker !== undefined) throw new Error("no server that is reached has told the cluster's key");
  throw new Error(
    bootstrapExpect === 0 ? "no cluster is here yet, and bootstrap_expect is not set" : tooFew(met.answers.length + 1, bootstrapExpect),
  );
}

const tooFew = (met: number, expected: number): string => `no cluster is here yet: ${met} of ${expected} expected servers have met`;

export interface FoundersNeeds extends Pick<ClusterKeyNeeds, "bootstrapExpect" | "introduce" | "clock" | "log" | "waits" | "signal"> {
  /** Is the shared log there? Rejects while Consul cannot tell. */
  readonly isThere: () => Promise<boolean>;
}

/**
 * For a server that belongs to no cluster yet. Resolves when the shared log is there, or may be made: as many new servers as are expected have met,
 * and none of those that answer belongs to a cluster. One that does founds it, or waits to be recovered: a new, empty cluster in its place
 * would look as if everything were lost.
 */
export async function foundersMeet(needs: FoundersNeeds): Promise<void> {
  let saidMs = -Infinity;
  while (true) {
    needs.signal.throwIfAborted();
    const why = await whyNotYet(needs).catch(messageOf);
    if (why === undefined) return;
    needs.waits(why);
    if (needs.clock.nowMs() - saidMs >= REMIND_MS) {
      saidMs = needs.clock.nowMs();
      needs.log.write("INFO", "cluster", "waiting for the other servers", { reason: why });
    }
    await pause(needs, RETRY_MS);
  }
}

async function whyNotYet({ bootstrapExpect, introduce, isThere }: FoundersNeeds): Promise<string | undefined> {
  if (await isThere()) return undefined;
  const answers = await introduce().catch((thrown: unknown) => {
    if (bootstrapExpect > 1) throw thrown;
    return [];
  });
  const old = answers.find(({ ClusterId }) => ClusterId !== "");
  if (old !== undefined) return `server "${old.Name}" belongs to cluster ${old.ClusterId} already, whose log is not in Consul (yet)`;
  return answers.length + 1 >= bootstrapExpect ? undefined : tooFew(answers.length + 1, bootstrapExpect);
}

function pause({ clock, signal }: Pick<ClusterKeyNeeds, "clock" | "signal">, forMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(forMs, done);
    function done(): void {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
