/**
 * What lies on the machine though the node's memory does not know it: tasks that carry our label, networks and what drivers hold them
 * with, log pipes, directories. A memory can be lost; the machine is what is true.
 *
 * Leftovers of an allocation the node knows go at once. Strangers wait until the servers have told the node's whole set: what
 * they still want is adopted (never started a second time), the rest goes.
 */
import { serverTerminal, type Allocation, type AllocationId, type Task, type TaskGroup } from "#model";
import { parseTaskId, taskId, type TaskIdParts } from "#driver";
import { messageOf, NamedError } from "#std";
import type { Driver, TaskId } from "#ports";
import { newTaskMachine, type TaskMachine } from "#task";
import { join } from "node:path";
import { newProgress, type AllocationProgress, type TaskProgress } from "../allocation/progress.ts";
import { taskPipes } from "../execution/open-logs.ts";
import { taskPlace } from "../execution/place.ts";
import type { ClientWorld } from "../world.ts";

interface Stranger extends TaskIdParts {
  readonly id: TaskId;
  readonly driver: Driver;
}

export class Leftovers {
  readonly #world: ClientWorld;
  readonly #strangers = new Map<AllocationId, Stranger[]>();
  /** Of allocations nobody knows: they go after the tasks in them. */
  readonly #strangeNetworks = new Set<AllocationId>();
  #drivers: ReadonlySet<string> = new Set();
  #settled = false;

  constructor(world: ClientWorld) {
    this.#world = world;
  }

  /** At start, before anything runs: sweeps what known allocations left behind and remembers strangers. `drivers`: those of the known ones' tasks. */
  async search(known: ReadonlyMap<AllocationId, AllocationProgress>, drivers: ReadonlySet<string>): Promise<void> {
    this.#drivers = drivers;
    for (const driver of this.#world.drivers.all) {
      for (const id of await driver.list().catch((thrown: unknown) => this.#unlisted(driver.name, driver.name, thrown))) {
        const parts = parseTaskId(id);
        if (parts === undefined) continue;
        const progress = known.get(parts.allocationId);
        if (progress === undefined) {
          this.#strangers.set(parts.allocationId, [...(this.#strangers.get(parts.allocationId) ?? []), { ...parts, id, driver }]);
        } else if (!mayLive(progress.tasks[parts.task]?.machine, parts.attempt)) {
          await this.#sweepOne({ ...parts, id, driver });
        }
      }
    }
    await this.#searchNetworks(known);
  }

  /** Those of what is over are gone once it is; after a kill in between they are not. */
  async #searchNetworks(known: ReadonlyMap<AllocationId, AllocationProgress>): Promise<void> {
    const { drivers } = this.#world;
    const found = new Set(await this.#settleNetworks());
    for (const { name, networkHolder } of drivers.all) {
      const held = await networkHolder?.list().catch((thrown: unknown) => this.#unlisted(name, `networks of ${name}`, thrown));
      for (const id of held ?? []) found.add(id as AllocationId);
    }
    for (const id of found) {
      const phase = known.get(id)?.phase;
      if (phase === undefined) this.#strangeNetworks.add(id);
      else if (phase === "over" || phase === "leaving") await this.#sweepNetwork(id);
    }
  }

  /** Those found. An agent that cannot make any has none. */
  async #settleNetworks(): Promise<readonly AllocationId[]> {
    const { networks, report } = this.#world;
    if (networks === undefined) return [];
    try {
      for (const each of await networks.settle()) report({ level: "info", message: `networks: ${each}`, fields: {} });
    } catch (thrown) {
      if (thrown instanceof NamedError && thrown.code === "NETWORK_UNSUPPORTED") {
        report({ level: "info", message: "allocations have no networks of their own here", fields: { problem: thrown.message } });
        return [];
      }
      this.#failed("settle", "networks", thrown);
    }
    return (await networks.list().catch((thrown: unknown) => this.#failed("list", "networks", thrown))) as readonly AllocationId[];
  }

  /** The allocation's tasks as they are found on the machine; undefined when nothing of it is there. */
  async adopt(allocation: Allocation, group: TaskGroup): Promise<AllocationProgress | undefined> {
    const strangers = this.#strangers.get(allocation.ID);
    if (strangers === undefined) {
      // Set up again, the same network is given back.
      this.#strangeNetworks.delete(allocation.ID);
      return undefined;
    }
    this.#strangers.delete(allocation.ID);
    if (serverTerminal(allocation)) {
      for (const stranger of strangers) await this.#sweepOne(stranger);
      await this.#sweepNetwork(allocation.ID);
      return undefined;
    }
    this.#strangeNetworks.delete(allocation.ID);
    const directory = join(this.#world.settings.allocationDirectory, allocation.ID);
    await this.#world.disk.makeAllocation(directory);
    const fresh = newProgress(group, this.#world.clock.nowNs());
    const tasks: Record<string, TaskProgress> = { ...fresh.tasks };
    // The newest attempt first; older ones are leftovers of it.
    for (const stranger of strangers.toSorted((a, b) => b.attempt - a.attempt)) {
      const task = group.Tasks.find((each) => each.Name === stranger.task);
      const taken = tasks[stranger.task]?.handle !== null;
      const adopted = task === undefined || taken ? undefined : await this.#adoptTask(allocation, directory, stranger, task);
      if (adopted === undefined) await this.#sweepOne(stranger);
      else tasks[stranger.task] = adopted;
    }
    this.#world.report({
      level: "warn",
      message: "allocation found on the machine though it was forgotten: adopted",
      fields: { alloc_id: allocation.ID },
    });
    const begun = Object.values(tasks).flatMap(({ handle }) => (handle === null ? [] : [handle.startedAt]));
    return { ...fresh, phase: "running", begunAt: Math.min(this.#world.clock.nowNs(), ...begun), tasks };
  }

  /** Ends whatever of this allocation was found and is not known. */
  async sweep(allocationId: AllocationId): Promise<void> {
    const strangers = this.#strangers.get(allocationId) ?? [];
    this.#strangers.delete(allocationId);
    for (const stranger of strangers) await this.#sweepOne(stranger);
    if (this.#strangeNetworks.has(allocationId)) await this.#sweepNetwork(allocationId);
  }

  /** The servers have told everything: strangers nobody wants go, with their pipes and directories. Once per life of the agent. */
  async settle(wanted: ReadonlySet<AllocationId>): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    for (const id of new Set([...this.#strangers.keys(), ...this.#strangeNetworks])) if (!wanted.has(id)) await this.sweep(id);
    const { taskLogs, disk, settings } = this.#world;
    for (const id of await taskLogs.list().catch((thrown: unknown) => this.#failed("list", "log keeper", thrown))) {
      if (!wanted.has(id.slice(0, id.indexOf(".")) as AllocationId)) await taskLogs.close(id);
    }
    const names = await disk
      .listDirectories(settings.allocationDirectory)
      .catch((thrown: unknown) => this.#failed("list", settings.allocationDirectory, thrown));
    for (const name of names) {
      // Only what can be ours: allocations are named by UUIDs.
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name) || wanted.has(name as AllocationId)) continue;
      await disk
        .removeAllocation(join(settings.allocationDirectory, name))
        .catch((thrown: unknown) => this.#failed("remove", name, thrown));
      this.#world.report({ level: "info", message: "directory of a forgotten allocation removed", fields: { alloc_id: name } });
    }
  }

  async #adoptTask(allocation: Allocation, directory: string, stranger: Stranger, task: Task): Promise<TaskProgress | undefined> {
    // Open before it is found: a driver that carries the output itself goes on with that at once.
    const place = taskPlace(directory, task.Name, await taskPipes(this.#world.taskLogs, allocation.ID, directory, task));
    const handle = await stranger.driver.find(taskId(stranger), place);
    if (handle === undefined) return undefined;
    const fresh = newTaskMachine(this.#world.clock.nowNs());
    // What the servers last heard of it is the best memory there is.
    const told = allocation.TaskStates[stranger.task];
    const state =
      told !== undefined && told.State === "running"
        ? told
        : { ...fresh.state, State: "running" as const, StartedAt: new Date(handle.startedAt / 1e6).toISOString() };
    return { machine: { ...fresh, phase: "running", attempt: stranger.attempt, started: true, state }, handle, place };
  }

  async #sweepOne(stranger: Stranger): Promise<void> {
    this.#world.report({
      level: "info",
      message: "leftover of a task swept",
      fields: { task_id: stranger.id, driver: stranger.driver.name },
    });
    await stranger.driver.sweep(stranger.id).catch((thrown: unknown) => this.#failed("sweep", stranger.id, thrown));
  }

  async #sweepNetwork(id: AllocationId): Promise<void> {
    this.#strangeNetworks.delete(id);
    const { networks, drivers, report } = this.#world;
    report({ level: "info", message: "leftover of a network swept", fields: { alloc_id: id } });
    await networks?.tearDown(id).catch((thrown: unknown) => this.#failed("remove", `network of ${id}`, thrown));
    for (const { name, networkHolder } of drivers.all) {
      // Releasing waits until the driver answers: one that is not there, or holds nothing of it, is not waited for.
      const held = await networkHolder?.list().catch((thrown: unknown) => this.#unlisted(name, `networks of ${name}`, thrown));
      if (held?.includes(id) === true)
        await networkHolder?.release(id).catch((thrown: unknown) => this.#failed("release", `network of ${id}`, thrown));
    }
  }

  /** A driver that no task here has need of may be no more than a program that is not installed. */
  #unlisted(driver: string, of: string, thrown: unknown): readonly string[] {
    if (this.#drivers.has(driver)) return this.#failed("list", of, thrown);
    this.#world.report({
      level: "debug",
      message: `leftovers: "${of}" not listed, no task here needs it`,
      fields: { problem: messageOf(thrown) },
    });
    return [];
  }

  #failed(what: string, of: string, thrown: unknown): readonly string[] {
    this.#world.report({ level: "warn", message: `leftovers: cannot ${what} "${of}"`, fields: { problem: messageOf(thrown) } });
    return [];
  }
}

/** Could this attempt rightly exist? */
function mayLive(machine: TaskMachine | undefined, attempt: number): boolean {
  if (machine === undefined || machine.attempt !== attempt) return false;
  return machine.phase === "entering" || machine.phase === "running" || machine.phase === "exiting";
}
