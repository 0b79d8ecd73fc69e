/**
 * What seals the batches of the shared log: made once, by the server that is first to say it will, kept on servers' disks only, and told by one
 * server to another over the link between them.
 *
 *   on disk ──► it is that          not on disk ──► may found a cluster? claim ──► mine: made, on disk
 *                                                                        └──────► another's: asked of the others until one knows it
 */
import { randomBytes } from "node:crypto";
import type { MakerDisk } from "#cluster";
import type { Clock, IntroductionAnswer } from "#ports";
import { messageOf, NamedError } from "#std";
import type { AgentLog } from "./log.ts";

const PATH = "cluster-key";
const KEY_BYTES = 32;
const RETRY_MS = 500;
/** Said again so often while nobody tells it. */
const REMIND_MS = 15_000;

export interface ClusterKeyNeeds {
  /** `<data_dir>/server` */
  readonly disk: MakerDisk;
  readonly serverId: string;
  /** May this server be a cluster's first? */
  readonly bootstrap: boolean;
  /** Who makes the key, as all servers see it; with an id: that one's from now on if nobody has said so. Rejects while Consul cannot tell. */
  readonly claim: (serverId?: string) => Promise<string | undefined>;
  /** Asks every other server that is known. */
  readonly introduce: () => Promise<readonly IntroductionAnswer[]>;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
}

/** As it stands on this disk; undefined: not yet. Throws CLUSTER_KEY_UNREADABLE. */
export async function readClusterKey(disk: MakerDisk): Promise<Uint8Array | undefined> {
  const text = await disk.read(PATH);
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), "base64");
  if (key.length === KEY_BYTES) return key;
  throw new NamedError("CLUSTER_KEY_UNREADABLE", `Cannot read "server/${PATH}" of the data directory: it holds no key of ${KEY_BYTES} bytes`, {
    fix: "Copy the file from another server of the cluster, or remove it: this server asks the others for it then.",
  });
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
      if (needs.clock.nowMs() - saidMs >= REMIND_MS) {
        saidMs = needs.clock.nowMs();
        needs.log.write("INFO", "cluster", "waiting for the other servers", { reason: messageOf(error) });
      }
    }
    await pause(needs, RETRY_MS);
  }
}

async function tryOnce({ serverId, bootstrap, claim, introduce }: ClusterKeyNeeds): Promise<Uint8Array | undefined> {
  const maker = await claim(bootstrap ? serverId : undefined);
  if (maker === serverId) return randomBytes(KEY_BYTES);
  for (const { ClusterKey } of await introduce()) {
    const key = Buffer.from(ClusterKey, "base64");
    if (key.length === KEY_BYTES) return key;
  }
  throw new Error(
    maker === undefined ? "no cluster is here yet, and bootstrap_expect is not set" : "no server that is reached has told the cluster's key",
  );
}

function pause({ clock, signal }: ClusterKeyNeeds, forMs: number): Promise<void> {
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
