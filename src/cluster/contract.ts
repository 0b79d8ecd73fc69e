/**
 * How servers agree. propose → durable in the log → applied → answered. One door, whether a server stands alone (its log on its own disk) or
 * with others (a shared log; the leader appends, everybody follows).
 */
import type { Command, Outcome, Snapshot, State } from "#state";
import type { NamedError } from "#std";

export interface Cluster {
  readonly clusterId: string;
  /** This server's own id, kept on its disk. */
  readonly serverId: string;
  readonly state: State;
  /**
   * Resolves when the command is durable and applied here; the outcome is the state's. On any server: one that does not lead has the leader do
   * it, and asks the next one under the same request id when that one is lost meanwhile, so it is never applied twice. Rejects with NamedErrors
   * LOG_WRITE_FAILED (503; nothing happened), CLUSTER_NO_LEADER (500 "No cluster leader"; nobody took it in time: it may still happen),
   * CLUSTER_CLOSED.
   * `requestId` defaults to a fresh one; repeating it answers the first outcome.
   */
  propose(command: Command, requestId?: string): Promise<Outcome>;
  /** A snapshot that contains everything acknowledged before the call, by whichever server: a barrier. Rejects with CLUSTER_NO_LEADER. */
  read(): Promise<Snapshot>;
  /** True on the one server that acts: broker, heartbeats, loops. */
  readonly leads: boolean;
  /** host:port (4647) of the leader; "": none is known. */
  readonly leaderAddress: string;
  readonly leader: LeaderDescription | undefined;
  /** Why this server takes no part (another cluster's log, a disk that refuses, an entry it cannot read), with what mends it. */
  readonly problem?: NamedError | undefined;
  /** How often this server has given up its own state for the others' since it started; undefined: it stands alone. */
  readonly discards?: number | undefined;
  /** Milliseconds since this server was last sure to be up to date; 0 on the leader. X-Nomad-LastContact. */
  lastContactMs(): number;
  /**
   * `begin` is called whenever this server comes to lead (at once if it does), with a cluster whose proposals are refused as soon as that is
   * over; what it returns ends the work then, and is waited for before anybody begins again. When `begin` rejects the server steps down (F5).
   */
  whenLeading(begin: (leadership: Leadership) => Promise<() => Promise<void>>): Promise<() => void>;
  /**
   * Steps down; another server leads soon: the one that is named, if it comes within two seconds (the others hold back so long), else any. Naming the
   * leader does nothing. NamedErrors CLUSTER_ALONE (400) where there is no other, CLUSTER_SUCCESSOR_SILENT (409) when the named one is known not to
   * follow, CLUSTER_NOT_LEADING.
   */
  transferLeadership(toServerId?: string): Promise<void>;
  /** Writes a snapshot and cuts the log; also happens by itself every `snapshotEveryEntries`. */
  compact(): Promise<void>;
  /** The newest snapshot at or above an index, as bytes; written first when there is none. For servers that lag. */
  readSnapshot(atLeastIndex: number): AsyncIterable<Uint8Array>;
  /**
   * Everything that is is replaced by what the snapshot holds, at the next index, on every server. Bytes as readSnapshot gives them, divided
   * anyhow. NamedError STATE_SNAPSHOT_UNREADABLE (400)
   * before anything happens.
   */
  restore(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly Index: number }>;
  /** Servers as the shared log knows them; of a server that stands alone: itself. */
  servers(): Promise<readonly ServerDescription[]>;
  /** That server is gone for good: it is not counted any more. Unknown ones are fine; NamedError SERVER_ALIVE (400) for this one itself. */
  forgetServer(serverId: string): Promise<void>;
  close(): Promise<void>;
}

export interface LeaderDescription {
  readonly ServerId: string;
  readonly Name: string;
  readonly RpcAddress: string;
  readonly HttpAddress: string;
}

export interface ServerDescription extends LeaderDescription {
  readonly Leader: boolean;
  readonly Version: string;
  readonly FeatureLevel: number;
  readonly SyncedIndex: number;
  /** Unix milliseconds of its latest word. */
  readonly Time: number;
}

export interface Leadership {
  readonly epoch: number;
  /** Proposals through it are refused (CLUSTER_NOT_LEADING) once `lost` aborts; never forwarded. */
  readonly cluster: Cluster;
  readonly lost: AbortSignal;
}
