/**
 * One server's way to leading and back, over and over.
 *
 *   following ──lock──► own disk at the head? ──leadership entry applied──► leads: work begins ──► lost │ steps down ─┐
 *       ▲ └─ left behind, disk refuses: the campaign ends         any step fails: resigns (F5)                        │
 *       └────────────────────── work ended, and waited for; a little patience ────────────────────────────────────────┘
 */
import type { SchedulerConfiguration } from "#model";
import type { Clock, Random, ServerReport, SharedLeader, SharedLog, Tenure } from "#ports";
import { type Codec, type Command, commandLevel, commandVersion, type Outcome, type State } from "#state";
import { messageOf, NamedError } from "#std";
import type { Cluster, Leadership } from "../contract.ts";
import { aborted, pause, unlessAborted, within } from "../deadline.ts";
import type { LeadingWork } from "../leading-work.ts";
import { needsFeatureLevel, notLeading } from "../problems.ts";
import { cutIndex } from "./cutting.ts";
import { fenced } from "./fenced.ts";
import { Proposer } from "./proposer.ts";
import type { Waiting } from "./requests.ts";

export interface LeadingOptions {
  readonly shared: SharedLog;
  readonly self: SharedLeader;
  readonly cluster: Cluster;
  readonly state: State;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly waiting: Waiting;
  readonly work: LeadingWork;
  readonly featureLevel: number;
  readonly firstConfiguration: SchedulerConfiguration;
  readonly warn: (message: string) => void;
  readonly report: (message: string) => void;
  readonly cut: CutPolicy;
  /** Resolves when this server follows, with what aborts when it no longer may lead; undefined: it ends. */
  readonly mayLead: () => Promise<AbortSignal | undefined>;
  readonly signal: AbortSignal;
}

export interface Proposal {
  readonly version: number;
  readonly requestId: string;
  readonly command: Command;
}

export interface CutPolicy {
  readonly everyMs: number;
  readonly marginEntries: number;
  readonly patienceEntries: number;
  /** A server that said nothing for so long is not waited for. */
  readonly silenceMs: number;
  readonly heldIndexes: () => readonly number[];
}

/** To be applied up to the head, once the lock is held. */
const CATCH_UP_MS = 5_000;
/** Who could not begin lets others try first. */
const FAILED_REST_MS = 1_000;
const TRANSFER_REST_MS = 3_000;
/** Fewer entries are not worth a transaction. */
const CUT_ENTRIES_MIN = 64;

interface Current {
  readonly tenure: Tenure;
  readonly proposer: Proposer;
  /** What all servers can read. */
  level: number;
  /** Who is to lead next, where an operator named it. */
  successorId: string | undefined;
  readonly stepDown: AbortController;
  /** Of tenure and stepping down. */
  readonly lost: AbortSignal;
}

export class Leading {
  readonly #options: LeadingOptions;
  #current: Current | undefined;
  #restMs = 0;
  #underWay: Promise<void> | undefined;
  /** Asks for the work to begin anew: nothing it kept is true any more. */
  #anew: (() => void) | undefined;
  readonly #heard = new Map<string, { readonly report: ServerReport; readonly atMs: number }>();

  constructor(options: LeadingOptions) {
    this.#options = options;
  }

  get leads(): boolean {
    return this.#current !== undefined && !this.#current.lost.aborted;
  }

  /** Only while leading; undefined otherwise. */
  propose(proposal: Proposal): Promise<Outcome> | undefined {
    const current = this.#current;
    if (current === undefined || current.lost.aborted) return undefined;
    const needed = commandLevel(proposal.command.type);
    return needed > current.level ? this.#whenRaised(current, needed, proposal) : this.#add(current, proposal);
  }

  /** The others may have been upgraded since this server began to lead: they are asked again before anything is refused. */
  async #whenRaised(current: Current, needed: number, proposal: Proposal): Promise<Outcome> {
    const level = await this.#commonLevel();
    if (needed > level) throw needsFeatureLevel(proposal.command.type, needed, level);
    if (level > current.level) {
      await current.proposer.add(this.#saysWhoLeads(current.tenure, level));
      current.level = level;
    }
    return this.#add(current, proposal);
  }

  /** In a version that every server reads. */
  #add({ proposer, level }: Current, proposal: Proposal): Promise<Outcome> {
    const version = Math.min(proposal.version, commandVersion(proposal.command.type, level) ?? 0);
    return proposer.add({ ...proposal, version });
  }

  #saysWhoLeads(tenure: Tenure, FeatureLevel: number): Proposal {
    const { ServerId: ServerID, Name } = this.#options.self;
    const command: Command = { type: "leadership", EpochID: tenure.EpochId, ServerID, Name, FeatureLevel };
    return { version: commandVersion(command.type) ?? 0, requestId: this.#options.random.uuid(), command };
  }

  stepDown(why: Error): void {
    this.#current?.stepDown.abort(why);
  }

  /** `successorId`: the server that is to lead next. */
  transfer(successorId: string | undefined): void {
    this.#restMs = TRANSFER_REST_MS;
    if (this.#current !== undefined) this.#current.successorId = successorId;
    this.stepDown(new NamedError("CLUSTER_TRANSFERRED", "leadership was transferred", { statusCode: 503 }));
  }

  /** How long ago this server last heard another say something new; undefined: it says nothing. */
  async heardAgoMs(serverId: string): Promise<number | undefined> {
    await this.#hear();
    const heard = this.#heard.get(serverId);
    return heard === undefined ? undefined : this.#options.clock.nowMs() - heard.atMs;
  }

  /** Resolves when nothing of a tenure is under way. */
  async rested(): Promise<void> {
    await this.#underWay?.catch(() => undefined);
  }

  beginAnew(): void {
    this.#anew?.();
  }

  async run(): Promise<void> {
    const { signal, mayLead, shared, self, clock, warn } = this.#options;
    while (!signal.aborted) {
      const hindered = await mayLead();
      if (hindered === undefined) return;
      let tenure: Tenure;
      try {
        tenure = await shared.campaign(self, AbortSignal.any([hindered, signal]));
      } catch (thrown) {
        if (!signal.aborted && !hindered.aborted) warn(`Cannot campaign: ${messageOf(thrown)}`);
        await pause(clock, hindered.aborted ? 0 : FAILED_REST_MS, signal);
        continue;
      }
      this.#restMs = 0;
      try {
        const led = this.#lead(tenure, hindered);
        this.#underWay = led;
        await led;
      } catch (thrown) {
        this.#restMs = Math.max(this.#restMs, FAILED_REST_MS);
        if (!signal.aborted) warn(`Cannot lead: ${messageOf(thrown)}; another server may`);
        await tenure.resign(messageOf(thrown)).catch(() => undefined);
      }
      await this.#rest();
    }
  }

  /** Lets others try first: until one of them leads, or so long. */
  async #rest(): Promise<void> {
    const { shared, self, clock, signal } = this.#options;
    const taken = new AbortController();
    const look = (): void => {
      if (shared.leader !== undefined && shared.leader.ServerId !== self.ServerId) taken.abort();
    };
    const leave = shared.whenLeaderChanges(look);
    look();
    await pause(clock, this.#restMs, AbortSignal.any([signal, taken.signal]));
    leave();
  }

  async #lead(tenure: Tenure, hindered: AbortSignal): Promise<void> {
    const { shared, state, codec, clock, waiting, cluster, work, report, signal } = this.#options;
    const stepDown = new AbortController();
    const lost = AbortSignal.any([tenure.lost, stepDown.signal, hindered, signal]);
    const over = aborted(lost).then(() => {
      throw lost.reason instanceof Error ? lost.reason : notLeading();
    });
    over.catch(() => undefined);
    const head = await Promise.race([shared.head(), over]);
    if (head === null || head.ClusterId !== cluster.clusterId) throw new Error("the shared log is another one");
    await Promise.race([within(clock, CATCH_UP_MS, waiting.index(head.LastIndex, state.logIndex), notCaughtUp), over]);
    const level = await Promise.race([this.#commonLevel(), over]);
    const proposer = new Proposer({ tenure, codec, clock, waiting, time: state.time });
    await Promise.race([proposer.add(this.#saysWhoLeads(tenure, level)), over]);
    const current: Current = { tenure, proposer, level, successorId: undefined, stepDown, lost };
    this.#current = current;
    try {
      report(`leads now (tenure ${tenure.Epoch}, index ${state.index})`);
      await this.#firstEntry(over);
      const cutting = this.#cutNowAndThen(tenure, lost);
      await this.#workUntil(tenure, lost, over);
      await cutting;
    } finally {
      this.#current = undefined;
      stepDown.abort(notLeading());
      await work.end();
      report(`leads no more: ${messageOf(lost.reason)}`);
    }
    await tenure.resign(messageOf(lost.reason), current.successorId).catch(() => undefined);
  }

  async #firstEntry(over: Promise<never>): Promise<void> {
    const { state, firstConfiguration, random } = this.#options;
    if (state.snapshot().schedulerConfiguration().ModifyIndex > 0) return;
    const command: Command = { type: "scheduler-configuration", Configuration: firstConfiguration, EnforceIndex: 0 };
    const proposed = this.propose({ version: commandVersion(command.type) ?? 0, requestId: random.uuid(), command });
    await Promise.race([proposed, over]);
  }

  /** The work begins, again after everything was replaced, until leading is over. */
  async #workUntil(tenure: Tenure, lost: AbortSignal, over: Promise<never>): Promise<void> {
    const { work } = this.#options;
    while (!lost.aborted) {
      const anew = new AbortController();
      this.#anew = () => anew.abort(notLeading());
      const ends = AbortSignal.any([lost, anew.signal]);
      await Promise.race([work.begin(this.#leadership(tenure, ends)), over]).catch((thrown: unknown) => {
        if (!lost.aborted) throw thrown;
      });
      await aborted(ends);
      await work.end();
    }
    this.#anew = undefined;
  }

  #leadership(tenure: Tenure, lost: AbortSignal): Leadership {
    const { cluster, random } = this.#options;
    const refusal = () => notLeading(cluster.leader);
    const propose = async (command: Command, requestId: string = random.uuid()): Promise<Outcome> => {
      const proposed = this.propose({ version: commandVersion(command.type) ?? 0, requestId, command });
      if (proposed === undefined) throw refusal();
      try {
        return await unlessAborted(lost, proposed, refusal);
      } catch (thrown) {
        // What became of it the next leader finds in the log.
        throw lost.aborted || tenure.lost.aborted ? refusal() : thrown;
      }
    };
    return { epoch: tenure.Epoch, lost, cluster: fenced(cluster, { lost, propose, refusal }) };
  }

  async #commonLevel(): Promise<number> {
    const { shared, featureLevel, self } = this.#options;
    const others = (await shared.reports()).filter(({ ServerId }) => ServerId !== self.ServerId);
    return Math.min(featureLevel, ...others.map(({ FeatureLevel }) => FeatureLevel));
  }

  async #cutNowAndThen(tenure: Tenure, lost: AbortSignal): Promise<void> {
    const { clock, warn, cut } = this.#options;
    for (;;) {
      await pause(clock, cut.everyMs, lost);
      if (lost.aborted) return;
      await this.#cut(tenure).catch((thrown: unknown) => {
        if (!lost.aborted) warn(`Cannot cut the shared log: ${messageOf(thrown)}; it goes on growing`);
      });
    }
  }

  /** Servers' clocks differ: what counts is when one was last heard to say something new. */
  async #hear(): Promise<void> {
    const { shared, clock } = this.#options;
    const reports = await shared.reports();
    const atMs = clock.nowMs();
    for (const report of reports)
      if (this.#heard.get(report.ServerId)?.report.Time !== report.Time) this.#heard.set(report.ServerId, { report, atMs });
  }

  async #cut(tenure: Tenure): Promise<void> {
    const { shared, clock, cut } = this.#options;
    await this.#hear();
    const nowMs = clock.nowMs();
    const syncedIndexes = [...this.#heard.values()]
      .filter(({ atMs }) => nowMs - atMs < cut.silenceMs)
      .map(({ report }) => report.SyncedIndex);
    const { marginEntries, patienceEntries } = cut;
    const through = cutIndex({ syncedIndexes, marginEntries, patienceEntries, heldIndexes: cut.heldIndexes() });
    const head = await shared.head();
    if (head !== null && through - head.Floor + 1 >= Math.min(CUT_ENTRIES_MIN, marginEntries + 1)) await tenure.cut(through);
  }
}

function notCaughtUp(): NamedError {
  return new NamedError("CLUSTER_BEHIND", "this server did not read up to the head in time", { statusCode: 503 });
}
