/**
 * Puts one group of a system job on its nodes, one after the other. A node that could run the group but has no room is a failure of
 * that node alone, and it waits for that node alone; a node the constraints exclude is no failure at all, unless the group is nowhere.
 * nomad.md §6.6.
 */
import {
  type Allocation,
  type AllocationId,
  allocationName,
  type AllocMetric,
  type DeploymentId,
  type Job,
  type Node,
  type TaskGroup,
} from "#model";
import { coalesced, withResources } from "../explain.ts";
import type { Pass } from "../pass.ts";
import { plannedAllocation, updatedInPlace, type Wanted } from "../planned.ts";
import { DESCRIPTIONS } from "../reconcile/decision.ts";
import { type Found, Search } from "../search.ts";
import type { Spot } from "./decide.ts";

export class NodeFiller {
  readonly #pass: Pass;
  readonly #job: Job;
  readonly #group: TaskGroup;
  readonly #kept: number;
  /** Made when the first node is filled. */
  #search: Search | undefined;
  readonly #slots: readonly number[];
  #put = 0;
  /** Nodes without room. */
  readonly full: Node[] = [];

  /** `slots`: all it may be asked to fill. `kept`: allocations of the group that stay as they are. */
  constructor(pass: Pass, job: Job, group: TaskGroup, of: { readonly kept: number; readonly slots: readonly number[] }) {
    this.#pass = pass;
    this.#job = job;
    this.#group = group;
    this.#kept = of.kept;
    this.#slots = of.slots;
  }

  update(allocation: Allocation, deploymentId: DeploymentId | ""): void {
    this.#pass.inPlace.push(updatedInPlace(this.#pass, this.#job, allocation, deploymentId));
    this.#put++;
  }

  /** A new one in the old one's place; the old one stays if the new one does not fit. */
  renew({ slot, previous }: Spot, deployment: Wanted["deployment"]): void {
    if (previous === null) return this.place({ slot, previous }, deployment);
    const search = this.#searching();
    this.#pass.ledger.release(previous);
    search.ranking.released(slot, -1);
    const found = search.findOn(slot);
    if (found === undefined) {
      this.#pass.ledger.hold(previous);
      search.ranking.released(slot, 1);
      this.#put++;
      return this.#noRoom(slot);
    }
    this.#pass.recordStop({ allocation: previous, description: DESCRIPTIONS.updating, clientStatus: "" });
    this.#take(found, previous, deployment);
  }

  place({ slot, previous }: Spot, deployment: Wanted["deployment"]): void {
    const found = this.#searching().findOn(slot);
    if (found === undefined) this.#noRoom(slot);
    else this.#take(found, previous, deployment);
  }

  /** Why nodes have none; null when every node that could have one has it. */
  failure(): AllocMetric | null {
    if (this.full.length === 0 && this.#put + this.#kept > 0) return null;
    if (this.full.length === 0 && this.#slots.length === 0) return null;
    let metric = withResources(this.#searching().failure(), this.#group);
    for (let more = 1; more < this.full.length; more++) metric = coalesced(metric, this.#group);
    return metric;
  }

  #noRoom(slot: number): void {
    const node = this.#pass.ledger.columns.nodes[slot];
    if (node !== undefined && this.#searching().isExhausted(slot)) this.full.push(node);
  }

  #take(found: Found, previous: Allocation | null, deployment: Wanted["deployment"]): void {
    const { ledger, evictions, stops, placements } = this.#pass;
    this.#searching().ranking.placed(found.slot);
    const node = ledger.columns.nodes[found.slot] as Node;
    const victims = found.victims.map((victim) => victim.ID);
    const name = allocationName(this.#job.ID, this.#group.Name, 0);
    const wanted: Wanted = { group: this.#group, name, previous, ...(deployment === undefined ? {} : { deployment }) };
    const planned = plannedAllocation(this.#pass, this.#job, wanted, { node, resources: found.resources, metrics: found.metrics, victims });
    if (victims.length > 0) stops.push(...evictions.record(found.victims, this.#group.Name, planned.ID as AllocationId));
    placements.push(planned);
    this.#put++;
  }

  #searching(): Search {
    const all = this.#pass.availability(this.#job);
    this.#search ??= new Search(this.#pass, this.#job, this.#group, { ...all, slots: this.#slots });
    return this.#search;
  }
}
