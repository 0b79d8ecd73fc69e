/**
 * One server's cluster: recover from disk, then propose → append → apply → answer, with a snapshot every so many entries. The one server
 * leads from the start.
 */
import { DEFAULT_SCHEDULER_CONFIGURATION, type SchedulerConfiguration } from "#model";
import type { Clock, Log, Random, SnapshotStore } from "#ports";
import { type Command, commandVersion, createCodec, FEATURE_LEVEL, type Outcome, type Snapshot, type State } from "#state";
import { VERSION } from "#std";
import { Appender } from "./appender.ts";
import { Compactor } from "./compactor.ts";
import type { Cluster, LeaderDescription, Leadership, ServerDescription } from "./contract.ts";
import { LeadingWork } from "./leading-work.ts";
import { COMMAND_BYTES_MAX } from "./limits.ts";
import { alone, closed, notLeading, tooLarge } from "./problems.ts";
import { recover } from "./recover.ts";
import { restoreThroughLog } from "./restore.ts";
import { storedSnapshot } from "./stored-snapshot.ts";

export interface ClusterOptions {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly random: Random;
  /** What `leaderAddress` says: host:port of this server. */
  readonly address?: string;
  readonly serverId?: string;
  readonly name?: string;
  readonly httpAddress?: string;
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
  await cluster.lead();
  return cluster;
}

class OneServer implements Cluster {
  readonly serverId: string;
  readonly state: State;
  readonly leads = true;
  readonly leader: LeaderDescription;
  readonly #options: ClusterOptions;
  readonly #codec: ReturnType<typeof createCodec>;
  readonly #appender: Appender;
  readonly #compactor: Compactor;
  readonly #work: LeadingWork;
  readonly #unwatch: () => void;
  #lost = new AbortController();
  #epoch = 0;
  /** Of the latest proposal: the next one's is never less. */
  #time: number;
  #closing: Promise<void> | undefined;

  constructor(
    options: ClusterOptions,
    state: State,
    snapshotIndex: number,
    codec: ReturnType<typeof createCodec>,
    warn: (message: string) => void,
  ) {
    this.serverId = options.serverId ?? "server";
    this.state = state;
    this.leader = {
      ServerId: this.serverId,
      Name: options.name ?? "server",
      RpcAddress: options.address ?? "127.0.0.1:4647",
      HttpAddress: options.httpAddress ?? "127.0.0.1:4646",
    };
    this.#options = options;
    this.#codec = codec;
    this.#time = state.time;
    const { log, snapshots, clock } = options;
    const everyEntries = options.snapshotEveryEntries;
    this.#compactor = new Compactor(
      { log, snapshots, state, clock, warn, ...(everyEntries === undefined ? {} : { everyEntries }) },
      snapshotIndex,
    );
    this.#appender = new Appender({ log, state, codec, clock, applied: (index) => this.#compactor.applied(index) });
    // There is nobody to step down for: whoever asked for the work is told that it could not begin.
    this.#work = new LeadingWork(warn, (thrown) => {
      throw thrown;
    });
    // Nothing that is kept in memory is true any more.
    this.#unwatch = state.watch.subscribe(
      ({ replaced }) => void (replaced === true && this.#leadAnew().catch((thrown: unknown) => warn(String(thrown)))),
    );
  }

  get clusterId(): string {
    return this.#options.log.clusterId;
  }
  get leaderAddress(): string {
    return this.leader.RpcAddress;
  }

  async propose(command: Command, requestId: string = this.#options.random.uuid()): Promise<Outcome> {
    if (this.#closing !== undefined) throw closed();
    this.#time = Math.max(this.#time, this.#options.clock.nowNs());
    const bytes = this.#codec.encode({ version: commandVersion(command.type) ?? 0, time: this.#time, requestId, command });
    if (bytes.length > COMMAND_BYTES_MAX) throw tooLarge(command, bytes.length);
    return this.#appender.add(bytes);
  }

  async read(): Promise<Snapshot> {
    return this.state.snapshot();
  }

  lastContactMs(): number {
    return 0;
  }

  whenLeading(begin: (leadership: Leadership) => Promise<() => Promise<void>>): Promise<() => void> {
    return this.#work.add(begin);
  }

  async transferLeadership(toServerId?: string): Promise<void> {
    if (toServerId !== this.serverId) throw alone();
  }

  compact(): Promise<void> {
    return this.#compactor.compact();
  }

  readSnapshot(atLeastIndex: number): AsyncIterable<Uint8Array> {
    const { snapshots } = this.#options;
    return storedSnapshot({ snapshots, clusterId: this.clusterId, state: this.state, compactor: this.#compactor }, atLeastIndex);
  }

  restore(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly Index: number }> {
    const { clock, random } = this.#options;
    return restoreThroughLog(chunks, { clock, random, propose: (command, requestId) => this.propose(command, requestId) });
  }

  async servers(): Promise<readonly ServerDescription[]> {
    const { log, clock } = this.#options;
    return [
      {
        ...this.leader,
        Leader: true,
        Version: VERSION.drover,
        FeatureLevel: FEATURE_LEVEL,
        SyncedIndex: log.lastIndex,
        Time: clock.nowMs(),
      },
    ];
  }

  async forgetServer(serverId: string): Promise<void> {
    if (serverId === this.serverId) throw alone();
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#unwatch();
      this.#lost.abort(notLeading());
      await this.#work.end();
      await this.#appender.drained();
      await this.#compactor.settled();
      await this.#options.log.close();
    })();
    return this.#closing;
  }

  async lead(): Promise<void> {
    this.#lost = new AbortController();
    await this.#work.begin({ epoch: ++this.#epoch, cluster: this, lost: this.#lost.signal });
  }

  async #leadAnew(): Promise<void> {
    this.#lost.abort(notLeading());
    await this.#work.end();
    if (this.#closing === undefined) await this.lead();
  }
}
