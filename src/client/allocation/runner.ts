/**
 * Makes one allocation real on this machine: enters its steps, lets its tasks live and die for each other, exits its steps, and
 * at last removes what is left. What it does next depends only on its stored progress and on what the servers last told.
 *
 * Its tasks decide for themselves whether they run again; here is decided which may begin and which must stop for another's
 * sake (task/lifecycle).
 */
import { sameValue, serverTerminal, type Allocation, type AllocationId, type TaskGroup } from "#model";
import { messageOf, NamedError } from "#std";
import { groupWishes, roleOf, rollUp, stopOrder, taskEvents, type Cause, type GroupWishes, type KillOrder } from "#task";
import { join } from "node:path";
import { TaskRunner } from "../execution/runner.ts";
import { HealthWatch } from "../health/watch.ts";
import { AllocationSockets } from "../mesh/sockets.ts";
import { enterSteps, resumeSteps, unwindSteps } from "../step.ts";
import type { ClientWorld } from "../world.ts";
import type { AllocationContext } from "./context.ts";
import {
  groupOf,
  OVERTIME_DESCRIPTION,
  taskStates,
  type AllocationPhase,
  type AllocationProgress,
  type Halt,
  type TaskProgress,
} from "./progress.ts";
import { RunLimit } from "./run-limit.ts";
import { AllocationTurn } from "./turn.ts";
import { AllocationServices } from "./services.ts";
import { networkStatus, OwnNetwork } from "../network/own-network.ts";
import { obtainIdentities } from "./steps/identities.ts";
import { allocationPipeline } from "./steps/list.ts";

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
const EXIT_TRIES_MAX = 5;

export interface AllocationRunnerNeeds {
  readonly world: ClientWorld;
  readonly allocation: Allocation;
  readonly progress: AllocationProgress;
  readonly over: (id: AllocationId) => Promise<void>;
  /** Something the servers should know changed; urgent: its status did. */
  readonly changed: (runner: AllocationRunner, urgent: boolean) => void;
}

export class AllocationRunner {
  readonly directory: string;
  /** Resolves when it is over: nothing of it runs or will run. */
  readonly whenOver: Promise<void>;
  readonly #world: ClientWorld;
  readonly #needs: AllocationRunnerNeeds;
  readonly #tasks: ReadonlyMap<string, TaskRunner>;
  readonly #context: AllocationContext;
  readonly #interruption = Promise.withResolvers<void>();
  readonly #overPromise = Promise.withResolvers<void>();
  readonly #health: HealthWatch;
  readonly #limit: RunLimit;
  readonly #services: AllocationServices;
  readonly #turn: AllocationTurn;
  readonly #network: OwnNetwork;
  #allocation: Allocation;
  #progress: AllocationProgress;
  #stopWanted = false;
  #detached = false;
  #stopsBegun = false;
  #removing: Promise<void> | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(needs: AllocationRunnerNeeds) {
    this.#needs = needs;
    this.#world = needs.world;
    this.#allocation = needs.allocation;
    this.#progress = needs.progress;
    this.directory = join(needs.world.settings.allocationDirectory, needs.allocation.ID);
    this.whenOver = this.#overPromise.promise;
    this.#turn = new AllocationTurn({
      world: needs.world,
      allocation: () => this.#allocation,
      group: () => this.#group,
      states: () => this.#standing(),
      servicesProblem: () => this.#services.problem(),
      attend: () => this.#world.checks.attend(this.id),
    });
    this.#network = new OwnNetwork({
      world: needs.world,
      allocation: () => this.#allocation,
      group: () => this.#group,
      directory: this.directory,
      tasks: () => this.#tasks,
      interrupted: () => this.#detached || this.#stopping,
      interruption: this.#interruption.promise,
      changed: () => this.#changed.promise,
      nudge: () => this.#nudge(),
      tellTasks: (event) => this.#context.tellTasks(event),
    });
    this.#tasks = new Map(Object.entries(needs.progress.tasks).map(([name, progress]) => [name, this.#taskRunner(name, progress)]));
    this.#context = {
      world: needs.world,
      allocation: () => this.#allocation,
      directory: this.directory,
      over: needs.over,
      network: this.#network,
      sockets: new AllocationSockets(needs.world),
      interrupted: () => this.#detached || this.#stopping,
      interruption: this.#interruption.promise,
      tellTasks: (event) => {
        for (const task of this.#tasks.values()) task.tell(event);
      },
    };
    this.#services = new AllocationServices({
      world: needs.world,
      directory: this.directory,
      allocation: () => this.#allocation,
      group: () => this.#group,
      running: () => this.phase === "running" && !this.#detached && this.#network.whole,
      ending: () => this.#stopping || this.#wishes().ending,
      tasks: this.#tasks,
      network: this.#network,
      tellTasks: this.#context.tellTasks,
    });
    this.#health = new HealthWatch({
      clock: needs.world.clock,
      allocation: () => this.#allocation,
      group: () => this.#group,
      states: () => taskStates(this.#progress),
      servicesProblem: () => this.#services.problem(),
      attend: () => this.#world.checks.attend(this.id),
      watched: () => this.#progress.health,
      save: (health) => {
        this.#store({ ...this.#progress, health, acknowledged: this.#progress.acknowledged && health.healthy === null });
        if (health.healthy !== null) this.#needs.changed(this, true);
      },
      unhealthy: (why) => this.#context.tellTasks(taskEvents.allocationUnhealthy(this.#world.clock.nowNs(), why)),
    });
    this.#limit = new RunLimit({
      clock: needs.world.clock,
      endsAtNs: () => {
        const limitNs = this.#group.MaxRunDuration;
        const { begunAt } = this.#progress;
        // Without a beginning (an older agent's memory) nothing can be counted.
        return limitNs > 0 && begunAt > 0 && this.phase === "running" && !this.#stopping ? begunAt + limitNs : undefined;
      },
      over: () => this.halt("overtime"),
    });
  }

  get id(): AllocationId {
    return this.#allocation.ID;
  }
  get allocation(): Allocation {
    return this.#allocation;
  }
  get progress(): AllocationProgress {
    return this.#progress;
  }
  get phase(): AllocationPhase {
    return this.#progress.phase;
  }
  get isOver(): boolean {
    return this.phase === "over" || this.phase === "leaving";
  }

  get takesTurn(): boolean {
    return this.#turn.active;
  }

  /** Resolves when it is known how its network stands, so that what it offers can be said. */
  get networkKnown(): Promise<void> {
    return this.#network.known;
  }

  /** Goes on from wherever it is. */
  start(): void {
    if (this.isOver) this.#overPromise.resolve();
    if (this.phase !== "running") this.#network.nothingToLookAt();
    this.#turn.resume(this.isOver);
    void this.#run().catch((thrown: unknown) => this.#report("error", "allocation runner broke", { problem: messageOf(thrown) }));
  }

  /** What the servers tell anew. */
  update(allocation: Allocation): void {
    if (this.#detached) return;
    // A job is never changed in place into other tasks; should it come so, the tasks at hand keep their old description.
    const same =
      (groupOf(allocation)?.Tasks ?? [])
        .map((task) => task.Name)
        .toSorted()
        .join("\0") === [...this.#tasks.keys()].toSorted().join("\0");
    const changed = same && allocation.Job.JobModifyIndex !== this.#allocation.Job.JobModifyIndex;
    this.#allocation = same ? allocation : { ...allocation, Job: this.#allocation.Job };
    if (this.#progress.phase !== "leaving") this.#world.store.saveAllocation(this.#allocation);
    if (this.#stopping) this.#interruption.resolve();
    if (changed) this.#obtainIdentities();
    for (const task of this.#tasks.values()) task.nudge();
    this.#nudge();
  }

  /** Of services that came in place: before they are offered. */
  #obtainIdentities(): void {
    if ((this.phase !== "entering" && this.phase !== "running") || this.#stopping) return;
    obtainIdentities(this.#context).catch((thrown: unknown) => {
      // It may have ended meanwhile.
      if (!this.#detached && this.phase === "running")
        this.#report("warn", "identities of a changed job could not be obtained", { problem: messageOf(thrown) });
    });
  }

  /** How its services stand, or what the node is, changed. */
  servicesChanged(): void {
    if (this.#detached) return;
    this.#services.look();
    if (this.phase === "running") {
      this.#health.look();
      this.#turn.look();
    }
  }

  /** The machine was settled a moment ago: does its network stand? */
  async lookAtNetwork(): Promise<void> {
    if (this.#detached || this.phase !== "running") return;
    await this.#network.lookAgain().catch((thrown: unknown) => {
      const fields = { alloc_id: this.id, problem: messageOf(thrown) };
      this.#world.report({ level: "warn", message: "the allocation's network could not be looked at", fields });
    });
  }

  /** Its network was set up, found or torn down, or a task has another of its driver's. */
  networkChanged(): void {
    if (this.#detached) return;
    const network = this.#world.networkBook.of(this.id);
    const told = network === undefined ? this.#progress.network : networkStatus(network, this.#group);
    if (!sameValue(told, this.#progress.network)) {
      this.#store({ ...this.#progress, network: told, acknowledged: false });
      this.#needs.changed(this, true);
    }
    this.servicesChanged();
  }

  /** The servers know the states as they were when `progress` was told. */
  acknowledge(progress: AllocationProgress): void {
    if (this.#detached) return;
    const now = this.#progress;
    const current =
      now.tasks === progress.tasks && now.phase === progress.phase && now.health === progress.health && now.network === progress.network;
    const judged = now.health !== null && now.health === progress.health && now.health.healthy !== null && !now.health.told;
    if (!current && !judged) return;
    this.#store({
      ...now,
      acknowledged: current || now.acknowledged,
      health: judged && now.health !== null ? { ...now.health, told: true } : now.health,
    });
  }

  /** This node ends it by itself, whatever the servers want; kept across restarts of the agent. */
  halt(why: Halt): void {
    if (this.#detached || this.isOver || this.#progress.halted !== null) return;
    this.#report("warn", why === "overtime" ? OVERTIME_DESCRIPTION : "no server was heard of for too long: allocation stopped", {});
    this.#store({ ...this.#progress, halted: why });
    this.#interruption.resolve();
    this.#nudge();
  }

  /** Stop it whatever the servers said last, and remove everything when it is over. */
  discard(): void {
    if (!this.#progress.unwanted) this.#store({ ...this.#progress, unwanted: true });
    this.#interruption.resolve();
    this.#nudge();
  }

  /** Stop it; its files stay. */
  stop(): void {
    this.#stopWanted = true;
    this.#interruption.resolve();
    this.#nudge();
  }

  /** Removes what is left. Only when it is over. Resolves when nothing is. */
  remove(): Promise<void> {
    this.#removing ??= this.#remove();
    return this.#removing;
  }

  /** Lets go: tasks run on, nothing is stored or told from now on. */
  detach(): void {
    this.#detached = true;
    this.#interruption.resolve();
    this.#health.stop();
    this.#limit.stop();
    this.#turn.detach();
    void this.#context.sockets.close();
    this.#network.detach();
    for (const task of this.#tasks.values()) task.detach();
    this.#nudge();
  }

  task(name: string): TaskRunner {
    const runner = this.#tasks.get(name);
    if (runner === undefined) throw new NamedError("TASK_UNKNOWN", `unknown task name ${JSON.stringify(name)}`, { statusCode: 404 });
    return runner;
  }

  get tasks(): ReadonlyMap<string, TaskRunner> {
    return this.#tasks;
  }

  /** As `alloc restart`: one task, all that run, or with `allTasks` the dead ones too. Rejects with TASK_NOT_RUNNING. */
  restart(name: string, allTasks: boolean): void {
    // Whoever is on the way out is not called back (F9).
    if (this.phase !== "running" || this.#stopping || this.#wishes().ending)
      throw new NamedError("ALLOCATION_NOT_RUNNING", "Task not running", { statusCode: 500 });
    if (name !== "") {
      if (!this.task(name).restart("User requested task to restart"))
        throw new NamedError("TASK_NOT_RUNNING", "Task not running", { statusCode: 500 });
      return;
    }
    let any = false;
    const reason = allTasks ? "User requested all tasks to restart" : "User requested running tasks to restart";
    for (const task of this.#tasks.values()) {
      // With all tasks the group goes through its whole life again: each waits for its turn.
      if (task.restart(reason, allTasks)) any = true;
      else if (allTasks && task.dead) {
        task.revive(reason);
        any = true;
      }
    }
    if (!any) throw new NamedError("TASK_NOT_RUNNING", "Task not running", { statusCode: 500 });
  }

  async signal(name: string, signal: string): Promise<void> {
    if (name !== "") {
      await this.task(name).signal(signal);
      return;
    }
    for (const task of this.#tasks.values()) if (!task.dead) await task.signal(signal);
  }

  get #stopping(): boolean {
    return this.#stopWanted || this.#progress.unwanted || this.#progress.halted !== null || serverTerminal(this.#allocation);
  }

  get #group(): TaskGroup {
    const group = groupOf(this.#allocation);
    if (group === undefined) throw new Error(`allocation ${this.id} names group ${this.#allocation.TaskGroup}, which its job has not`);
    return group;
  }

  #taskRunner(name: string, progress: TaskProgress): TaskRunner {
    const task = () => this.#group.Tasks.find((each) => each.Name === name) as TaskGroup["Tasks"][number];
    return new TaskRunner({
      world: this.#world,
      allocation: () => this.#allocation,
      group: () => this.#group,
      task,
      allocationDirectory: this.directory,
      stoppedFirst: () => stopOrder(this.#group.Tasks)[0]?.includes(name) === true,
      withdrawServices: () => this.#services.withdrawn(),
      turn: this.#turn,
      network: this.#network,
      progress,
      save: (next) => this.#taskChanged(name, next),
    });
  }

  #taskChanged(name: string, next: TaskProgress): boolean {
    const before = this.#progress.tasks[name];
    const told = before?.machine.state === next.machine.state;
    const status = this.#clientStatus();
    const stored = this.#store({
      ...this.#progress,
      acknowledged: this.#progress.acknowledged && told,
      tasks: { ...this.#progress.tasks, [name]: next },
    });
    if (!told) this.#needs.changed(this, this.#clientStatus() !== status);
    this.#nudge();
    return stored;
  }

  async #run(): Promise<void> {
    if (this.phase === "running") {
      // First: what the tasks are told of it, and whether they may go on.
      await this.#network.resume();
      resumeSteps(allocationPipeline, this.#context, (step, thrown) => {
        if (!this.#detached)
          this.#report("warn", "allocation could not be taken up again", { step: step.name, problem: messageOf(thrown) });
      });
    }
    if (this.phase === "entering") await this.#enter();
    if (this.phase === "running" && !this.#detached) await this.#live();
    if (this.phase === "exiting" && !this.#detached) await this.#exit();
    if (this.phase === "leaving" && !this.#detached) await this.remove();
  }

  async #enter(): Promise<void> {
    let problem: string | undefined;
    await enterSteps(allocationPipeline, this.#context, this.#world.killPoint, this.#context.interrupted, (step, thrown) => {
      problem = `${step.name}: ${messageOf(thrown)}`;
      this.#report("error", "allocation could not be set up", { step: step.name, problem });
    });
    if (this.#detached) return;
    // First: an agent that dies in between finds tasks that cannot begin, not some that may without what they need.
    if (problem !== undefined) for (const task of this.#tasks.values()) task.doom(problem);
    this.#store({ ...this.#progress, phase: "running", begunAt: this.#world.clock.nowNs() });
  }

  async #live(): Promise<void> {
    for (const task of this.#tasks.values())
      void task.start().catch((thrown: unknown) => this.#report("error", "task runner broke", { problem: messageOf(thrown) }));
    // After a restart of the agent nothing may change for long: its limits count all the same.
    this.#nudge();
    while (!this.#detached && ![...this.#tasks.values()].every((task) => task.dead)) {
      const changed = this.#changed.promise;
      this.#weigh();
      await changed;
    }
    if (this.#detached) return;
    this.#setPhase("exiting");
    this.#turn.end();
    this.#health.stop();
    this.#limit.stop();
  }

  /** Who may begin, who must stop, as things stand. */
  #weigh(): void {
    const group = this.#group;
    if (this.#stopping && !this.#stopsBegun) {
      this.#stopsBegun = true;
      void this.#stopInWaves(
        group.Tasks.filter((task) => roleOf(task) !== "poststop").map((task) => task.Name),
        null,
      );
    }
    if (this.#progress.halted === "overtime") {
      for (const task of group.Tasks) if (roleOf(task) === "poststop") this.task(task.Name).kill(this.#order(null));
    }
    const wishes = this.#wishes();
    for (const name of wishes.forgo) this.task(name).kill({ because: null, reason: "" });
    for (const name of wishes.begin) this.task(name).begin();
    const due = wishes.stop.filter((each) => this.task(each.task).machine.killedAt === null);
    if (due.length > 0 && !this.#stopping)
      void this.#stopInWaves(
        due.map((each) => each.task),
        (due[0] as { cause: Cause }).cause,
      );
  }

  #wishes(): GroupWishes {
    const members = this.#group.Tasks.map((task) => {
      const machine = this.task(task.Name).machine;
      return { task, state: machine.state, waiting: machine.phase === "waiting" };
    });
    return groupWishes(members, this.#stopping, this.#progress.halted === "overtime");
  }

  /** The leader first and alone, then the others together, sidecars last. */
  async #stopInWaves(names: readonly string[], cause: Cause | null): Promise<void> {
    for (const wave of stopOrder(this.#group.Tasks)) {
      const due = wave.filter((name) => names.includes(name));
      for (const name of due) this.task(name).kill(this.#order(cause));
      while (!this.#detached && !due.every((name) => this.task(name).dead)) await this.#changed.promise;
      if (this.#detached) return;
    }
  }

  #order(cause: Cause | null): KillOrder {
    const now = this.#world.clock.nowNs();
    if (cause === null) return { because: null, reason: haltReason(this.#progress.halted) };
    if (cause.what === "sibling") return { because: taskEvents.siblingFailed(now, cause.task), reason: "" };
    return { because: cause.what === "leader" ? taskEvents.leaderDead(now) : taskEvents.mainTasksDead(now), reason: "" };
  }

  async #exit(): Promise<void> {
    for (let attempt = 1, wait = RETRY_FIRST_MS; attempt <= EXIT_TRIES_MAX && !this.#detached; attempt++, wait *= 2) {
      const failure = await unwindSteps(allocationPipeline, this.#context, "exit", this.#world.killPoint);
      if (failure === undefined) break;
      this.#report("warn", "allocation could not be ended cleanly", { step: failure.step, problem: messageOf(failure.thrown) });
      await this.#world.clock.sleep(wait);
    }
    if (this.#detached) return;
    this.#store({ ...this.#progress, phase: "over", overAt: this.#world.clock.nowMs(), acknowledged: false });
    this.#needs.changed(this, true);
    this.#overPromise.resolve();
    if (this.#progress.unwanted) await this.remove();
  }

  async #remove(): Promise<void> {
    if (this.#detached) return;
    if (this.phase === "over") this.#setPhase("leaving");
    if (this.phase !== "leaving") throw new Error(`allocation ${this.id} is ${this.phase}: it must be over before it is removed`);
    for (let wait = RETRY_FIRST_MS; !this.#detached; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      const failure = await unwindSteps(allocationPipeline, this.#context, "leave", this.#world.killPoint);
      if (failure === undefined || this.#detached) return;
      this.#report("warn", "allocation could not be removed, trying again", { step: failure.step, problem: messageOf(failure.thrown) });
      // Forgotten too early it would be lost: keep it in memory until its directory is gone.
      this.#world.store.saveAllocation(this.#allocation);
      this.#store(this.#progress);
      await this.#world.clock.sleep(wait);
    }
  }

  /** As the states say, but of a task on its way down: it does not run any more. */
  #standing(): AllocationStates {
    const states = Object.entries(this.#progress.tasks).map(([name, { machine }]) => {
      const going = machine.state.State === "running" && machine.phase !== "running";
      return [name, going ? { ...machine.state, State: "pending" as const } : machine.state] as const;
    });
    return Object.fromEntries(states);
  }

  #clientStatus(): string {
    return rollUp(taskStates(this.#progress)).ClientStatus;
  }

  #setPhase(phase: AllocationPhase): void {
    this.#store({ ...this.#progress, phase });
    this.#nudge();
  }

  #store(progress: AllocationProgress): boolean {
    if (this.#detached) return false;
    this.#progress = progress;
    try {
      this.#world.store.saveProgress(this.id, progress);
      return true;
    } catch (thrown) {
      this.#report("error", "the node's memory cannot be written", { problem: messageOf(thrown) });
      return false;
    }
  }

  #nudge(): void {
    if (!this.#detached) this.#services.look();
    if (this.phase === "running" && !this.#detached) {
      this.#limit.look();
      this.#health.look();
      this.#turn.look();
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #report(level: "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#world.report({ level, message, fields: { alloc_id: this.id, ...fields } });
  }
}

type AllocationStates = ReturnType<typeof taskStates>;

function haltReason(halted: Halt | null): string {
  if (halted === "overtime") return OVERTIME_DESCRIPTION;
  return halted === "alone" ? "no server was heard of for longer than disconnect.stop_on_client_after" : "";
}
