/**
 * A server of a cluster: its state from its own disk at once, then what the shared log tells. Answers whoever asks meanwhile that there is no
 * leader yet.
 *
 *   joining ──log found, judged──► following ◄──► fetching a snapshot
 *      ▲ └──► refused (foreign, behind, diverged, wiped): says so, looks again      any ──entry unreadable──► halted
 *      └────── the log was lost, cut below us, replaced ──────┘
 *
 * Read next: judge.ts, tail.ts, leading.ts, forward.ts, fetch.ts.
 */
import { DEFAULT_SCHEDULER_CONFIGURATION, type SchedulerConfiguration } from "#model";
import type { Clock, Log, PeerEnd, PeerOutcome, Peers, Random, SharedLeader, SharedLog, SnapshotStore } from "#ports";
import { type Command, commandVersion, createCodec, type Codec, FEATURE_LEVEL, type Outcome, type Snapshot, type State } from "#state";
import { messageOf, NamedError, VERSION } from "#std";
import { Compactor } from "../compactor.ts";
import type { Cluster, LeaderDescription, Leadership, ServerDescription } from "../contract.ts";
import { pause, unlessAborted, within } from "../deadline.ts";
import { LeadingWork } from "../leading-work.ts";
import { COMMAND_BYTES_MAX } from "../limits.ts";
import { type MakerDisk, readMakerRecord, writeMakerRecord } from "../maker.ts";
import { alone, closed, halted, noLeader, notLeading, peerNotLeading, tooLarge } from "../problems.ts";
import { recover } from "../recover.ts";
import { restoreThroughLog } from "../restore.ts";
import { storedSnapshot } from "../stored-snapshot.ts";
import { fetchSnapshot } from "./fetch.ts";
import { askUntilAnswered } from "./forward.ts";
import { judge, type Verdict } from "./judge.ts";
import { type CutPolicy, Leading } from "./leading.ts";
import { Waiting } from "./requests.ts";
import { Tail } from "./tail.ts";

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
}

const LIMITS: SharedClusterLimits = {
  proposeMs: 10_000,
  readMs: 5_000,
  reportEveryMs: 5_000,
  retryMs: 1_000,
  cutEveryMs: 5_000,
  cutMarginEntries: 1_024,
  cutPatienceEntries: 65_536,
  streamHoldMs: 10 * 60_000,
  silenceMs: 10 * 60_000,
};

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

/** Between two looks of a reader that waits for the shared log. */
const BARRIER_RETRY_MS = 100;

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
  readonly #ending = new AbortController();
  readonly #holds = new Set<{ readonly index: number; readonly untilMs: number }>();
  readonly #lives: Promise<void>[] = [];
  #shared: SharedLog | undefined;
  #leading: Leading | undefined;
  #belongs: string;
  #founds: boolean;
  #problem: NamedError | undefined;
  #said = "";
  /** While it follows: aborts when it no longer does. */
  #following: AbortController | undefined;
  #changed = Promise.withResolvers<void>();
  #closing: Promise<void> | undefined;

  constructor(options: SharedClusterOptions, start: Start) {
    const { log, snapshots, clock } = options;
    const { state, codec, warn } = start;
    this.serverId = options.serverId;
    this.state = state;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#codec = codec;
    this.#warn = warn;
    this.#belongs = start.belongs;
    this.#founds = start.founds;
    this.#self = { ServerId: options.serverId, Name: options.name, RpcAddress: options.rpcAddress, HttpAddress: options.httpAddress };
    this.#work = new LeadingWork(warn, (thrown) => {
      warn(`Cannot begin what the leader does: ${messageOf(thrown)}`);
      this.#leading?.stepDown(thrown as Error);
    });
    const everyEntries = options.snapshotEveryEntries;
    this.#compactor = new Compactor(
      {
        log,
        snapshots,
        state,
        clock,
        warn,
        ...(everyEntries === undefined ? {} : { everyEntries }),
        atBoundary: (take) => this.#tail.atBoundary(take),
      },
      start.snapshotIndex,
    );
    this.#tail = new Tail({
      log,
      state,
      codec,
      clock,
      warn,
      waiting: this.#waiting,
      signal: this.#ending.signal,
      applied: (index) => this.#compactor.applied(index),
      changed: () => this.#hindranceChanged(),
    });
    state.watch.subscribe(({ replaced }) => void (replaced === true && this.#leading?.beginAnew()));
    this.peer = {
      propose: (bytes, requestId) => this.#proposeForPeer(bytes, requestId),
      snapshot: (atLeastIndex) => this.readSnapshot(atLeastIndex),
    };
  }

  /** Everything that goes on by itself. */
  begin(): void {
    this.#lives.push(this.#live().catch((thrown: unknown) => this.#refused(halted(thrown))));
  }

  get clusterId(): string {
    return this.#belongs;
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
    if (this.#tail.halted !== undefined) return this.#tail.halted;
    const { stuck } = this.#tail;
    if (stuck === undefined) return this.#problem;
    return stuck instanceof NamedError ? stuck : new NamedError("LOG_WRITE_FAILED", messageOf(stuck), { statusCode: 503 });
  }
  lastContactMs(): number {
    return this.leads ? 0 : (this.#shared?.contactAgeMs() ?? 0);
  }

  async propose(command: Command, requestId: string = this.#options.random.uuid()): Promise<Outcome> {
    if (this.#closing !== undefined) throw closed();
    const known = this.state.outcomeOf(requestId);
    if (known !== undefined) return known;
    const proposal = { version: commandVersion(command.type) ?? 0, requestId, command };
    let bytes: Uint8Array | undefined;
    const encoded = (): Uint8Array => {
      bytes ??= this.#codec.encode({ ...proposal, time: 0 });
      if (bytes.length > COMMAND_BYTES_MAX) throw tooLarge(command, bytes.length);
      return bytes;
    };
    // What it says is fixed here, whatever becomes of the object while it is on its way; the leader encodes it at once anyway.
    if (!this.leads) encoded();
    const { clock } = this.#options;
    const signal = this.#ending.signal;
    const awaited = this.#waiting.request(requestId);
    const asked = askUntilAnswered(
      {
        clock,
        signal,
        ask: () => this.#askLeader(encoded, proposal),
        barrier: (leftMs) => this.#barrier(leftMs),
        patience: (delayMs) => pause(clock, delayMs, signal),
      },
      command,
      requestId,
      this.#limits.proposeMs,
    );
    asked.catch(() => undefined);
    try {
      return await Promise.race([awaited.outcome, asked]);
    } finally {
      awaited.forget();
    }
  }

  async read(): Promise<Snapshot> {
    if (this.#closing !== undefined) throw closed();
    await this.#barrier(this.#limits.readMs);
    return this.state.snapshot();
  }

  whenLeading(begin: (leadership: Leadership) => Promise<() => Promise<void>>): Promise<() => void> {
    return this.#work.add(begin);
  }

  async transferLeadership(): Promise<void> {
    if (!this.leads) throw notLeading(this.leader);
    if ((await this.servers()).length < 2) throw alone();
    this.#leading?.transfer();
  }

  compact(): Promise<void> {
    return this.#compactor.compact();
  }

  async *readSnapshot(atLeastIndex: number): AsyncGenerator<Uint8Array> {
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
      if (!signal.aborted) this.#refused(thrown);
      return undefined;
    });
    if (shared === undefined) return;
    this.#shared = shared;
    this.#leading = this.#makeLeading(shared);
    this.#lives.push(this.#leading.run());
    this.#lives.push(this.#reportNowAndThen(shared));
    while (!signal.aborted && this.#tail.halted === undefined) {
      try {
        await this.#step(shared);
      } catch (thrown) {
        if (signal.aborted) break;
        const code = thrown instanceof NamedError ? thrown.code : "";
        // These are judged again, from the head.
        if (code !== "SHARED_LOG_CUT" && code !== "SHARED_LOG_BEHIND") this.#refused(thrown);
        else await pause(this.#options.clock, this.#limits.retryMs / 10, signal);
      }
      if (this.#problem !== undefined || this.#belongs === "") await pause(this.#options.clock, this.#limits.retryMs, signal);
    }
  }

  /** Looks at the shared log, and does what is to be done about it: mostly, follows it for as long as that goes well. */
  async #step(shared: SharedLog): Promise<void> {
    const { log, state, bootstrap } = { ...this.#options, state: this.state };
    const head = await shared.head();
    const own = { clusterId: this.#belongs, lastIndex: state.logIndex, epochId: state.leadership?.EpochID ?? "", founds: this.#founds };
    const verdict: Verdict = judge(head, own, bootstrap);
    if (head !== null && head.ClusterId === this.#belongs && this.#founds) await this.#belongsTo(this.#belongs);
    switch (verdict.kind) {
      case "create":
        await shared.create({ ClusterId: log.clusterId, EpochId: own.epochId, LastIndex: own.lastIndex });
        return;
      case "wait":
        this.#problem = new NamedError("CLUSTER_NOT_THERE", "there is no cluster yet", { statusCode: 503 });
        return;
      case "adopt":
        if (log.clusterId !== verdict.clusterId) await log.reset({ afterIndex: 0, clusterId: verdict.clusterId });
        await this.#belongsTo(verdict.clusterId);
        return;
      case "fetch": {
        const index = await fetchSnapshot({ ...this.#options, state, shared }, verdict.atLeastIndex);
        this.#compactor.took(index);
        this.#waiting.lookAgain((requestId) => state.outcomeOf(requestId), state.logIndex);
        this.#tell(`fetched a snapshot of index ${index}`);
        return;
      }
      case "refuse":
        this.#refused(verdict.problem);
        return;
      case "follow":
        await this.#follow(shared);
    }
  }

  async #follow(shared: SharedLog): Promise<void> {
    const following = new AbortController();
    this.#following = following;
    this.#problem = undefined;
    this.#said = "";
    this.#changes();
    try {
      await this.#tail.follow(shared, AbortSignal.any([this.#ending.signal, following.signal]));
    } finally {
      this.#following = undefined;
      following.abort(new NamedError("CLUSTER_NOT_FOLLOWING", "this server does not follow the shared log any more", { statusCode: 503 }));
    }
  }

  async #belongsTo(clusterId: string): Promise<void> {
    await writeMakerRecord(this.#options.disk, { maker: "consul", clusterId });
    this.#belongs = clusterId;
    this.#founds = false;
  }

  #refused(thrown: unknown): void {
    this.#problem =
      thrown instanceof NamedError ? thrown : new NamedError("CLUSTER_HINDERED", messageOf(thrown), { statusCode: 503, cause: thrown });
    const { message, fix } = this.#problem;
    // Once, not at every look.
    if (message !== this.#said) this.#warn(fix === undefined ? message : `${message}. ${fix}`);
    this.#said = message;
  }

  /** The disk refuses or took again what it had refused; the state halted. */
  #hindranceChanged(): void {
    if (this.#tail.halted !== undefined) {
      this.#refused(this.#tail.halted);
      this.#following?.abort(this.#tail.halted);
    }
    if (this.#tail.stuck !== undefined) this.#leading?.stepDown(this.#tail.stuck);
    this.#hindered?.abort(this.#tail.stuck ?? this.#tail.halted);
    this.#changes();
  }
  #hindered: AbortController | undefined;

  #tell(message: string): void {
    this.#options.report?.({ level: "info", message, fields: {} });
  }

  #changes(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #mayLead(): Promise<AbortSignal | undefined> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const following = this.#following;
      if (following !== undefined && this.#tail.stuck === undefined && this.#tail.halted === undefined) {
        this.#hindered = new AbortController();
        return AbortSignal.any([following.signal, this.#hindered.signal]);
      }
      await unlessAborted(signal, this.#changed.promise, closed).catch(() => undefined);
    }
    return undefined;
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
      mayLead: () => this.#mayLead(),
      signal: this.#ending.signal,
    });
  }

  #ownReport(): Omit<ServerDescription, "Leader"> {
    const { log, clock, featureLevel = FEATURE_LEVEL } = this.#options;
    return { ...this.#self, Version: VERSION.drover, FeatureLevel: featureLevel, SyncedIndex: log.lastIndex, Time: clock.nowMs() };
  }

  async #reportNowAndThen(shared: SharedLog): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      // One that takes no part has nothing to say about this log.
      if (this.#following !== undefined) await unlessAborted(signal, shared.report(this.#ownReport()), closed).catch(() => undefined);
      await pause(this.#options.clock, this.#following === undefined ? this.#limits.retryMs : this.#limits.reportEveryMs, signal);
    }
  }

  // Writes and reads.

  async #askLeader(encoded: () => Uint8Array, proposal: Parameters<Leading["propose"]>[0]): Promise<Outcome> {
    const own = this.#leading?.propose(proposal);
    if (own !== undefined) return own;
    const leader = this.leader;
    if (leader === undefined || leader.ServerId === this.serverId) throw this.#nobodyLeads();
    const answer = await this.#options.peers.at(leader.RpcAddress).propose(encoded(), proposal.requestId);
    const outcome = outcomeFrom(answer);
    // Who wrote reads what was written, on this server too; what the leader said stands, should this one lag.
    await this.#appliedHere(answer.index).catch(() => undefined);
    return outcome;
  }

  /** By the state's count of indexes. */
  async #appliedHere(index: number): Promise<void> {
    while (this.state.index < index) await this.#waiting.index(this.state.logIndex + 1, this.state.logIndex);
  }

  async #proposeForPeer(bytes: Uint8Array, requestId: string): Promise<PeerOutcome> {
    if (!this.leads) throw peerNotLeading(this.leader);
    const known = this.state.outcomeOf(requestId);
    if (known !== undefined) return known;
    const { version, command } = this.#codec.decode(bytes);
    const proposed = this.#leading?.propose({ version, requestId, command });
    if (proposed === undefined) throw peerNotLeading(this.leader);
    return proposed;
  }

  async #barrier(limitMs: number): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined) throw noLeader("the shared log does not answer yet", this.#problem);
    const { problem } = this;
    if (problem !== undefined) throw noLeader(problem.message, problem);
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + limitMs;
    let reason: unknown;
    const reached = async (): Promise<void> => {
      while (clock.nowMs() < untilMs && this.#closing === undefined) {
        try {
          const head = await shared.head();
          // A server that has just come has not said yet that it belongs here.
          if (head !== null && head.ClusterId === this.#belongs) return await this.#waiting.index(head.LastIndex, this.state.logIndex);
          if (this.#belongs !== "") throw noLeader("the shared log is not this cluster's");
        } catch (thrown) {
          if (thrown instanceof NamedError && thrown.code !== "SHARED_LOG_UNREACHABLE") throw thrown;
          // Consul may be choosing a leader of its own: that passes.
          reason = thrown;
        }
        await pause(clock, BARRIER_RETRY_MS, this.#ending.signal);
      }
      throw late();
    };
    const late = (): NamedError =>
      noLeader(reason === undefined ? `this server did not catch up within ${limitMs / 1000} s` : messageOf(reason), this.problem);
    await within(this.#options.clock, limitMs, reached(), late).catch((thrown: unknown) => {
      if (thrown instanceof NamedError && (thrown.code === "CLUSTER_NO_LEADER" || thrown.code === "CLUSTER_CLOSED")) throw thrown;
      throw noLeader(messageOf(thrown), thrown);
    });
  }

  #nobodyLeads(): NamedError {
    const { problem } = this;
    return problem === undefined ? noLeader("nobody leads at the moment") : noLeader(problem.message, problem);
  }
}

function outcomeFrom({ ok, index, code, reason }: PeerOutcome): Outcome {
  if (ok) return { ok: true, index };
  return { ok: false, index, code: (code ?? "fault") as Extract<Outcome, { ok: false }>["code"], reason: reason ?? "" };
}
