/**
 * Backups that are made by themselves, on the server that leads: the archive of `operator snapshot save`, every so often, the oldest removed.
 *
 *   look ──► is the newest one older than the interval? ──► archive ──► stored whole ──► all but the newest `keep` removed
 *
 * When the next is due is read from what is stored: a new leader goes on in the same rhythm on its own disk. A failure is reported, and
 * tried again after RETRY_MS; a backup whose state has not moved since the last is made all the same: it shows that backups work.
 */
import type { BackupStore, Timer } from "#ports";
import { messageOf } from "#std";
import type { ServerContext } from "../context.ts";
import { snapshotArchive } from "./archive.ts";

export interface BackupPolicy {
  readonly intervalMs: number;
  /** At least 1. */
  readonly keep: number;
  readonly store: BackupStore;
}

const RETRY_MS = 60_000;
const NAME = /^drover-(\d{8}T\d{6})Z-\d+\.snap$/;

export interface Backups {
  close(): void;
}

export function createBackups(context: ServerContext, { intervalMs, keep, store }: BackupPolicy): Backups {
  const { cluster, clock, report } = context;
  let timer: Timer | undefined;
  let closed = false;

  async function look(): Promise<number> {
    const newest = (await ours()).at(-1);
    const dueMs = newest === undefined ? 0 : timeOf(newest) + intervalMs;
    if (dueMs > clock.nowMs()) return dueMs - clock.nowMs();
    const { bytes, index } = await snapshotArchive(cluster.state, clock.nowMs());
    if (closed) return intervalMs;
    const name = nameOf(clock.nowMs(), index);
    await store.write(name, bytes);
    for (const old of (await ours()).slice(0, -Math.max(1, keep))) await store.remove(old);
    report({ level: "info", message: "backup written", fields: { name, index, bytes: bytes.length } });
    return intervalMs;
  }

  /** Oldest first. Whatever else lies there is not touched. */
  async function ours(): Promise<readonly string[]> {
    return (await store.list()).filter((name) => NAME.test(name)).toSorted((a, b) => timeOf(a) - timeOf(b) || (a < b ? -1 : 1));
  }

  function run(): void {
    look().then(schedule, (thrown: unknown) => {
      if (closed) return;
      report({ level: "error", message: "cannot write a backup: trying again", fields: { error: messageOf(thrown) } });
      schedule(Math.min(RETRY_MS, intervalMs));
    });
  }

  function schedule(afterMs: number): void {
    if (!closed) timer = clock.after(afterMs, run);
  }

  run();
  return {
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** "drover-20261122T180500Z-4711.snap" */
export function nameOf(atMs: number, index: number): string {
  return `drover-${new Date(atMs).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z-${index}.snap`;
}

/** Unix milliseconds. */
export function timeOf(name: string): number {
  const [, stamp = ""] = NAME.exec(name) ?? [];
  return Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$/, "$1-$2-$3T$4:$5:$6Z"));
}
