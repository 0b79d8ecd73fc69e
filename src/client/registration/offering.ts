/**
 * What one allocation offers as things stand: its group's services while it lives, each task's while that task runs. Looks whenever
 * something changed, and tells the registrar and the check board. nomad.md §2.5, §2.8.
 */
import { sameValue, type Allocation, type Node, type Task, type TaskGroup } from "#model";
import type { AllocationNetwork, DriverNetwork } from "#ports";
import { buildEnvironment, type Names } from "#task";
import type { Followed } from "../checks/board.ts";
import { visiblePaths } from "../execution/place.ts";
import type { ClientWorld } from "../world.ts";
import { serviceInstances, type Instances } from "./instances.ts";

export interface OfferingNeeds {
  readonly world: ClientWorld;
  readonly directory: string;
  readonly allocation: () => Allocation;
  readonly group: () => TaskGroup;
  /** Its tasks may run: neither being set up nor being stopped. */
  readonly living: () => boolean;
  readonly runs: (task: string) => boolean;
  readonly followed: Followed;
  /** Its network is there. While it is not, it offers nothing, and that is no fault of its services. */
  readonly networked: () => boolean;
  /** What cannot be offered at all, and why; when that changes. */
  readonly problem: (problem: string) => void;
}

const NOTHING: Instances = { instances: [], problems: [] };

/** What instances are made of. */
interface Facts {
  readonly allocation: Allocation;
  readonly node: Node;
  readonly network: AllocationNetwork | undefined;
  readonly ofTasks: Readonly<Record<string, DriverNetwork | undefined>>;
}

export class Offering {
  readonly #needs: OfferingNeeds;
  #seen: (Facts & { readonly all: Instances }) | undefined;
  #offered = "";
  #told = "";

  constructor(needs: OfferingNeeds) {
    this.#needs = needs;
  }

  /** Something changed. */
  look(): void {
    const { world, allocation, living, runs, followed } = this.#needs;
    if (!this.any) return;
    const all = this.#all();
    const alive = living();
    const instances = all.instances.filter((each) => (each.Task === "" ? alive : runs(each.Task)));
    const key = instances.map((each) => each.ID).join("\n");
    if (this.#seen?.all === all && this.#offered === key) return;
    this.#seen = { ...this.#facts(), all };
    this.#offered = key;
    const { ID } = allocation();
    world.checks.follow(ID, instances, followed);
    world.registrar.offer(ID, instances);
    const problem = all.problems.join("; ");
    if (problem !== "" && problem !== this.#told) this.#needs.problem(problem);
    this.#told = problem;
  }

  /** What cannot be offered, and why; for people. */
  get problems(): readonly string[] {
    return this.any ? this.#all().problems : [];
  }

  /** Resolves when nothing stands in a catalog that is not offered now, or after a while. */
  async withdrawn(): Promise<void> {
    if (!this.any) return;
    this.look();
    const offered = new Set(this.#offered.split("\n"));
    const ids = this.#all()
      .instances.map((each) => each.ID)
      .filter((id) => !offered.has(id));
    if (ids.length > 0) await this.#needs.world.registrar.withdraw(this.#needs.allocation().ID, ids);
  }

  /** It has services at all. */
  get any(): boolean {
    const group = this.#needs.group();
    return group.Services.length > 0 || group.Tasks.some((task) => task.Services.length > 0);
  }

  /** Made anew only when the allocation, the node or a network is another. */
  #all(): Instances {
    if (!this.#needs.networked()) return NOTHING;
    const now = this.#facts();
    const seen = this.#seen;
    const same =
      seen !== undefined &&
      seen.all !== NOTHING &&
      seen.allocation === now.allocation &&
      seen.node === now.node &&
      seen.network === now.network;
    if (same && sameValue(seen.ofTasks, now.ofTasks)) return seen.all;
    return serviceInstances({
      ...now,
      group: this.#needs.group(),
      names: (task) => this.#names(task),
      driverNetwork: (task) => now.ofTasks[task],
    });
  }

  #facts(): Facts {
    const { world, allocation, group } = this.#needs;
    const { ID } = allocation();
    const ofTasks = group().Tasks.map(({ Name }) => [Name, world.networkBook.ofTask(ID, Name)] as const);
    return { allocation: allocation(), node: world.node(), network: world.networkBook.of(ID), ofTasks: Object.fromEntries(ofTasks) };
  }

  #names(name: string): Names {
    const { world, allocation, group, directory } = this.#needs;
    const task: Task | undefined = group().Tasks.find((each) => each.Name === name);
    const isolation = (task === undefined ? undefined : world.drivers.find(task.Driver))?.capabilities.isolation ?? "none";
    const { names } = buildEnvironment({
      allocation: allocation(),
      group: group(),
      task,
      node: world.node(),
      region: world.settings.region,
      paths: visiblePaths(directory, name, isolation),
      host: task === undefined || isolation === "image" ? {} : world.settings.hostEnvironment,
      hostDenied: world.settings.hostVariablesDenied,
      network: world.networkBook.of(allocation().ID),
    });
    return names;
  }
}
