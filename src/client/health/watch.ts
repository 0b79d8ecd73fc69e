/** Looks at an allocation's health whenever its tasks or services change or time may decide, and says the verdict once. */
import type { Allocation, TaskGroup, TaskState } from "#model";
import type { Clock, Timer } from "#ports";
import { beginWatch, healthRules, judgeHealth, type HealthWatched, type ServicesSeen } from "./health.ts";

export interface HealthWatchNeeds {
  readonly clock: Clock;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  readonly states: () => Readonly<Record<string, TaskState>>;
  /** What is not well with its services; "" when all is; undefined: it has none. */
  readonly servicesProblem: () => string | undefined;
  /** A verdict is waited for: checks are looked at often until the returned function is called. */
  readonly attend: () => () => void;
  readonly watched: () => HealthWatched | null;
  /** Stores it. A verdict is to be told at once. */
  readonly save: (watched: HealthWatched) => void;
  /** Why it is not well, for the tasks' events. */
  readonly unhealthy: (why: string) => void;
}

export class HealthWatch {
  readonly #needs: HealthWatchNeeds;
  #timer: Timer | undefined;
  #ringsAtNs = 0;
  #unattend: (() => void) | undefined;
  #servicesWellSinceNs: number | undefined;

  constructor(needs: HealthWatchNeeds) {
    this.#needs = needs;
  }

  /** Something changed. Only while its tasks live. */
  look(): void {
    const { clock, allocation, group, states } = this.#needs;
    const rules = healthRules(allocation(), group());
    if (rules === undefined) {
      this.stop();
      return;
    }
    const deployment = allocation().DeploymentID;
    let watched = this.#needs.watched();
    if (watched === null || watched.deployment !== deployment) {
      watched = beginWatch(deployment, clock.nowNs());
      this.#needs.save(watched);
    }
    if (watched.healthy !== null) {
      this.stop();
      return;
    }
    const verdict = judgeHealth(rules, watched, group().Tasks, states(), clock.nowNs(), rules.checks ? this.#services() : undefined);
    if (verdict.what === "wait") {
      this.#wait(verdict.atNs);
      return;
    }
    this.stop();
    const timestamp = new Date(clock.nowMs()).toISOString();
    this.#needs.save({ ...watched, healthy: verdict.what === "healthy", timestamp });
    // After the verdict is kept: an event makes us look again.
    if (verdict.what === "unhealthy" && deployment !== "") this.#needs.unhealthy(verdict.why);
  }

  stop(): void {
    this.#unattend?.();
    this.#unattend = undefined;
    this.#disarm();
  }

  /** After a restart of the agent the time they have to be well begins anew: nobody knows what they were meanwhile. */
  #services(): ServicesSeen | undefined {
    const problem = this.#needs.servicesProblem();
    if (problem === undefined) return undefined;
    this.#unattend ??= this.#needs.attend();
    if (problem === "") this.#servicesWellSinceNs ??= this.#needs.clock.nowNs();
    else this.#servicesWellSinceNs = undefined;
    return { wellSinceNs: this.#servicesWellSinceNs, problem };
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(atNs: number): void {
    if (this.#timer !== undefined && this.#ringsAtNs === atNs) return;
    this.#disarm();
    this.#ringsAtNs = atNs;
    // Rounded up: a timer that rings a moment early would only ring again.
    const delayMs = Math.max(1, Math.ceil((atNs - this.#needs.clock.nowNs()) / 1e6));
    this.#timer = this.#needs.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.look();
    });
  }
}
