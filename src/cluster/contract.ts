/**
 * How servers agree. One server today: propose → group commit in the log → apply → answer. The same door will serve three.
 */
import type { Command, Outcome, Snapshot, State } from "#state";

export interface Cluster {
  readonly clusterId: string;
  readonly state: State;
  /**
   * Resolves when the command is durable and applied; the outcome is the state's. Rejects with NamedError LOG_WRITE_FAILED (503)
   * when it could not be made durable: nothing happened then.
   * `requestId` defaults to a fresh one; repeating it answers the first outcome.
   */
  propose(command: Command, requestId?: string): Promise<Outcome>;
  /** A snapshot that contains everything acknowledged before the call (a barrier when there are several servers). */
  read(): Promise<Snapshot>;
  /** True on the one server that acts: broker, heartbeats, loops. */
  readonly leads: boolean;
  readonly leaderAddress: string;
  /** Writes a snapshot and cuts the log; also happens by itself every `snapshotEveryEntries`. */
  compact(): Promise<void>;
  close(): Promise<void>;
}
