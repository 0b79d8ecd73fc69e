/**
 * A server's part in the shared log, for as long as it lives: it looks at the log, judges whether it fits its own disk, and mostly follows.
 *
 *   joining ──log found, judged──► following ◄──► fetching a snapshot
 *      ▲ └──► refused (foreign, behind, diverged, wiped): says so, looks again      any ──entry unreadable──► halted
 *      └────── the log was lost, cut below us, replaced ──────┘
 *
 * A server whose state has parted from the others' (digests.ts) goes the way of one that was left behind: it ends following, and with it leading,
 * puts their snapshot in the place of its own state, and follows on. The log is the same on all: nothing that was acknowledged is lost.
 *
 * Whether this server may lead is decided here too: only while it follows, and its disk takes what comes.
 */
import type { SharedLog } from "#ports";
import type { State } from "#state";
import { messageOf, NamedError } from "#std";
import type { Compactor } from "../compactor.ts";
import { pause, unlessAborted } from "../deadline.ts";
import { writeMakerRecord } from "../maker.ts";
import { closed, parted } from "../problems.ts";
import type { DigestVerdict } from "./digest-verdict.ts";
import { fetchSnapshot } from "./fetch.ts";
import { judge, type Verdict } from "./judge.ts";
import type { SharedClusterOptions } from "./options.ts";
import type { Waiting } from "./requests.ts";
import type { Tail } from "./tail.ts";

export interface FollowingOptions {
  readonly server: SharedClusterOptions;
  readonly state: State;
  readonly waiting: Waiting;
  readonly compactor: Compactor;
  readonly tail: Tail;
  /** Between looks at a shared log that cannot be followed. */
  readonly retryMs: number;
  readonly discardRestMs: number;
  /** Resolves when nothing of what the leader does is under way here. */
  readonly rested: () => Promise<void>;
  /** What the disk said: the cluster it belongs to ("": none yet), and whether it may found it anew. */
  readonly belongs: string;
  readonly founds: boolean;
  readonly warn: (message: string) => void;
  readonly tell: (message: string) => void;
  readonly signal: AbortSignal;
}

export class Following {
  readonly #options: FollowingOptions;
  #belongs: string;
  #founds: boolean;
  #problem: NamedError | undefined;
  #said = "";
  /** While it follows: aborts when it no longer does. */
  #following: AbortController | undefined;
  /** While it may lead: aborts when it no longer may. */
  #hindered: AbortController | undefined;
  #changed = Promise.withResolvers<void>();
  /** The servers whose state is to replace the own one; until it has. */
  #insteadFrom: readonly string[] | undefined;
  #restsUntilMs = 0;
  #discards = 0;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#belongs = options.belongs;
    this.#founds = options.founds;
  }

  /** The cluster this server belongs to; "": none yet. */
  get clusterId(): string {
    return this.#belongs;
  }
  get follows(): boolean {
    return this.#following !== undefined;
  }
  /** The state is not to be read: it is about to be replaced. */
  get isParted(): boolean {
    return this.#insteadFrom !== undefined;
  }
  /** How often its state was given up for theirs. */
  get discards(): number {
    return this.#discards;
  }
  /** Why this server takes no part. */
  get problem(): NamedError | undefined {
    const { stuck, halted } = this.#options.tail;
    if (halted !== undefined) return halted;
    if (stuck === undefined) return this.#problem;
    return stuck instanceof NamedError ? stuck : new NamedError("LOG_WRITE_FAILED", messageOf(stuck), { statusCode: 503 });
  }

  /** Until it ends, or an entry halts it. */
  async run(shared: SharedLog): Promise<void> {
    const { signal, tail, retryMs, server } = this.#options;
    while (!signal.aborted && tail.halted === undefined) {
      let restMs = 0;
      try {
        restMs = (await this.#step(shared)) === "later" ? retryMs : 0;
      } catch (thrown) {
        if (signal.aborted) break;
        const code = thrown instanceof NamedError ? thrown.code : "";
        // These are judged again, from the head.
        const isJudgedAgain = code === "SHARED_LOG_CUT" || code === "SHARED_LOG_BEHIND";
        if (!isJudgedAgain) this.refused(thrown);
        // A Consul that chooses a leader is back within a second or two.
        restMs = retryMs * (isJudgedAgain ? 0.1 : code === "SHARED_LOG_UNREACHABLE" ? 0.25 : 1);
      }
      if (restMs > 0) await pause(server.clock, restMs, signal);
    }
  }

  /** Takes no part for this reason, and says so. */
  refused(thrown: unknown): void {
    this.#problem =
      thrown instanceof NamedError ? thrown : new NamedError("CLUSTER_HINDERED", messageOf(thrown), { statusCode: 503, cause: thrown });
    const { message, fix } = this.#problem;
    // Once, not at every look.
    if (message !== this.#said) this.#options.warn(fix === undefined ? message : `${message}. ${fix}`);
    this.#said = message;
  }

  /** This server's state is not that of the others, as these say with most of all. Not twice in a short time. */
  discard({ index, ownDigest, digest, agreeing }: Extract<DigestVerdict, { readonly kind: "diverged" }>): void {
    const { server, warn, discardRestMs } = this.#options;
    const nowMs = server.clock.nowMs();
    if (this.#insteadFrom !== undefined) return;
    const names = agreeing.map(({ Name }) => `"${Name}"`).join(", ");
    const said = `At index ${index} this server's state is ${ownDigest}, that of ${names} is ${digest}`;
    if (nowMs < this.#restsUntilMs) {
      if (said !== this.#said) warn(`${said}: again, soon after it was replaced. This server goes on with it; report it`);
      this.#said = said;
      return;
    }
    warn(`${said}: it is discarded, and theirs is fetched`);
    this.#discards++;
    this.#restsUntilMs = nowMs + discardRestMs;
    this.#insteadFrom = agreeing.map(({ ServerId }) => ServerId);
    this.#following?.abort(parted());
  }

  /** The disk refuses or took again what it had refused; the state halted. */
  hindranceChanged(): void {
    const { stuck, halted } = this.#options.tail;
    if (halted !== undefined) {
      this.refused(halted);
      this.#following?.abort(halted);
    }
    this.#hindered?.abort(stuck ?? halted);
    this.#changes();
  }

  /** Resolves when this server follows and its disk takes what comes, with what aborts when that is over; undefined: it ends. */
  async mayLead(): Promise<AbortSignal | undefined> {
    const { signal, tail } = this.#options;
    while (!signal.aborted) {
      const following = this.#following;
      if (following?.signal.aborted === false && tail.stuck === undefined && tail.halted === undefined) {
        this.#hindered = new AbortController();
        return AbortSignal.any([following.signal, this.#hindered.signal]);
      }
      await unlessAborted(signal, this.#changed.promise, closed).catch(() => undefined);
    }
    return undefined;
  }

  /** Looks at the shared log, and does what is to be done about it: mostly, follows it for as long as that goes well. When to look again. */
  async #step(shared: SharedLog): Promise<"now" | "later"> {
    const { server, state } = this.#options;
    const { log, bootstrap } = server;
    const head = await shared.head();
    const own = { clusterId: this.#belongs, lastIndex: state.logIndex, epochId: state.leadership?.EpochID ?? "", founds: this.#founds };
    const verdict: Verdict = judge(head, own, bootstrap);
    if (head !== null && head.ClusterId === this.#belongs && this.#founds) await this.#belongsTo(this.#belongs);
    switch (verdict.kind) {
      case "create":
        await shared.create({ ClusterId: log.clusterId, EpochId: own.epochId, LastIndex: own.lastIndex });
        return "now";
      case "wait":
        this.#problem = new NamedError("CLUSTER_NOT_THERE", "there is no cluster yet", { statusCode: 503 });
        return "later";
      case "adopt":
        if (log.clusterId !== verdict.clusterId) await log.reset({ afterIndex: 0, clusterId: verdict.clusterId });
        await this.#belongsTo(verdict.clusterId);
        return "now";
      case "fetch":
        await this.#fetch(shared, verdict.atLeastIndex);
        return "now";
      case "refuse":
        this.refused(verdict.problem);
        return "later";
      case "follow":
        if (this.#insteadFrom === undefined) await this.#follow(shared);
        else await this.#fetch(shared, own.lastIndex);
        return "now";
    }
  }

  async #fetch(shared: SharedLog, atLeastIndex: number): Promise<void> {
    const { server, state, compactor, waiting, rested, tell } = this.#options;
    const insteadFrom = this.#insteadFrom;
    await rested();
    const wanted = { atLeastIndex, ...(insteadFrom === undefined ? {} : { insteadFrom }) };
    let index: number;
    try {
      index = await compactor.instead(() => fetchSnapshot({ ...server, state, shared }, wanted));
    } catch (thrown) {
      // Each takes the other's for the right one (who was counted changed between two looks): for ever, were neither to go on with its own.
      if (thrown instanceof NamedError && thrown.code === parted().code) this.#insteadFrom = undefined;
      throw thrown;
    }
    this.#insteadFrom = undefined;
    waiting.lookAgain((requestId) => state.outcomeOf(requestId), state.logIndex);
    tell(`fetched a snapshot of index ${index}`);
  }

  async #follow(shared: SharedLog): Promise<void> {
    const { tail, signal } = this.#options;
    const following = new AbortController();
    this.#following = following;
    this.#problem = undefined;
    this.#said = "";
    this.#changes();
    try {
      await tail.follow(shared, AbortSignal.any([signal, following.signal]));
    } finally {
      this.#following = undefined;
      following.abort(new NamedError("CLUSTER_NOT_FOLLOWING", "this server does not follow the shared log any more", { statusCode: 503 }));
    }
  }

  async #belongsTo(clusterId: string): Promise<void> {
    await writeMakerRecord(this.#options.server.disk, { maker: "consul", clusterId });
    this.#belongs = clusterId;
    this.#founds = false;
  }

  #changes(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
