/** What a server of a cluster is given, and how patient it is. */
import type { SchedulerConfiguration } from "#model";
import type { Clock, Log, Peers, Random, SharedLog, SnapshotStore } from "#ports";
import type { MakerDisk } from "../maker.ts";

export interface SharedClusterOptions {
  readonly serverId: string;
  readonly name: string;
  /** host:port of this server, as others reach it. */
  readonly rpcAddress: string;
  readonly httpAddress: string;
  /** May make the cluster where there is none (bootstrap_expect); otherwise it waits to find one. */
  readonly bootstrap: boolean;
  /** On the own disk. A new one belongs to whatever cluster it finds. */
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  /** `<data_dir>/server`: log-maker.json. */
  readonly disk: MakerDisk;
  /** Resolves when Consul answers. Stays the caller's to close, as do peers. */
  readonly shared: Promise<SharedLog>;
  /** What it waits for until then, for people; "": nothing is known. */
  readonly awaited?: () => string;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: what this program reads. */
  readonly featureLevel?: number;
  readonly snapshotEveryEntries?: number;
  readonly freeze?: boolean;
  /** What is worth a line in the log: who leads, what was fetched; at level warn what went wrong in the background. */
  readonly report?: (entry: {
    readonly level: "info" | "warn";
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }) => void;
  readonly firstConfiguration?: SchedulerConfiguration;
  readonly limits?: Partial<SharedClusterLimits>;
}

export interface SharedClusterLimits {
  /** How long a write is tried for. */
  readonly proposeMs: number;
  /** How long a reader waits to be up to date. */
  readonly readMs: number;
  readonly reportEveryMs: number;
  /** Between looks at a shared log that cannot be followed. */
  readonly retryMs: number;
  readonly cutEveryMs: number;
  readonly cutMarginEntries: number;
  readonly cutPatienceEntries: number;
  /** How long a snapshot on its way holds the cut back. */
  readonly streamHoldMs: number;
  readonly silenceMs: number;
  /** How often a server's state is compared with the others': digest-verdict.ts. */
  readonly digestEveryEntries: number;
  readonly digestEveryMs: number;
  /** A server that has discarded its state does not do so again for so long: what a fetch does not mend, many do not mend. */
  readonly discardRestMs: number;
}

export const LIMITS: SharedClusterLimits = {
  proposeMs: 10_000,
  readMs: 5_000,
  reportEveryMs: 5_000,
  retryMs: 1_000,
  cutEveryMs: 5_000,
  cutMarginEntries: 1_024,
  cutPatienceEntries: 65_536,
  streamHoldMs: 10 * 60_000,
  silenceMs: 10 * 60_000,
  digestEveryEntries: 16_384,
  digestEveryMs: 10 * 60_000,
  discardRestMs: 60 * 60_000,
};
