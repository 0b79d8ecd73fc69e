/**
 * A server of a cluster, put together: its state from its own disk at once, then what the shared log tells. Answers whoever asks meanwhile that
 * there is no leader yet.
 *
 *   writes ──► whoever leads appends ──► the shared log ──► everybody follows: own disk, state ──► reads, behind a barrier
 *
 * Read next: options.ts; following.ts (what goes on by itself; judge.ts, tail.ts, fetch.ts), leading.ts, writes.ts (forward.ts), barrier.ts.
 */
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import type { PeerEnd, ServerReport, SharedLeader, SharedLog } from "#ports";
import { type Codec, type Command, createCodec, FEATURE_LEVEL, type Outcome, type Snapshot, type State } from "#state";
import { messageOf, NamedError, VERSION } from "#std";
import { Compactor } from "../compactor.ts";
import type { Cluster, LeaderDescription, Leadership, ServerDescription } from "../contract.ts";
import { pause, unlessAborted } from "../deadline.ts";
import { LeadingWork } from "../leading-work.ts";
import { readMakerRecord } from "../maker.ts";
import { alone, cannotTakeOver, closed, halted, noLeader, notLeading, parted } from "../problems.ts";
import { recover } from "../recover.ts";
import { restoreThroughLog } from "../restore.ts";
import { storedSnapshot } from "../stored-snapshot.ts";
import { barrier } from "./barrier.ts";
import { Following } from "./following.ts";
import { judgeDigests } from "./digest-verdict.ts";
import { Digests } from "./digests.ts";
import { type CutPolicy, Leading } from "./leading.ts";
import { LIMITS, type SharedClusterLimits, type SharedClusterOptions } from "./options.ts";
import { Waiting } from "./requests.ts";
import { Tail } from "./tail.ts";
import { Writes } from "./writes.ts";

/** A server that takes part says so each time. */
const REPORTS_MISSED_MAX = 3;

export type SharedCluster = Cluster & { readonly peer: Pick<PeerEnd, "propose" | "snapshot"> };

/** Returns with the state of the own disk; the rest comes by itself. NamedErrors as startCluster. */
export async function startSharedCluster(options: SharedClusterOptions): Promise<SharedCluster> {
  const { log, snapshots, clock, disk } = options;
  const codec = createCodec();
  const warn = (message: string): void => options.report?.({ level: "warn", message, fields: {} });
  const recovered = await recover(log, snapshots, codec, { clock, freeze: options.freeze === true, mayRunAhead: true });
  for (const { index, reason } of recovered.unreadable) warn(`Cannot read snapshot ${index}: ${reason}; an older one was used`);
  const record = await readMakerRecord(disk);
  const belongs = record?.clusterId ?? (log.lastIndex > 0 ? log.clusterId : "");
  const cluster = new ServerOfMany(options, { ...recovered, codec, warn, belongs, founds: record?.founds === true });
  cluster.begin();
  return cluster;
}

interface Start {
  readonly state: State;
  readonly snapshotIndex: number;
  readonly codec: Codec;
  readonly warn: (message: string) => void;
  readonly belongs: string;
  readonly founds: boolean;
}

class ServerOfMany implements SharedCluster {
  readonly serverId: string;
  readonly state: State;
  readonly peer: Pick<PeerEnd, "propose" | "snapshot">;
  readonly #options: SharedClusterOptions;
  readonly #limits: SharedClusterLimits;
  readonly #codec: Codec;
  readonly #warn: (message: string) => void;
  readonly #self: SharedLeader;
  readonly #waiting = new Waiting();
  readonly #work: LeadingWork;
  readonly #compactor: Compactor;
  readonly #tail: Tail;
  readonly #following: Following;
  readonly #writes: Writes;
  readonly #digests: Digests;
  readonly #readable: Pick<State, "logIndex">;
  readonly #ending = new AbortController();
  readonly #holds = new Set<{ readonly index: number; readonly untilMs: number }>();
  readonly #lives: Promise<void>[] = [];
  #shared: SharedLog | undefined;
  #leading: Leading | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SharedClusterOptions, start: Start) {
    const { state, warn } = start;
    this.serverId = options.serverId;
    this.state = state;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#codec = start.codec;
    this.#warn = warn;
    this.#self = { ServerId: options.serverId, Name: options.name, RpcAddress: options.rpcAddress, HttpAddress: options.httpAddress };
    this.#work = new LeadingWork(warn, (thrown) => {
      warn(`Cannot begin what the leader does: ${messageOf(thrown)}`);
      this.#leading?.stepDown(thrown as Error);
    });
    this.#compactor = this.#makeCompactor(start.snapshotIndex);
    this.#tail = this.#makeTail();
    this.#following = this.#makeFollowing(start);
    this.#writes = this.#makeWrites();
    this.#digests = this.#makeDigests();
    const following = this.#following;
    // One that is about to be replaced is read no more.
    this.#readable = {
      get logIndex() {
        return following.isParted ? -1 : state.logIndex;
      },
    };
    state.watch.subscribe(({ replaced }) => {
      if (replaced !== true) return;
      this.#digests.forget();
      this.#leading?.beginAnew();
    });
    this.peer = {
      propose: (bytes, requestId) => this.#writes.forPeer(bytes, requestId),
      snapshot: (atLeastIndex) => this.readSnapshot(atLeastIndex),
    };
  }

  /** Everything that goes on by itself. */
  begin(): void {
    this.#lives.push(this.#live().catch((thrown: unknown) => this.#following.refused(halted(thrown))));
  }

  get clusterId(): string {
    return this.#following.clusterId;
  }
  get leads(): boolean {
    return this.#leading?.leads ?? false;
  }
  get leader(): LeaderDescription | undefined {
    return this.problem === undefined ? this.#shared?.leader : undefined;
  }
  get leaderAddress(): string {
    return this.leader?.RpcAddress ?? "";
  }
  get problem(): NamedError | undefined {
    const { problem } = this.#following;
    const awaited = this.#shared === undefined ? this.#options.awaited?.() : undefined;
    if (problem !== undefined || awaited === undefined || awaited === "") return problem;
    return new NamedError("CLUSTER_NOT_THERE", awaited, { statusCode: 503 });
  }
  get discards(): number {
    return this.#following.discards;
  }
  lastContactMs(): number {
    return this.leads ? 0 : (this.#shared?.contactAgeMs() ?? 0);
  }

  async propose(command: Command, requestId: string = this.#options.random.uuid()): Promise<Outcome> {
    if (this.#closing !== undefined) throw closed();
    return this.#writes.propose(command, requestId);
  }

  async read(): Promise<Snapshot> {
    if (this.#closing !== undefined) throw closed();
    await this.#barrier(this.#limits.readMs);
    return this.state.snapshot();
  }

  whenLeading(begin: (leadership: Leadership) => Promise<() => Promise<void>>): Promise<() => void> {
    return this.#work.add(begin);
  }

  async transferLeadership(toServerId?: string): Promise<void> {
    if (!this.leads) throw notLeading(this.leader);
    if (toServerId === this.serverId) return;
    if ((await this.servers()).length < 2) throw alone();
    if (toServerId !== undefined) await this.#mayTakeOver(toServerId);
    this.#leading?.transfer(toServerId);
  }

  /** Rejects when it is known that this server would not come to lead. */
  async #mayTakeOver(serverId: string): Promise<void> {
    const agoMs = await this.#leading?.heardAgoMs(serverId);
    if (agoMs === undefined || agoMs > this.#limits.reportEveryMs * REPORTS_MISSED_MAX) throw cannotTakeOver(serverId, agoMs);
  }

  compact(): Promise<void> {
    return this.#compactor.compact();
  }

  async *readSnapshot(atLeastIndex: number): AsyncGenerator<Uint8Array> {
    if (this.#following.isParted) throw parted();
    const { snapshots, clock } = this.#options;
    // Whoever reads it goes on in the shared log from there.
    const hold = { index: Math.max(0, atLeastIndex), untilMs: clock.nowMs() + this.#limits.streamHoldMs };
    this.#holds.add(hold);
    try {
      yield* storedSnapshot(
        { snapshots, clusterId: this.#options.log.clusterId, state: this.state, compactor: this.#compactor },
        atLeastIndex,
      );
    } finally {
      // Loading takes a while yet.
      clock.after(this.#limits.retryMs * 5, () => void this.#holds.delete(hold));
    }
  }

  restore(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly Index: number }> {
    const { clock, random } = this.#options;
    return restoreThroughLog(chunks, { clock, random, propose: (command, requestId) => this.propose(command, requestId) });
  }

  async servers(): Promise<readonly ServerDescription[]> {
    const shared = this.#shared;
    const reports = shared === undefined ? [] : await shared.reports().catch(() => []);
    const leaderId = this.leader?.ServerId;
    const all = reports.some(({ ServerId }) => ServerId === this.serverId) ? reports : [...reports, this.#ownReport()];
    return all.map((report) => ({ ...report, Leader: report.ServerId === leaderId }));
  }

  async forgetServer(serverId: string): Promise<void> {
    if (this.#shared === undefined) throw noLeader("the shared log does not answer yet");
    await this.#shared.forget(serverId);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#ending.abort(closed());
      this.#waiting.end(closed());
      await Promise.all(this.#lives);
      await this.#work.end();
      await this.#tail.drained();
      await this.#compactor.settled();
      await this.#options.log.close();
    })();
    return this.#closing;
  }

  // What goes on by itself.

  async #live(): Promise<void> {
    const { signal } = this.#ending;
    const shared = await unlessAborted(signal, this.#options.shared, closed).catch((thrown: unknown) => {
      if (!signal.aborted) this.#following.refused(thrown);
      return undefined;
    });
    if (shared === undefined) return;
    this.#shared = shared;
    this.#leading = this.#makeLeading(shared);
    this.#lives.push(this.#leading.run());
    this.#lives.push(this.#reportNowAndThen(shared));
    await this.#following.run(shared);
  }

  async #reportNowAndThen(shared: SharedLog): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const { follows } = this.#following;
      // One that takes no part has nothing to say about this log.
      if (follows) await unlessAborted(signal, this.#reportAndCompare(shared), closed).catch(() => undefined);
      await pause(this.#options.clock, this.#following.follows ? this.#limits.reportEveryMs : this.#limits.retryMs, signal);
    }
  }

  async #reportAndCompare(shared: SharedLog): Promise<void> {
    const report = this.#ownReport();
    await shared.report(report);
    const { kept, agreedIndex } = this.#digests;
    // Nothing new to compare is nothing to ask for.
    if (kept.every(({ Index }) => Index <= agreedIndex)) return;
    const others = (await shared.reports()).filter(({ ServerId }) => ServerId !== this.serverId);
    const verdict = judgeDigests({ ...report, StateDigests: this.#digests.kept }, others);
    if (verdict.kind === "diverged") this.#following.discard(verdict);
    else if (verdict.kind !== "unknown") this.#digests.told(verdict, this.#warn);
  }

  #ownReport(): ServerReport {
    const { log, clock, featureLevel = FEATURE_LEVEL } = this.#options;
    const { kept } = this.#digests;
    return {
      ...this.#self,
      Version: VERSION.drover,
      FeatureLevel: featureLevel,
      SyncedIndex: log.lastIndex,
      Time: clock.nowMs(),
      ...(kept.length === 0 ? {} : { StateDigests: kept }),
    };
  }

  #barrier(limitMs: number): Promise<void> {
    return barrier(
      {
        state: this.#readable,
        waiting: this.#waiting,
        clock: this.#options.clock,
        shared: () => this.#shared,
        clusterId: () => this.clusterId,
        problem: () => this.problem,
        signal: this.#ending.signal,
      },
      limitMs,
    );
  }

  #tell(message: string): void {
    this.#options.report?.({ level: "info", message, fields: {} });
  }

  // The parts.

  #makeCompactor(snapshotIndex: number): Compactor {
    const { log, snapshots, clock, snapshotEveryEntries } = this.#options;
    return new Compactor(
      {
        log,
        snapshots,
        clock,
        state: this.state,
        warn: this.#warn,
        ...(snapshotEveryEntries === undefined ? {} : { everyEntries: snapshotEveryEntries }),
        atBoundary: (take) => this.#tail.atBoundary(take),
      },
      snapshotIndex,
    );
  }

  #makeTail(): Tail {
    const { log, clock } = this.#options;
    return new Tail({
      log,
      clock,
      state: this.state,
      codec: this.#codec,
      warn: this.#warn,
      waiting: this.#waiting,
      signal: this.#ending.signal,
      entryApplied: () => this.#digests.applied(),
      applied: (index) => this.#compactor.applied(index),
      changed: () => this.#following.hindranceChanged(),
    });
  }

  #makeFollowing({ belongs, founds }: Start): Following {
    return new Following({
      server: this.#options,
      state: this.state,
      waiting: this.#waiting,
      compactor: this.#compactor,
      tail: this.#tail,
      retryMs: this.#limits.retryMs,
      discardRestMs: this.#limits.discardRestMs,
      rested: async () => this.#leading?.rested(),
      belongs,
      founds,
      warn: this.#warn,
      tell: (message) => this.#tell(message),
      signal: this.#ending.signal,
    });
  }

  #makeDigests(): Digests {
    const { digestEveryEntries: everyEntries, digestEveryMs: everyMs } = this.#limits;
    const { clock } = this.#options;
    return new Digests({ clock, state: this.state, schedule: { everyEntries, everyMs }, signal: this.#ending.signal });
  }

  #makeWrites(): Writes {
    const { clock, peers } = this.#options;
    return new Writes({
      clock,
      peers,
      serverId: this.serverId,
      state: this.state,
      codec: this.#codec,
      waiting: this.#waiting,
      proposeMs: this.#limits.proposeMs,
      leader: () => this.leader,
      lead: (proposal) => this.#leading?.propose(proposal),
      leads: () => this.leads,
      problem: () => this.problem,
      barrier: (limitMs) => this.#barrier(limitMs),
      signal: this.#ending.signal,
    });
  }

  #makeLeading(shared: SharedLog): Leading {
    const { clock, random, firstConfiguration = DEFAULT_SCHEDULER_CONFIGURATION, featureLevel = FEATURE_LEVEL } = this.#options;
    const limits = this.#limits;
    const cut: CutPolicy = {
      everyMs: limits.cutEveryMs,
      marginEntries: limits.cutMarginEntries,
      patienceEntries: limits.cutPatienceEntries,
      silenceMs: limits.silenceMs,
      heldIndexes: () => [...this.#holds].filter(({ untilMs }) => untilMs > clock.nowMs()).map(({ index }) => index),
    };
    return new Leading({
      shared,
      clock,
      random,
      firstConfiguration,
      featureLevel,
      cut,
      self: this.#self,
      cluster: this,
      state: this.state,
      codec: this.#codec,
      waiting: this.#waiting,
      work: this.#work,
      warn: this.#warn,
      report: (message) => this.#tell(message),
      mayLead: () => this.#following.mayLead(),
      signal: this.#ending.signal,
    });
  }
}
