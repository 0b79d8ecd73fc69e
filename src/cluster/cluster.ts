/**
 * One server's cluster: recover from disk, then propose → append → apply → answer, with a snapshot every so many entries. The one server
 * leads from the start.
 */
import { DEFAULT_SCHEDULER_CONFIGURATION, type SchedulerConfiguration } from "#model";
import type { Clock, Log, Random, SnapshotStore } from "#ports";
import { type Command, commandVersion, createCodec, type Outcome, type Snapshot, type State } from "#state";
import { messageOf, NamedError } from "#std";
import { Appender } from "./appender.ts";
import type { Cluster } from "./contract.ts";
import { COMMAND_BYTES_MAX, SNAPSHOT_EVERY_ENTRIES, SNAPSHOT_PATIENCE, SNAPSHOT_REST, SNAPSHOTS_KEPT } from "./limits.ts";
import { recover } from "./recover.ts";

export interface ClusterOptions {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly random: Random;
  /** What `leaderAddress` says: host:port of this server. */
  readonly address?: string;
  readonly snapshotEveryEntries?: number;
  /** Freeze what the state stores (tests). */
  readonly freeze?: boolean;
  /** Told of what went wrong in the background: a snapshot that could not be written or read. */
  readonly warn?: (message: string) => void;
  /** How a cluster that is new schedules: its first entry. Absent: as everybody's does. */
  readonly firstConfiguration?: SchedulerConfiguration;
}

/** NamedErrors LOG_BEHIND_SNAPSHOT, SNAPSHOT_UNREADABLE, LOG_CORRUPT, STATE_COMMAND_UNKNOWN_VERSION: the data does not fit or is too new. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { log, clock } = options;
  const codec = createCodec();
  const warn = options.warn ?? (() => undefined);
  const recovered = await recover(log, options.snapshots, codec, { clock, freeze: options.freeze === true });
  for (const { index, reason } of recovered.unreadable) warn(`Cannot read snapshot ${index}: ${reason}; an older one was used`);
  const cluster = new OneServer(options, recovered.state, recovered.snapshotIndex, codec, warn);
  // The first entry takes index 1, so that a reader who waits from the smallest index sees the first real change (F3).
  if (log.lastIndex === 0)
    await cluster.propose({
      type: "scheduler-configuration",
      Configuration: options.firstConfiguration ?? DEFAULT_SCHEDULER_CONFIGURATION,
      EnforceIndex: null,
    });
  return cluster;
}

class OneServer implements Cluster {
  readonly clusterId: string;
  readonly state: State;
  readonly leads = true;
  readonly leaderAddress: string;
  readonly #options: ClusterOptions;
  readonly #codec: ReturnType<typeof createCodec>;
  readonly #warn: (message: string) => void;
  readonly #appender: Appender;
  readonly #every: number;
  /** Of the latest proposal: the next one's is never less. */
  #time: number;
  #snapshotIndex: number;
  #restsUntilMs = 0;
  #compacting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: ClusterOptions,
    state: State,
    snapshotIndex: number,
    codec: ReturnType<typeof createCodec>,
    warn: (message: string) => void,
  ) {
    this.clusterId = options.log.clusterId;
    this.state = state;
    this.leaderAddress = options.address ?? "127.0.0.1:4647";
    this.#options = options;
    this.#codec = codec;
    this.#warn = warn;
    this.#every = options.snapshotEveryEntries ?? SNAPSHOT_EVERY_ENTRIES;
    this.#time = state.time;
    this.#snapshotIndex = snapshotIndex;
    this.#appender = new Appender({ log: options.log, state, codec, clock: options.clock, applied: (index) => this.#applied(index) });
  }

  async propose(command: Command, requestId: string = this.#options.random.uuid()): Promise<Outcome> {
    if (this.#closing !== undefined)
      throw new NamedError("CLUSTER_CLOSED", "Cannot write: the server is shutting down", { statusCode: 503 });
    this.#time = Math.max(this.#time, this.#options.clock.nowNs());
    const bytes = this.#codec.encode({ version: commandVersion(command.type) ?? 0, time: this.#time, requestId, command });
    if (bytes.length > COMMAND_BYTES_MAX) throw tooLarge(command, bytes.length);
    return this.#appender.add(bytes);
  }

  async read(): Promise<Snapshot> {
    return this.state.snapshot();
  }

  compact(): Promise<void> {
    this.#compacting ??= this.#compactNow().finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#appender.drained();
      await this.#compacting?.catch(() => undefined);
      await this.#options.log.close();
    })();
    return this.#closing;
  }

  #applied(index: number): void {
    const since = index - this.#snapshotIndex;
    if (since < this.#every || this.#compacting !== undefined) return;
    if (since < this.#every * SNAPSHOT_PATIENCE && this.#options.clock.nowMs() < this.#restsUntilMs) return;
    this.compact().catch((thrown: unknown) => {
      // Not at every entry from now on: again after as many more.
      this.#snapshotIndex = index;
      this.#warn(`Cannot write snapshot: ${messageOf(thrown)}; the log goes on growing`);
    });
  }

  async #compactNow(): Promise<void> {
    const { log, snapshots, clock } = this.#options;
    if (log.lastIndex === 0) return;
    const startedMs = clock.nowMs();
    // Both in one turn: the snapshot is of this index.
    const index = this.state.index;
    const chunks = this.state.save();
    await snapshots.save(index, chunks, SNAPSHOTS_KEPT);
    this.#snapshotIndex = index;
    this.#restsUntilMs = clock.nowMs() + SNAPSHOT_REST * (clock.nowMs() - startedMs);
    const kept = await snapshots.list();
    // A lone snapshot has nothing behind it should it be damaged: until there is a second, the log stays whole.
    if (kept.length >= SNAPSHOTS_KEPT) await log.cut(kept[SNAPSHOTS_KEPT - 1] as number);
  }
}

function tooLarge(command: Command, bytes: number): NamedError {
  const megabytes = (value: number) => (value / 1024 / 1024).toFixed(1);
  const subject = command.type === "job-register" ? `job "${command.Job.ID}"` : `"${command.type}"`;
  return new NamedError(
    "COMMAND_TOO_LARGE",
    `Cannot store ${subject}: it takes ${megabytes(bytes)} MB, at most ${megabytes(COMMAND_BYTES_MAX)} MB fit`,
    {
      statusCode: 413,
    },
  );
}
