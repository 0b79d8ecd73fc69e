/**
 * Finds nodes for one group's new allocations, one after the other. After the first that fits nowhere only those are tried that give
 * room back themselves, until one did: the others are all alike. Most groups place one version; while canaries run, their neighbours are replaced by
 * what they were, and each version is looked for apart (search.ts).
 */
import { clientTerminal } from "#model";
import type { Allocation, AllocationId, AllocMetric, Job, Node, TaskGroup } from "#model";
import { coalesced, withResources } from "./explain.ts";
import type { Pass } from "./pass.ts";
import { plannedAllocation } from "./planned.ts";
import type { Place } from "./reconcile/decision.ts";
import { type Found, Search } from "./search.ts";

export class GroupPlacer {
  readonly #pass: Pass;
  readonly #job: Job;
  readonly #group: TaskGroup;
  /** Job version → where it could go; made when the first of it is placed. */
  readonly #searches = new Map<Job, Search>();
  /** Versions that fitted nowhere. */
  readonly #full = new Set<Job>();
  /** Of the first that fitted nowhere. */
  failure: AllocMetric | null = null;
  unplaced = 0;

  constructor(pass: Pass, job: Job, group: TaskGroup) {
    this.#pass = pass;
    this.#job = job;
    this.#group = group;
  }

  /** Puts the placement in the plan, with the stop that goes with it. False: it fits nowhere, `failure` says why. */
  place(place: Place): boolean {
    const job = place.job ?? this.#job;
    const previous = place.stop === null || place.previous === null || clientTerminal(place.previous) ? null : place.previous;
    if (this.#full.has(job) && previous === null) return this.#giveUp(place);
    const search = this.#searchOf(job, place.group);
    if (previous !== null) this.#release(previous);
    const found = search.find(this.#preferredSlot(place), place.avoidPreviousNode ? this.#failedSlots(place) : undefined);
    if (found !== undefined) {
      this.#put(place, job, found);
      if (previous !== null) this.#full.clear();
      return true;
    }
    this.#full.add(job);
    this.failure ??= withResources(search.failure(), place.group);
    if (previous !== null && place.stop?.when === "placed") this.#hold(previous);
    else if (previous !== null) this.#full.clear();
    return this.#giveUp(place);
  }

  #put(place: Place, job: Job, found: Found): void {
    const { ledger, evictions, stops, placements } = this.#pass;
    for (const other of this.#searches.values()) other.ranking.placed(found.slot);
    if (place.stop !== null) this.#pass.recordStop(place.stop.stop);
    const node = ledger.columns.nodes[found.slot] as Node;
    const victims = found.victims.map((victim) => victim.ID);
    const planned = plannedAllocation(this.#pass, job, place, { node, resources: found.resources, metrics: found.metrics, victims });
    if (victims.length > 0) stops.push(...evictions.record(found.victims, this.#group.Name, planned.ID as AllocationId));
    placements.push(planned);
  }

  #searchOf(job: Job, group: TaskGroup): Search {
    let search = this.#searches.get(job);
    if (search === undefined) this.#searches.set(job, (search = new Search(this.#pass, job, group)));
    return search;
  }

  #giveUp(place: Place): false {
    if (this.unplaced > 0 && this.failure !== null) this.failure = coalesced(this.failure, place.group);
    this.unplaced++;
    if (place.stop?.when === "tried") this.#pass.stop(place.stop.stop);
    return false;
  }

  #release(allocation: Allocation): void {
    this.#pass.ledger.release(allocation);
    this.#recount(allocation, -1);
  }

  #hold(allocation: Allocation): void {
    this.#pass.ledger.hold(allocation);
    this.#recount(allocation, 1);
  }

  #recount(allocation: Allocation, by: 1 | -1): void {
    const slot = this.#pass.ledger.columns.slotOf(allocation.NodeID);
    if (slot === undefined) return;
    for (const search of this.#searches.values()) search.ranking.released(slot, by);
  }

  /** A group that keeps its disk goes back to where it was, if it can. */
  #preferredSlot(place: Place): number | undefined {
    const disk = place.group.EphemeralDisk;
    if ((disk?.Sticky !== true && disk?.Migrate !== true) || place.previous === null || place.avoidPreviousNode) return undefined;
    return this.#pass.ledger.columns.slotOf(place.previous.NodeID);
  }

  #failedSlots(place: Place): ReadonlySet<number> {
    const nodes = [place.previous?.NodeID, ...(place.previous?.RescheduleTracker?.Events.map((event) => event.PrevNodeID) ?? [])];
    const slots = nodes.map((id) => (id === undefined ? undefined : this.#pass.ledger.columns.slotOf(id)));
    return new Set(slots.filter((slot) => slot !== undefined));
  }
}
