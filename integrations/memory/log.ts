/**
 * The log and its snapshots in memory, for tests and simulations. A MemoryDisk outlives the log opened on it, as a disk outlives a
 * process: "crash" by dropping the log, restart by opening another on the same disk.
 */
import type { Log, LogEntry, SnapshotStore } from "#ports";
import { NamedError } from "#std";

export interface MemoryDisk {
  clusterId: string;
  firstIndex: number;
  entries: Uint8Array[];
  readonly snapshots: Map<number, readonly Uint8Array[]>;
  /** Runs before an append becomes durable: hold it, or throw to fail it. */
  beforeAppend: (entries: readonly Uint8Array[]) => Promise<void>;
}

export function createMemoryDisk(clusterId = "memory"): MemoryDisk {
  return { clusterId, firstIndex: 1, entries: [], snapshots: new Map(), beforeAppend: () => Promise.resolve() };
}

export function openMemoryLog(disk: MemoryDisk): Log {
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();
  const append = async (entries: readonly Uint8Array[]): Promise<number> => {
    if (closed) throw writeFailed("the log is closed");
    try {
      await disk.beforeAppend(entries);
    } catch (thrown) {
      throw thrown instanceof NamedError ? thrown : writeFailed(thrown instanceof Error ? thrown.message : String(thrown));
    }
    const index = disk.firstIndex + disk.entries.length;
    for (const entry of entries) disk.entries.push(Uint8Array.from(entry));
    return index;
  };
  return {
    maker: "memory",
    get clusterId() {
      return disk.clusterId;
    },
    get firstIndex() {
      return disk.firstIndex;
    },
    get lastIndex() {
      return disk.firstIndex + disk.entries.length - 1;
    },
    append(entries) {
      // In call order, also when an earlier one is held or failed.
      const result = last.then(() => append(entries));
      last = result.catch(() => undefined);
      return result;
    },
    async *read(fromIndex) {
      const start = Math.max(fromIndex, disk.firstIndex);
      const batch: LogEntry[] = disk.entries.slice(start - disk.firstIndex).map((data, at) => ({ index: start + at, data }));
      for (let at = 0; at < batch.length; at += 256) yield batch.slice(at, at + 256);
    },
    async cut(throughIndex) {
      const through = Math.min(throughIndex, disk.firstIndex + disk.entries.length - 1);
      if (through < disk.firstIndex) return;
      disk.entries = disk.entries.slice(through - disk.firstIndex + 1);
      disk.firstIndex = through + 1;
    },
    async reset({ afterIndex, clusterId }) {
      disk.entries = [];
      disk.firstIndex = afterIndex + 1;
      disk.clusterId = clusterId;
    },
    async close() {
      await last;
      closed = true;
    },
  };
}

function writeFailed(why: string): NamedError {
  return new NamedError("LOG_WRITE_FAILED", `Cannot append to log: ${why}`, { statusCode: 503 });
}

export function openMemorySnapshots(disk: MemoryDisk): SnapshotStore {
  return {
    async list() {
      return [...disk.snapshots.keys()].sort((a, b) => b - a);
    },
    async save(index, chunks, keep) {
      const collected: Uint8Array[] = [];
      for await (const chunk of chunks) collected.push(chunk);
      disk.snapshots.set(index, collected);
      for (const old of [...disk.snapshots.keys()].sort((a, b) => b - a).slice(keep)) disk.snapshots.delete(old);
    },
    async *open(index) {
      const chunks = disk.snapshots.get(index);
      if (chunks === undefined)
        throw new NamedError("SNAPSHOT_MISSING", `Cannot open snapshot ${index}: there is none`, { statusCode: 404 });
      yield* chunks;
    },
  };
}
