/**
 * Performs one task's machine: looks at the phase, does what it asks for, feeds back what came of it, until the task is dead or
 * the agent goes. Every step of the machine is stored before it is performed.
 *
 * The process is watched from the moment it is known to run, in whatever phase: its end is recorded once, by whoever sees it.
 */
import type { Allocation, ResourceUsage, Task, TaskEvent, TaskGroup } from "#model";
import { reattach, taskId, unknownExit } from "#driver";
import { createRounds, messageOf, NamedError, type Rounds } from "#std";
import type { ExecSession, TaskExec, TaskHandle, TaskPlace } from "#ports";
import { stepTask, taskEvents, type KillOrder, type TaskInput, type TaskMachine } from "#task";
import type { TaskProgress } from "../allocation/progress.ts";
import type { Turn } from "../allocation/turn.ts";
import type { OwnNetwork } from "../network/own-network.ts";
import { readerNeeds } from "../templates/reader-needs.ts";
import { TaskThings } from "../templates/things.ts";
import { Told } from "../templates/told.ts";
import { enterSteps, resumeSteps, unwindSteps, type Step } from "../step.ts";
import type { ClientWorld } from "../world.ts";
import { concealIn } from "./conceal.ts";
import type { ExecutionContext } from "./context.ts";
import { EnterFailure } from "./failure.ts";
import { openLogs } from "./open-logs.ts";
import { restartRules } from "./rules.ts";
import { devices as devicesStep } from "./steps/devices.ts";
import { driver as driverStep } from "./steps/driver.ts";
import { environment as environmentStep } from "./steps/environment.ts";
import { taskPipeline } from "./steps/list.ts";
import { killTimeoutMs } from "./steps/process.ts";

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
/** After so many failures a step that only tidies up is let go: a leftover search finds the rest. */
const TIDY_TRIES_MAX = 5;

export interface TaskRunnerNeeds {
  readonly world: ClientWorld;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  readonly task: () => Task;
  readonly allocationDirectory: string;
  readonly stoppedFirst: () => boolean;
  readonly withdrawServices: () => Promise<void>;
  readonly turn: Turn;
  readonly network: OwnNetwork;
  readonly progress: TaskProgress;
  /** Stores and tells others; false when it could not be stored. */
  readonly save: (progress: TaskProgress) => boolean;
}

export class TaskRunner {
  readonly #needs: TaskRunnerNeeds;
  readonly #context: ExecutionContext;
  #progress: TaskProgress;
  #stored = true;
  #detached = false;
  #changed = Promise.withResolvers<void>();
  /** One that is revived while the last of its death is still said goes on, too. */
  readonly #rounds: Rounds = createRounds(() => this.#run());
  #isResumed = false;
  #interruption = new AbortController();

  constructor(needs: TaskRunnerNeeds) {
    this.#needs = needs;
    this.#progress = needs.progress;
    // Known before it is found again: what it offers is not to be said with another address in between.
    const network = needs.progress.handle?.network;
    if (network !== undefined) needs.world.networkBook.setTask(needs.allocation().ID, needs.task().Name, network);
    this.#context = {
      world: needs.world,
      allocation: needs.allocation,
      group: needs.group,
      task: needs.task,
      machine: () => this.machine,
      allocationDirectory: needs.allocationDirectory,
      id: () => this.#id(),
      stored: () => this.#stored,
      placed: (place) => this.#placed(place),
      tell: (event) => this.#apply({ type: "tell", event }),
      started: (handle) => this.#started(handle),
      ended: (exit) => this.#apply({ type: "ended", exit }),
      stoppedFirst: needs.stoppedFirst,
      withdrawServices: needs.withdrawServices,
      change: () => this.#changed.promise,
      interruption: () => this.#interruption.signal,
      restart: (reason) => void this.restart(reason),
      signal: async (signal) => {
        if (this.machine.phase === "running") await this.signal(signal);
      },
      kill: (order) => this.kill(order),
      exec: (command) => this.exec({ command, tty: false }),
      turn: needs.turn,
      network: needs.network,
      things: new TaskThings(() => needs.world.lookout.reader(readerNeeds(needs))),
      told: new Told(needs.world.secrets, needs.allocation().ID, needs.task().Name, needs.world.report),
      beside: new Map(),
      driver: undefined,
      environment: undefined,
      added: {},
      names: new Map(),
      unsealed: new Map(),
      named: Promise.resolve(),
      config: {},
      user: "",
      mounts: [],
      place: needs.progress.place ?? undefined,
      handle: needs.progress.handle ?? undefined,
      withdrawnAt: 0,
    };
  }

  get machine(): TaskMachine {
    return this.#progress.machine;
  }

  get dead(): boolean {
    return this.machine.phase === "dead";
  }

  /** Goes on from wherever the machine is. Resolves when the task is dead or the runner detached. */
  start(): Promise<void> {
    return this.#rounds.ask();
  }

  begin(): void {
    this.#apply({ type: "begin" });
  }

  kill(order: KillOrder): void {
    this.#apply({ type: "kill", order });
  }

  doom(problem: string): void {
    this.#apply({ type: "doom", event: taskEvents.setupFailure(this.#now(), problem) });
  }

  tell(event: TaskEvent): void {
    this.#apply({ type: "tell", event });
  }

  /** True when it ran and will run again; `fromStart`: when its turn in the group comes. */
  restart(reason: string, fromStart = false): boolean {
    if (this.machine.phase !== "running") return false;
    this.#apply({ type: "restart", reason, fromStart });
    return true;
  }

  /** Its checks have failed too often: it runs again as its restart policy says of a failure. */
  restartUnwell(reason: string): void {
    this.#apply({ type: "unwell", reason });
  }

  /** A dead task of a living allocation runs again. */
  revive(reason: string): void {
    if (!this.dead) return;
    this.#apply({ type: "revive", reason });
    this.start().catch((thrown: unknown) => this.#report("error", "task runner broke", { problem: messageOf(thrown) }));
  }

  async signal(signal: string): Promise<void> {
    const { driver, handle } = this.#context;
    if (this.machine.phase !== "running" || driver === undefined || handle === undefined) {
      throw new NamedError("TASK_NOT_RUNNING", "Task not running", { statusCode: 500 });
    }
    this.#apply({ type: "tell", event: taskEvents.signaling(this.#now(), signal) });
    await driver.signal(handle, signal);
  }

  /** Rejects with TASK_NOT_RUNNING, or as the driver does. */
  async exec(wanted: Omit<TaskExec, "environment">): Promise<ExecSession> {
    const { driver, handle, place, environment } = this.#context;
    const runs = this.machine.phase === "running" && driver !== undefined && handle !== undefined;
    if (!runs || place === undefined || environment === undefined) throw this.#notRunning();
    try {
      return await driver.exec(handle, place, { ...wanted, environment: environment.variables });
    } catch (thrown) {
      if (thrown instanceof NamedError && thrown.code === "DRIVER_TASK_NOT_RUNNING") throw this.#notRunning();
      throw thrown;
    }
  }

  #notRunning(): NamedError {
    return new NamedError("TASK_NOT_RUNNING", `task ${JSON.stringify(this.#needs.task().Name)} is not running.`, { statusCode: 404 });
  }

  /** Undefined when nothing of it runs. */
  async usage(): Promise<ResourceUsage | undefined> {
    const { driver, handle } = this.#context;
    const runs =
      (this.machine.phase === "running" || this.machine.phase === "exiting") && this.machine.started && this.machine.exit === null;
    if (!runs || driver === undefined || handle === undefined) return undefined;
    return await driver.usage(handle);
  }

  /** The allocation changed: whoever waits looks again. */
  nudge(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Lets go of the task, which runs on. Nothing is stored or told from now on. */
  detach(): void {
    this.#detached = true;
    this.#interruption.abort();
    for (const each of this.#context.beside.values()) void each.end();
    this.#context.beside.clear();
    this.nudge();
  }

  async #run(): Promise<void> {
    if (!this.#isResumed && (this.machine.started || this.#progress.place !== null)) await this.#resume();
    this.#isResumed = true;
    while (!this.#detached && !this.dead) {
      switch (this.machine.phase) {
        case "entering":
          await this.#enter();
          break;
        case "exiting":
          await this.#unwind("exit", { type: "exited" });
          break;
        case "leaving":
          await this.#unwind("leave", { type: "left" });
          break;
        case "cooling":
          await this.#cool();
          break;
        default:
          await this.#changed.promise;
      }
    }
  }

  /** After the agent was away. An attempt that never had a place cannot have been started. */
  async #resume(): Promise<void> {
    const phase = this.machine.phase;
    if (phase !== "entering" && phase !== "running" && phase !== "exiting") return;
    for (let wait = RETRY_FIRST_MS; !this.#detached; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        await this.#findAgain();
        return;
      } catch (thrown) {
        if (thrown instanceof EnterFailure) {
          // The driver is not here any more: nobody can say what became of the task, and nobody can start it again.
          this.#apply({ type: "ended", exit: unknownExit(thrown.message, this.#now()) });
          return;
        }
        const problem = messageOf(thrown);
        if (wait === RETRY_FIRST_MS) this.#apply({ type: "tell", event: taskEvents.failedRestoring(this.#now(), problem) });
        this.#report("error", "task could not be looked for, trying again", { problem });
        await this.#sleep(wait);
      }
    }
  }

  async #findAgain(): Promise<void> {
    const context = this.#context;
    await driverStep.enter?.(context);
    await environmentStep.enter?.(context);
    // For commands beside it. That a device is gone by now is no reason to let go of the task.
    await Promise.resolve(devicesStep.enter?.(context)).catch(() => undefined);
    if (this.machine.exit === null) await openLogs(context);
    const { driver, place } = context;
    if (driver === undefined || place === undefined) return;
    const verdict = await reattach(driver, this.#id(), place, this.machine, this.#now());
    if (verdict.what === "adopt") {
      this.#report("info", "task found again", { pid: verdict.handle.pid });
      this.#started(verdict.handle);
      resumeSteps(taskPipeline, context, (step, thrown) => {
        if (this.#detached) return;
        const problem = messageOf(thrown);
        this.#report("warn", "what the task has beside its process could not be taken up again", { step: step.name, problem });
        this.#apply({ type: "tell", event: taskEvents.hookFailed(this.#now(), step.name, problem) });
      });
    } else if (verdict.what === "unknown") {
      this.#apply({ type: "ended", exit: verdict.exit });
    }
  }

  async #enter(): Promise<void> {
    this.#context.handle = undefined;
    const interrupted = () => this.#detached || this.machine.killedAt !== null;
    const entered = await enterSteps(taskPipeline, this.#context, this.#needs.world.killPoint, interrupted, (step, thrown) =>
      this.#failed(step, thrown),
    );
    if (this.#detached) return;
    if (entered && this.#context.handle !== undefined) this.#started(this.#context.handle);
    else this.#apply({ type: "interrupted" });
  }

  #failed(step: Step<ExecutionContext>, thrown: unknown): void {
    const failure = thrown instanceof EnterFailure ? thrown : undefined;
    const problem = failure?.message ?? `${step.name}: ${messageOf(thrown)}`;
    this.#report("warn", "task could not be set up", { step: step.name, problem });
    this.#apply({
      type: "enter-failed",
      event: failure?.event ?? taskEvents.setupFailure(this.#now(), problem),
      failure: failure?.failure ?? { problem, hopeless: false },
    });
  }

  async #unwind(moment: "exit" | "leave", done: TaskInput): Promise<void> {
    const { world } = this.#needs;
    if (this.#context.driver === undefined) this.#context.driver = world.drivers.find(this.#needs.task().Driver);
    for (let attempt = 1, wait = RETRY_FIRST_MS; !this.#detached; attempt++, wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      const failure = await unwindSteps(taskPipeline, this.#context, moment, world.killPoint);
      if (this.#detached) return;
      if (failure === undefined) break;
      this.#report("warn", `task could not be ${moment === "exit" ? "stopped" : "tidied up"}`, {
        step: failure.step,
        problem: messageOf(failure.thrown),
      });
      // A process that may still run is never called dead.
      if (attempt >= TIDY_TRIES_MAX && failure.step !== "process" && failure.step !== "remains") break;
      await this.#sleep(wait);
    }
    if (this.#detached) return;
    if (moment === "exit") {
      this.#context.handle = undefined;
      this.#needs.world.networkBook.setTask(this.#needs.allocation().ID, this.#needs.task().Name, undefined);
    }
    this.#apply(done);
  }

  async #cool(): Promise<void> {
    const { clock } = this.#needs.world;
    const restMs = (this.machine.coolUntil - clock.nowNs()) / 1e6;
    if (restMs <= 0) {
      this.#apply({ type: "cooled" });
      return;
    }
    const timed = Promise.withResolvers<void>();
    const timer = clock.after(restMs, timed.resolve);
    await Promise.race([timed.promise, this.#changed.promise]);
    timer.cancel();
  }

  #started(handle: TaskHandle): void {
    const { driver, place } = this.#context;
    this.#context.handle = handle;
    this.#progress = { ...this.#progress, handle };
    this.#needs.world.networkBook.setTask(this.#needs.allocation().ID, this.#needs.task().Name, handle.network);
    this.#apply({ type: "started" }, true);
    if (driver === undefined || place === undefined || this.machine.exit !== null) return;
    const id = handle.id;
    const ended = (exit: Parameters<ExecutionContext["ended"]>[0]) => {
      if (this.#id() === id) this.#apply({ type: "ended", exit });
    };
    driver.wait(handle, place).then(ended, (thrown: unknown) => ended(unknownExit(messageOf(thrown), this.#now())));
  }

  #placed(place: TaskPlace): void {
    this.#context.place = place;
    if (JSON.stringify(this.#progress.place) !== JSON.stringify(place)) this.#store({ ...this.#progress, place });
  }

  #apply(input: TaskInput, always = false): void {
    if (this.#detached) return;
    const { world } = this.#needs;
    const before = this.machine;
    const machine = stepTask(before, concealIn(input, this.#context), {
      nowNs: this.#now(),
      rules: restartRules(this.#needs.allocation().Job, this.#needs.group(), this.#needs.task()),
      jitter: world.random.fraction(),
      memoryLimitMB: this.#memoryLimitMB(),
      killTimeoutNs: killTimeoutMs({ task: this.#needs.task, world }) * 1e6,
    });
    if (machine === before && !always) return;
    // The handle belongs to the attempt: the next one starts without.
    const next = machine.attempt === before.attempt ? this.#progress : { ...this.#progress, handle: null };
    this.#store({ ...next, machine });
    if (machine.killedAt === null && this.#interruption.signal.aborted) this.#interruption = new AbortController();
    else if (machine.killedAt !== null) this.#interruption.abort();
    this.nudge();
  }

  #store(progress: TaskProgress): void {
    if (this.#detached) return;
    this.#progress = progress;
    this.#stored = this.#needs.save(progress);
  }

  #memoryLimitMB(): number {
    const memory = this.#needs.allocation().AllocatedResources.Tasks[this.#needs.task().Name]?.Memory;
    if (memory === undefined) return 0;
    return memory.MemoryMaxMB > 0 ? memory.MemoryMaxMB : memory.MemoryMB;
  }

  #id(): string {
    return taskId({ allocationId: this.#needs.allocation().ID, task: this.#needs.task().Name, attempt: this.machine.attempt });
  }

  #now(): number {
    return this.#needs.world.clock.nowNs();
  }

  /** Ends early when the agent goes. */
  async #sleep(delayMs: number): Promise<void> {
    const timed = Promise.withResolvers<void>();
    const timer = this.#needs.world.clock.after(delayMs, timed.resolve);
    await Promise.race([timed.promise, this.#detachment()]);
    timer.cancel();
  }

  async #detachment(): Promise<void> {
    while (!this.#detached) await this.#changed.promise;
  }

  #report(level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#needs.world.report({
      level,
      message,
      fields: { alloc_id: this.#needs.allocation().ID, task: this.#needs.task().Name, ...concealIn(fields, this.#context) },
    });
  }
}
