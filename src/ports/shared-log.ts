/**
 * The ordered log that several servers share: who may write it, and what stands in it. Makers: `consul` (integrations/consul), `memory`
 * (integrations/memory, for simulations with faults). Each server keeps what it has read of it in a Log of its own (log.ts) besides, so a
 * restart is local and the shared log needs to hold only a tail.
 *
 * Contract (test/conformance/shared-log):
 * - One tenure at a time can append. What a tenure that was replaced still has on the way is written whole before the next tenure's first
 *   entry, or never (fencing): two leaders never both commit (F5).
 * - `append` is acknowledged when it is durable. After a lost answer the maker finds out what became of it before it does anything else; it
 *   ends the tenure when it cannot.
 * - `follow` yields batches in index order without holes, each once, as soon as they are durable.
 * - Two batches with the same (index, EpochId) are the same: an EpochId is random, made once per tenure.
 */
export interface SharedHead {
  readonly ClusterId: string;
  /** Counts tenures. */
  readonly Epoch: number;
  /** Of whoever wrote the entry at LastIndex. */
  readonly EpochId: string;
  /** 0: nothing was ever appended. */
  readonly LastIndex: number;
  /** The lowest index still held; LastIndex + 1 when none is. */
  readonly Floor: number;
}

export interface SharedBatch {
  readonly FirstIndex: number;
  readonly EpochId: string;
  /** Of the entry before FirstIndex; "" before the first of all. One's own must be the same, or the histories have parted. */
  readonly PreviousEpochId: string;
  readonly Entries: readonly Uint8Array[];
}

/** Who leads, as the lock says. Addresses are host:port. */
export interface SharedLeader {
  readonly ServerId: string;
  readonly Name: string;
  readonly RpcAddress: string;
  readonly HttpAddress: string;
}

/** Of the whole state after the entry at Index; EpochId is that entry's: what was written anew there is another story. */
export interface StateDigest {
  readonly Index: number;
  readonly EpochId: string;
  readonly Digest: string;
}

/** What each server says of itself to the others, on the shared log's side. */
export interface ServerReport extends SharedLeader {
  /** "0.1.0" */
  readonly Version: string;
  /** The highest format of commands this server can apply; a command that needs more is written only when all have it. */
  readonly FeatureLevel: number;
  /** What is on its own disk, synced. */
  readonly SyncedIndex: number;
  /** Unix milliseconds of its own clock. */
  readonly Time: number;
  /** The last few; left out: it has said none yet. */
  readonly StateDigests?: readonly StateDigest[];
}

export interface Tenure {
  readonly Epoch: number;
  /** Every batch of this tenure carries it. */
  readonly EpochId: string;
  /** Aborts (reason: an Error that says why) as soon as somebody else may lead. */
  readonly lost: AbortSignal;
  /**
   * The index of the first. Entries of one call are durable together or not at all. Rejects with NamedErrors SHARED_LOG_NOT_LEADING (nothing was
   * written), SHARED_LOG_OUTCOME_UNKNOWN (503; the tenure is lost: whoever waits asks the next leader with the same request id),
   * LOG_WRITE_FAILED (nothing was written).
   */
  append(entries: readonly Uint8Array[]): Promise<number>;
  /** Forgets entries ≤ throughIndex. */
  cut(throughIndex: number): Promise<void>;
  /**
   * Gives the lock back; fine when it is lost already. `successorId`: the server that is to lead next. The others hold back until it does, for
   * SUCCESSOR_MS at most; the name holds for this one time the lock is free.
   */
  resign(reason: string, successorId?: string): Promise<void>;
}

/** How long who leads next is waited for where a leader named it: it may be dead, or kept from leading. */
export const SUCCESSOR_MS = 2_000;

export interface SharedLog {
  readonly maker: "consul" | "memory";
  /** null: no cluster was ever made here. Never stale. Shared by callers that asked before it was sent. Rejects with SHARED_LOG_UNREACHABLE (503). */
  head(): Promise<SharedHead | null>;
  /** The cluster is made, or goes on from what a server's disk holds (migration, recovery). false: there is one already. */
  create(head: Omit<SharedHead, "Epoch" | "Floor">): Promise<boolean>;
  /**
   * Only after an operator's recovery: what stands there is forgotten, and the log goes on after this head. Rejects with SHARED_LOG_IN_USE (409) where
   * somebody else writes it all the time.
   */
  replace(head: Omit<SharedHead, "Epoch" | "Floor">): Promise<void>;
  /**
   * From `fromIndex` on, waiting for what comes. Rejects with SHARED_LOG_CUT when fromIndex is below the floor, SHARED_LOG_BEHIND when the head is
   * below fromIndex - 1 (wiped, restored, another one). Lost connections are mended inside, reported by `contact`.
   */
  follow(fromIndex: number, signal: AbortSignal): AsyncIterable<SharedBatch>;
  /** Waits until it holds the lock; tries again for ever. Rejects only when the signal aborts. */
  campaign(self: SharedLeader, signal: AbortSignal): Promise<Tenure>;
  /** Whoever holds the lock as far as is known here; undefined: nobody. */
  readonly leader: SharedLeader | undefined;
  whenLeaderChanges(listener: (leader: SharedLeader | undefined) => void): () => void;
  /** Milliseconds since the shared log last answered. */
  contactAgeMs(): number;
  report(report: ServerReport): Promise<void>;
  reports(): Promise<readonly ServerReport[]>;
  /** The server is gone for good: its report goes. */
  forget(serverId: string): Promise<void>;
  close(): Promise<void>;
}
