/**
 * The ordered log every change goes through: the truth of a cluster. Makers: `sqlite` (integrations/host), `memory`
 * (integrations/memory), later `consul`.
 *
 * Contract (test/conformance/log):
 * - `append` gives consecutive indexes from `lastIndex + 1`, in call order, and resolves only when the entries are durable.
 *   Entries of one call are durable together or not at all. Concurrent calls may share one sync (group commit).
 * - After a crash the log holds a prefix of what was appended, and everything whose append had resolved.
 * - `read` yields entries in index order without holes.
 * - `cut(through)` forgets entries ≤ through; `firstIndex` moves to through + 1.
 * - `reset` forgets everything and goes on after another index, all at once.
 */
export interface LogEntry {
  readonly index: number;
  readonly data: Uint8Array;
}

export interface Log {
  /** Recorded in data_dir; a mismatch refuses to start. */
  readonly maker: "sqlite" | "consul" | "memory";
  /** Identifies the cluster this log belongs to; made once, changed only by `reset`. */
  readonly clusterId: string;
  /** The lowest index still held; lastIndex + 1 when empty. */
  readonly firstIndex: number;
  /** 0 when nothing was ever appended. */
  readonly lastIndex: number;
  /** The index of the first entry. Rejects with a NamedError LOG_WRITE_FAILED (disk full, read-only, …); nothing was kept then. */
  append(entries: readonly Uint8Array[]): Promise<number>;
  /** Batches from `fromIndex` up to what is durable now. */
  read(fromIndex: number): AsyncIterable<readonly LogEntry[]>;
  cut(throughIndex: number): Promise<void>;
  /** A server that joins another's cluster, or goes on from another's snapshot. No append may be under way. */
  reset(to: { readonly afterIndex: number; readonly clusterId: string }): Promise<void>;
  close(): Promise<void>;
}

/** Where snapshots of the state lie. A snapshot counts only after it is complete (temp file, sync, rename, sync of the folder). */
export interface SnapshotStore {
  /** Indexes of complete snapshots, newest first. */
  list(): Promise<readonly number[]>;
  /** Writes the chunks as the snapshot of `index`; older ones beyond `keep` are removed after. */
  save(index: number, chunks: AsyncIterable<Uint8Array>, keep: number): Promise<void>;
  open(index: number): AsyncIterable<Uint8Array>;
}
