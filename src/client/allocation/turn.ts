/**
 * Before a task is restarted for what its templates or tokens hold, its allocation takes a turn from the servers: never more of a group are
 * down for that than its update.max_parallel allows, over all nodes. One turn for an allocation, whichever of its tasks wants it.
 *
 *            take               granted, restart         well for min_healthy_time, or healthy_deadline is over
 *   (none) ────────► asking ──────────────────► settling ──────────────────────────────────────────────────────► given back
 *                      │ not yet: asks again        │ another task wants it: asking again (what is held is granted at once)
 *                      └──► the change vanished: given back
 *
 * It stands in the node's memory from before it is asked for until it was given back: after a kill -9 whoever still wants it asks again, and else
 * it settles and is given back.
 */
import type { Allocation, TaskGroup, TaskState } from "#model";
import type { Clock, Timer } from "#ports";
import { messageOf } from "#std";
import { judgeHealth, type ServicesSeen } from "../health/health.ts";
import { orAborted } from "../or-aborted.ts";
import type { ClientWorld } from "../world.ts";

const AGAIN_MS = 1_000;
const REFUSED_AGAIN_MS = 5_000;
const UNANSWERED_MS = 3_000;
const UNANSWERED = "the servers, who give turns to restart, do not answer; it goes on with what it had until they do";
const MIN_HEALTHY_NS = 10e9;
const DEADLINE_NS = 300e9;

export interface AllocationTurnNeeds {
  readonly world: Pick<ClientWorld, "servers" | "store" | "clock" | "report">;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  /** A task on its way down counts as pending. */
  readonly states: () => Readonly<Record<string, TaskState>>;
  /** As HealthWatch's. */
  readonly servicesProblem: () => string | undefined;
  /** Checks are looked at often until the returned function is called. */
  readonly attend: () => () => void;
}

export interface Turn {
  /** Resolves when the allocation may go down; rejects when the signal aborts, and only then. `waiting`: why it may not yet, for people. */
  take(who: string, signal: AbortSignal, waiting: (reason: string) => void): Promise<void>;
  /** `restarted`: it goes down now. Else nothing came of it. */
  done(who: string, restarted: boolean): void;
}

export class AllocationTurn implements Turn {
  readonly #needs: AllocationTurnNeeds;
  readonly #clock: Clock;
  readonly #detached = new AbortController();
  readonly #wanting = new Set<string>();
  #settlingSinceNs: number | undefined;
  #wellSinceNs: number | undefined;
  #returning: Promise<void> | undefined;
  #timer: Timer | undefined;
  #unattend: (() => void) | undefined;

  constructor(needs: AllocationTurnNeeds) {
    this.#needs = needs;
    this.#clock = needs.world.clock;
  }

  /** It asks for one, or holds one. */
  get active(): boolean {
    return this.#wanting.size > 0 || this.#settlingSinceNs !== undefined || this.#returning !== undefined;
  }

  take: Turn["take"] = async (who, signal, waiting) => {
    const { servers, store } = this.#needs.world;
    this.#wanting.add(who);
    const either = AbortSignal.any([signal, this.#detached.signal]);
    if (this.#returning !== undefined) await orAborted(this.#returning, either);
    for (let noted = false; ;) {
      either.throwIfAborted();
      let againMs = AGAIN_MS;
      try {
        if (!noted) store.saveFact(this.#fact, { asked: true });
        noted = true;
        const { Granted, Reason } = await this.#answered(servers.takeTurn(this.#id, either), () => waiting(UNANSWERED));
        if (Granted) return;
        waiting(Reason);
      } catch (thrown) {
        if (either.aborted) throw thrown;
        waiting(messageOf(thrown));
        againMs = REFUSED_AGAIN_MS;
      }
      const timed = Promise.withResolvers<void>();
      const timer = this.#clock.after(againMs, timed.resolve);
      await orAborted(timed.promise, either).finally(() => timer.cancel());
    }
  };

  /** A question to servers that are away waits until they are back: that is said. */
  async #answered<Answer>(answer: Promise<Answer>, unanswered: () => void): Promise<Answer> {
    const timer = this.#clock.after(UNANSWERED_MS, unanswered);
    return answer.finally(() => timer.cancel());
  }

  done: Turn["done"] = (who, restarted) => {
    if (!this.#wanting.delete(who) || this.#detached.signal.aborted) return;
    if (restarted) {
      this.#settlingSinceNs = this.#clock.nowNs();
      this.#wellSinceNs = undefined;
    }
    if (this.#wanting.size > 0) return;
    if (this.#settlingSinceNs === undefined) this.#giveBack();
    else this.look();
  };

  /** After the agent was away: what it held is settled, unless somebody still wants it. */
  resume(over: boolean): void {
    if (this.#needs.world.store.fact(this.#fact) === undefined) return;
    if (over) this.#giveBack();
    else this.#settlingSinceNs ??= this.#clock.nowNs();
  }

  /** A task, a service or a check changed. */
  look(): void {
    const since = this.#settlingSinceNs;
    if (since === undefined || this.#wanting.size > 0 || this.#detached.signal.aborted) return;
    const policy = this.#needs.group().Update ?? this.#needs.allocation().Job.Update;
    const rules = {
      checks: policy?.HealthCheck !== "task_states",
      minHealthyNs: policy?.MinHealthyTime ?? MIN_HEALTHY_NS,
      deadlineNs: policy?.HealthyDeadline ?? DEADLINE_NS,
    };
    const watched = { deployment: "", since, healthy: null, timestamp: "", told: false };
    const services = rules.checks ? this.#services() : undefined;
    const verdict = judgeHealth(rules, watched, this.#needs.group().Tasks, this.#needs.states(), this.#clock.nowNs(), services);
    this.#timer?.cancel();
    this.#timer = undefined;
    if (verdict.what !== "wait") {
      this.#giveBack();
      return;
    }
    const delayMs = Math.max(1, Math.ceil((verdict.atNs - this.#clock.nowNs()) / 1e6));
    this.#timer = this.#clock.after(delayMs, () => this.look());
  }

  /** The allocation is over. */
  end(): void {
    this.#wanting.clear();
    if (this.#needs.world.store.fact(this.#fact) !== undefined) this.#giveBack();
  }

  /** The agent goes. */
  detach(): void {
    this.#settled();
    this.#detached.abort(new Error("the agent stops"));
  }

  #services(): ServicesSeen | undefined {
    const problem = this.#needs.servicesProblem();
    if (problem === undefined) return undefined;
    this.#unattend ??= this.#needs.attend();
    if (problem === "") this.#wellSinceNs ??= this.#clock.nowNs();
    else this.#wellSinceNs = undefined;
    return { wellSinceNs: this.#wellSinceNs, problem };
  }

  #settled(): void {
    this.#settlingSinceNs = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#unattend?.();
    this.#unattend = undefined;
  }

  #giveBack(): void {
    this.#settled();
    this.#returning ??= this.#return().finally(() => (this.#returning = undefined));
  }

  async #return(): Promise<void> {
    const { servers, store, report } = this.#needs.world;
    try {
      await servers.giveTurnBack(this.#id, this.#detached.signal);
    } catch (thrown) {
      if (this.#detached.signal.aborted) return;
      report({
        level: "warn",
        message: "a restart turn could not be given back",
        fields: { alloc_id: this.#id, problem: messageOf(thrown) },
      });
    }
    if (this.#detached.signal.aborted) return;
    try {
      store.removeFact(this.#fact);
    } catch (thrown) {
      // The next agent gives it back once more.
      report({ level: "warn", message: "the node's memory cannot be written", fields: { alloc_id: this.#id, problem: messageOf(thrown) } });
    }
  }

  get #id(): Allocation["ID"] {
    return this.#needs.allocation().ID;
  }

  get #fact(): string {
    return `turn/${this.#id}`;
  }
}
