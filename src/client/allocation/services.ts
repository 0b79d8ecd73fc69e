/**
 * The services of an allocation beside its tasks: what it offers as they come and go, which of them its checks restart, and what is not
 * well with it all. nomad.md §2.8.
 */
import type { Allocation, TaskEvent, TaskGroup } from "#model";
import { roleOf, taskEvents } from "#task";
import type { TaskRunner } from "../execution/runner.ts";
import { servicesProblem } from "../health/health.ts";
import { Offering } from "../registration/offering.ts";
import type { OwnNetwork } from "../network/own-network.ts";
import type { ClientWorld } from "../world.ts";

export interface AllocationServicesNeeds {
  readonly world: ClientWorld;
  readonly directory: string;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  /** Its tasks live their lives: it is neither being set up nor being left. */
  readonly running: () => boolean;
  /** It is to end: its tasks stop, or have. */
  readonly ending: () => boolean;
  readonly tasks: ReadonlyMap<string, TaskRunner>;
  readonly network: Pick<OwnNetwork, "looked" | "whole">;
  readonly tellTasks: (event: TaskEvent) => void;
}

export class AllocationServices {
  readonly #needs: AllocationServicesNeeds;
  readonly #offering: Offering;

  constructor(needs: AllocationServicesNeeds) {
    this.#needs = needs;
    const { world, directory, allocation, group, running, ending, tasks } = needs;
    this.#offering = new Offering({
      world,
      directory,
      allocation,
      group,
      living: () =>
        running() && !ending() && ![...tasks.values()].some(({ machine }) => machine.phase === "leaving" && machine.state.Failed),
      runs: (name) => running() && tasks.get(name)?.machine.phase === "running",
      followed: {
        name: allocation().Name,
        exec: async (name, command) => {
          const runner = tasks.get(name);
          if (runner === undefined) throw new Error(`the allocation has no task ${JSON.stringify(name)}`);
          return await runner.exec({ command, tty: false });
        },
        startedAtNs: (name) => this.#startedAtNs(name),
        restart: (name, reason) => this.#restart(name, reason),
      },
      networked: () => needs.network.whole,
      problem: (problem) => this.#impossible(problem),
    });
  }

  /** Something changed. */
  look(): void {
    if (this.#needs.network.looked) this.#offering.look();
  }

  /** Resolves when nothing stands in a catalog that is not offered now, or after a while. */
  withdrawn(): Promise<void> {
    return this.#offering.withdrawn();
  }

  /** What is not well, for people: "" when all is; undefined: it has no services. */
  problem(): string | undefined {
    if (!this.#offering.any) return undefined;
    const [impossible] = this.#offering.problems;
    if (impossible !== undefined) return impossible;
    const { registrar, checks } = this.#needs.world;
    const { ID } = this.#needs.allocation();
    return servicesProblem({ settled: registrar.settled(ID), problems: registrar.problems(ID) }, checks.of(ID));
  }

  #impossible(problem: string): void {
    const { world, allocation, tellTasks } = this.#needs;
    world.report({ level: "warn", message: "service cannot be made known", fields: { alloc_id: allocation().ID, problem } });
    tellTasks(taskEvents.hookFailed(world.clock.nowNs(), "services", problem));
  }

  /** Of a task, or ("") of all main ones together; undefined: not now. */
  #startedAtNs(name: string): number | undefined {
    const { group, tasks } = this.#needs;
    const names = name === "" ? group().Tasks.flatMap((task) => (roleOf(task) === "main" ? [task.Name] : [])) : [name];
    let latest = 0;
    for (const each of names) {
      const machine = tasks.get(each)?.machine;
      if (machine?.phase !== "running" || machine.state.StartedAt === null) return undefined;
      latest = Math.max(latest, Date.parse(machine.state.StartedAt) * 1e6);
    }
    return latest === 0 ? undefined : latest;
  }

  /** check_restart: a task, or ("") all that are meant to run for as long as the allocation. */
  #restart(name: string, reason: string): void {
    const { running, ending, group, tasks } = this.#needs;
    if (!running() || ending()) return;
    for (const task of group().Tasks) {
      const lasting = roleOf(task) === "main" || task.Lifecycle?.Sidecar === true;
      if (name === "" ? lasting : task.Name === name) tasks.get(task.Name)?.restartUnwell(reason);
    }
  }
}
