/**
 * Makes one allocation real on this machine, from one phase to the next (progress.ts): entering.ts enters its steps or takes them up again,
 * living.ts lets its tasks live and die for each other, ending.ts exits its steps and at last removes what is left. What it does next depends
 * only on what it remembers (memory.ts) and on what the servers last told.
 *
 * Here: what it is told from outside, and what goes beside its tasks (its network, services, health, turn, limit) and is told of every change.
 */
import { sameValue, serverTerminal, type Allocation, type AllocationId, type TaskGroup } from "#model";
import { messageOf } from "#std";
import { rollUp, stopOrder, taskEvents } from "#task";
import { join } from "node:path";
import { TaskRunner } from "../execution/runner.ts";
import { HealthWatch } from "../health/watch.ts";
import { AllocationSockets } from "../mesh/sockets.ts";
import type { ClientWorld } from "../world.ts";
import type { AllocationContext } from "./context.ts";
import { taskNamed, type AllocationCourse } from "./course.ts";
import { exit, leave } from "./ending.ts";
import { enter, takeUp } from "./entering.ts";
import { AllocationLiving } from "./living.ts";
import { AllocationMemory } from "./memory.ts";
import { restart, signal } from "./orders.ts";
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
  readonly #memory: AllocationMemory;
  readonly #course: AllocationCourse;
  readonly #living: AllocationLiving;
  readonly #interruption = Promise.withResolvers<void>();
  readonly #overPromise = Promise.withResolvers<void>();
  readonly #health: HealthWatch;
  readonly #limit: RunLimit;
  readonly #services: AllocationServices;
  readonly #turn: AllocationTurn;
  readonly #network: OwnNetwork;
  #allocation: Allocation;
  #stopWanted = false;
  #removing: Promise<void> | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(needs: AllocationRunnerNeeds) {
    this.#needs = needs;
    this.#world = needs.world;
    this.#allocation = needs.allocation;
    this.#memory = new AllocationMemory({
      id: needs.allocation.ID,
      store: needs.world.store,
      report: needs.world.report,
      progress: needs.progress,
    });
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
      interrupted: () => this.#memory.detached || this.#stopping,
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
      interrupted: () => this.#memory.detached || this.#stopping,
      interruption: this.#interruption.promise,
      tellTasks: (event) => {
        for (const task of this.#tasks.values()) task.tell(event);
      },
    };
    this.#course = {
      world: needs.world,
      context: this.#context,
      memory: this.#memory,
      allocation: () => this.#allocation,
      group: () => this.#group,
      tasks: this.#tasks,
      stopping: () => this.#stopping,
      changed: () => this.#changed.promise,
      report: (...said) => this.#report(...said),
    };
    this.#living = new AllocationLiving(this.#course);
    this.#services = new AllocationServices({
      world: needs.world,
      directory: this.directory,
      allocation: () => this.#allocation,
      group: () => this.#group,
      running: () => this.phase === "running" && !this.#memory.detached && this.#network.whole,
      ending: () => this.#stopping || this.#living.wishes().ending,
      tasks: this.#tasks,
      network: this.#network,
      tellTasks: this.#context.tellTasks,
    });
    this.#health = new HealthWatch({
      clock: needs.world.clock,
      allocation: () => this.#allocation,
      group: () => this.#group,
      states: () => taskStates(this.#memory.progress),
      servicesProblem: () => this.#services.problem(),
      attend: () => this.#world.checks.attend(this.id),
      watched: () => this.#memory.progress.health,
      save: (health) => {
        this.#memory.save({
          ...this.#memory.progress,
          health,
          acknowledged: this.#memory.progress.acknowledged && health.healthy === null,
        });
        if (health.healthy !== null) this.#needs.changed(this, true);
      },
      unhealthy: (why) => this.#context.tellTasks(taskEvents.allocationUnhealthy(this.#world.clock.nowNs(), why)),
    });
    this.#limit = new RunLimit({
      clock: needs.world.clock,
      endsAtNs: () => {
        const limitNs = this.#group.MaxRunDuration;
        const { begunAt } = this.#memory.progress;
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
    return this.#memory.progress;
  }
  get phase(): AllocationPhase {
    return this.#memory.progress.phase;
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
    if (this.#memory.detached) return;
    // A job is never changed in place into other tasks; should it come so, the tasks at hand keep their old description.
    const same =
      (groupOf(allocation)?.Tasks ?? [])
        .map((task) => task.Name)
        .toSorted()
        .join("\0") === [...this.#tasks.keys()].toSorted().join("\0");
    const changed = same && allocation.Job.JobModifyIndex !== this.#allocation.Job.JobModifyIndex;
    this.#allocation = same ? allocation : { ...allocation, Job: this.#allocation.Job };
    if (this.#memory.progress.phase !== "leaving") this.#world.store.saveAllocation(this.#allocation);
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
      if (!this.#memory.detached && this.phase === "running")
        this.#report("warn", "identities of a changed job could not be obtained", { problem: messageOf(thrown) });
    });
  }

  /** How its services stand, or what the node is, changed. */
  servicesChanged(): void {
    if (this.#memory.detached) return;
    this.#services.look();
    if (this.phase === "running") {
      this.#health.look();
      this.#turn.look();
    }
  }

  /** The machine was settled a moment ago: does its network stand? */
  async lookAtNetwork(): Promise<void> {
    if (this.#memory.detached || this.phase !== "running") return;
    await this.#network.lookAgain().catch((thrown: unknown) => {
      const fields = { alloc_id: this.id, problem: messageOf(thrown) };
      this.#world.report({ level: "warn", message: "the allocation's network could not be looked at", fields });
    });
  }

  /** Its network was set up, found or torn down, or a task has another of its driver's. */
  networkChanged(): void {
    if (this.#memory.detached) return;
    const network = this.#world.networkBook.of(this.id);
    const told = network === undefined ? this.#memory.progress.network : networkStatus(network, this.#group);
    if (!sameValue(told, this.#memory.progress.network)) {
      this.#memory.save({ ...this.#memory.progress, network: told, acknowledged: false });
      this.#needs.changed(this, true);
    }
    this.servicesChanged();
  }

  /** The servers know the states as they were when `progress` was told. */
  acknowledge(progress: AllocationProgress): void {
    this.#memory.acknowledge(progress);
  }

  /** This node ends it by itself, whatever the servers want; kept across restarts of the agent. */
  halt(why: Halt): void {
    if (this.#memory.detached || this.isOver || this.#memory.progress.halted !== null) return;
    this.#report("warn", why === "overtime" ? OVERTIME_DESCRIPTION : "no server was heard of for too long: allocation stopped", {});
    this.#memory.save({ ...this.#memory.progress, halted: why });
    this.#interruption.resolve();
    this.#nudge();
  }

  /** Stop it whatever the servers said last, and remove everything when it is over. */
  discard(): void {
    if (!this.#memory.progress.unwanted) this.#memory.save({ ...this.#memory.progress, unwanted: true });
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
    this.#memory.detach();
    this.#interruption.resolve();
    this.#health.stop();
    this.#limit.stop();
    this.#turn.detach();
    void this.#context.sockets.close();
    this.#network.detach();
    for (const task of this.#tasks.values()) task.detach();
    this.#nudge();
  }

  /** Throws NamedError TASK_UNKNOWN. */
  task(name: string): TaskRunner {
    return taskNamed(this.#course, name);
  }

  get tasks(): ReadonlyMap<string, TaskRunner> {
    return this.#tasks;
  }

  /** As `alloc restart`: one task, all that run, or with `allTasks` the dead ones too. Throws NamedError ALLOCATION_NOT_RUNNING, TASK_NOT_RUNNING. */
  restart(name: string, allTasks: boolean): void {
    restart(this.#course, () => this.#living.wishes().ending, name, allTasks);
  }

  async signal(name: string, signalName: string): Promise<void> {
    await signal(this.#course, name, signalName);
  }

  get #stopping(): boolean {
    return this.#stopWanted || this.#memory.progress.unwanted || this.#memory.progress.halted !== null || serverTerminal(this.#allocation);
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
    const before = this.#memory.progress.tasks[name];
    const told = before?.machine.state === next.machine.state;
    const status = this.#clientStatus();
    const stored = this.#memory.save({
      ...this.#memory.progress,
      acknowledged: this.#memory.progress.acknowledged && told,
      tasks: { ...this.#memory.progress.tasks, [name]: next },
    });
    if (!told) this.#needs.changed(this, this.#clientStatus() !== status);
    this.#nudge();
    return stored;
  }

  async #run(): Promise<void> {
    if (this.phase === "running") await takeUp(this.#course);
    if (this.phase === "entering") await enter(this.#course);
    if (this.phase === "running" && !this.#memory.detached) await this.#live();
    if (this.phase === "exiting" && !this.#memory.detached) await this.#exit();
    if (this.phase === "leaving" && !this.#memory.detached) await this.remove();
  }

  async #live(): Promise<void> {
    for (const task of this.#tasks.values())
      void task.start().catch((thrown: unknown) => this.#report("error", "task runner broke", { problem: messageOf(thrown) }));
    // After a restart of the agent nothing may change for long: its limits count all the same.
    this.#nudge();
    await this.#living.untilDead();
    if (this.#memory.detached) return;
    this.#setPhase("exiting");
    this.#turn.end();
    this.#health.stop();
    this.#limit.stop();
  }

  async #exit(): Promise<void> {
    await exit(this.#course);
    if (this.#memory.detached) return;
    this.#memory.save({ ...this.#memory.progress, phase: "over", overAt: this.#world.clock.nowMs(), acknowledged: false });
    this.#needs.changed(this, true);
    this.#overPromise.resolve();
    if (this.#memory.progress.unwanted) await this.remove();
  }

  async #remove(): Promise<void> {
    if (this.#memory.detached) return;
    if (this.phase === "over") this.#setPhase("leaving");
    if (this.phase !== "leaving") throw new Error(`allocation ${this.id} is ${this.phase}: it must be over before it is removed`);
    await leave(this.#course);
  }

  /** As the states say, but of a task on its way down: it does not run any more. */
  #standing(): AllocationStates {
    const states = Object.entries(this.#memory.progress.tasks).map(([name, { machine }]) => {
      const going = machine.state.State === "running" && machine.phase !== "running";
      return [name, going ? { ...machine.state, State: "pending" as const } : machine.state] as const;
    });
    return Object.fromEntries(states);
  }

  #clientStatus(): string {
    return rollUp(taskStates(this.#memory.progress)).ClientStatus;
  }

  #setPhase(phase: AllocationPhase): void {
    this.#memory.save({ ...this.#memory.progress, phase });
    this.#nudge();
  }

  #nudge(): void {
    if (!this.#memory.detached) this.#services.look();
    if (this.phase === "running" && !this.#memory.detached) {
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
