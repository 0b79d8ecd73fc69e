/**
 * A server's part in the shared log, for as long as it lives: it looks at the log, judges whether it fits its own disk, and mostly follows.
 *
 *   joining ──log found, judged──► following ◄──► fetching a snapshot
 *      ▲ └──► refused (foreign, behind, diverged, wiped): says so, looks again      any ──entry unreadable──► halted
 *      └────── the log was lost, cut below us, replaced ──────┘
 *
 * Whether this server may lead is decided here too: only while it follows, and its disk takes what comes.
 */
import type { SharedLog } from "#ports";
import type { State } from "#state";
import { messageOf, NamedError } from "#std";
import type { Compactor } from "../compactor.ts";
import { pause, unlessAborted } from "../deadline.ts";
import { writeMakerRecord } from "../maker.ts";
import { closed } from "../problems.ts";
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
      if (following !== undefined && tail.stuck === undefined && tail.halted === undefined) {
        this.#hindered = new AbortController();
        return AbortSignal.any([following.signal, this.#hindered.signal]);
      }
      await unlessAborted(signal, this.#changed.promise, closed).catch(() => undefined);
    }
    return undefined;
  }

  /** Looks at the shared log, and does what is to be done about it: mostly, follows it for as long as that goes well. When to look again. */
  async #step(shared: SharedLog): Promise<"now" | "later"> {
    const { server, state, compactor, waiting, tell } = this.#options;
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
      case "fetch": {
        const index = await fetchSnapshot({ ...server, state, shared }, verdict.atLeastIndex);
        compactor.took(index);
        waiting.lookAgain((requestId) => state.outcomeOf(requestId), state.logIndex);
        tell(`fetched a snapshot of index ${index}`);
        return "now";
      }
      case "refuse":
        this.refused(verdict.problem);
        return "later";
      case "follow":
        await this.#follow(shared);
        return "now";
    }
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
