/**
 * One pass over one evaluation while it is being worked out: what the plan has so far, and what it takes from the nodes. Everything
 * in it is private to the pass; the snapshot is only read.
 */
import { clientTerminal } from "#model";
import type { AllocationId, Allocation, Evaluation, Job, Node, PlannedAllocation, PlannedStop, TaskGroup } from "#model";
import type { Snapshot } from "#state";
import { datacenterTest, inPool, unavailability } from "./feasible/availability.ts";
import { type GroupChecks, groupChecks } from "./feasible/checks.ts";
import { Ledger } from "./feasible/fits.ts";
import type { Stop } from "./reconcile/decision.ts";
import { type Draw, drawFor } from "./seed.ts";

export interface ScheduleOptions {
  /** A pass changes at most so many allocations, then answers More. */
  readonly placementsMax: number;
  /** Ids of allocations and evaluations, from a seeded source in simulations. */
  readonly newId: () => string;
  /** Unix nanoseconds. */
  readonly nowNs: number;
}

/** Nodes the job could be on, before any constraint, and how they were counted. */
export interface Availability {
  readonly slots: readonly number[];
  readonly inPool: number;
  /** Datacenter → nodes in it that are ready. */
  readonly byDatacenter: Readonly<Record<string, number>>;
}

/** An allocation of the job that holds room, as distinct_* and anti-affinity count them. */
export type Held = Pick<Allocation, "NodeID" | "TaskGroup">;

export class Pass {
  readonly snapshot: Snapshot;
  readonly evaluation: Evaluation;
  readonly options: ScheduleOptions;
  readonly job: Job | undefined;
  /** All of the job's, in key order. */
  readonly allocations: readonly Allocation[];
  readonly ledger: Ledger;
  readonly draw: Draw;
  readonly stops: PlannedStop[] = [];
  readonly placements: PlannedAllocation[] = [];
  readonly inPlace: PlannedAllocation[] = [];
  /** Stays false unless the budget ran out. */
  more = false;
  readonly #stopped = new Set<AllocationId>();
  readonly #checks = new Map<TaskGroup, GroupChecks>();
  #availability: Availability | undefined;

  constructor(snapshot: Snapshot, evaluation: Evaluation, options: ScheduleOptions) {
    this.snapshot = snapshot;
    this.evaluation = evaluation;
    this.options = options;
    this.job = snapshot.job(evaluation.Namespace, evaluation.JobID);
    this.allocations = [...snapshot.allocationsByJob(evaluation.Namespace, evaluation.JobID)];
    this.ledger = new Ledger(snapshot);
    this.draw = drawFor(evaluation.ID, snapshot.index);
  }

  /** Through the columns: a hash lookup, where the snapshot walks a tree, and it is asked for every allocation. */
  readonly nodeOf = (id: string): Node | undefined => {
    const slot = this.ledger.columns.slotOf(id);
    return slot === undefined ? undefined : this.ledger.columns.nodes[slot];
  };

  /** False, and noted, once the plan is as large as a pass may make it. All-at-once jobs have no limit. */
  hasBudget(): boolean {
    if (this.job?.AllAtOnce === true) return true;
    if (this.stops.length + this.placements.length + this.inPlace.length < this.options.placementsMax) return true;
    this.more = true;
    return false;
  }

  /** Puts the stop in the plan and gives its room back. */
  stop(stop: Stop): void {
    this.ledger.release(stop.allocation);
    this.recordStop(stop);
  }

  /** Puts the stop in the plan; its room was given back before. */
  recordStop({ allocation, description, clientStatus }: Stop): void {
    this.#stopped.add(allocation.ID);
    this.stops.push({
      ID: allocation.ID,
      NodeID: allocation.NodeID,
      DesiredStatus: "stop",
      DesiredDescription: description,
      ClientStatus: clientStatus,
      FollowupEvalID: "",
      PreemptedByAllocation: "",
    });
  }

  /** Allocations of the job that hold room, with this plan done. */
  *held(): Generator<Held> {
    for (const allocation of this.allocations) {
      if (!clientTerminal(allocation) && !this.#stopped.has(allocation.ID)) yield allocation;
    }
    yield* this.placements;
  }

  checksOf(job: Job, group: TaskGroup): GroupChecks {
    let checks = this.#checks.get(group);
    if (checks === undefined) this.#checks.set(group, (checks = groupChecks(job, group)));
    return checks;
  }

  /** An in-place update looks again whether the node is one the new version may be on. */
  readonly mayStay = (allocation: Allocation): boolean => {
    const node = this.nodeOf(allocation.NodeID);
    const group = this.job?.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
    if (node === undefined || this.job === undefined || group === undefined) return false;
    if (!inPool(this.job, node) || !datacenterTest(this.job)(node.Datacenter)) return false;
    return this.checksOf(this.job, group).refusal(node) === undefined;
  };

  availability(job: Job): Availability {
    this.#availability ??= availabilityOf(job, this.ledger.columns.nodes);
    return this.#availability;
  }
}

function availabilityOf(job: Job, nodes: readonly (Node | undefined)[]): Availability {
  const inDatacenter = datacenterTest(job);
  const byDatacenter: Record<string, number> = {};
  const slots: number[] = [];
  let pooled = 0;
  for (let slot = 0; slot < nodes.length; slot++) {
    const node = nodes[slot];
    if (node === undefined || !inPool(job, node)) continue;
    pooled++;
    if (unavailability(node) !== undefined || !inDatacenter(node.Datacenter)) continue;
    byDatacenter[node.Datacenter] = (byDatacenter[node.Datacenter] ?? 0) + 1;
    slots.push(slot);
  }
  return { slots, inPool: pooled, byDatacenter };
}
