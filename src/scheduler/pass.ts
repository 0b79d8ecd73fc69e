/**
 * One pass over one evaluation while it is being worked out: what the plan has so far, and what it takes from the nodes. Everything
 * in it is private to the pass; the snapshot is only read.
 */
import { clientTerminal } from "#model";
import type {
  AllocationId,
  Allocation,
  Evaluation,
  EvaluationId,
  Job,
  Node,
  PlannedAllocation,
  PlannedNote,
  PlannedStop,
  TaskGroup,
} from "#model";
import type { Snapshot } from "#state";
import { datacenterTest, inPool, unavailability } from "./feasible/availability.ts";
import { type GroupChecks, groupChecks } from "./feasible/checks.ts";
import { type Distinct, distinctRules, firstRefusal } from "./feasible/distinct.ts";
import { Ledger } from "./feasible/fits.ts";
import { Evictions } from "./preempt/evict.ts";
import type { Note, Stop, Wake } from "./reconcile/decision.ts";
import { type Followups, followupsFor } from "./reconcile/followups.ts";
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
  readonly notes: PlannedNote[] = [];
  /** Evaluations that the plan's stops and notes name. */
  readonly followups: Evaluation[] = [];
  /** Allocations of other jobs that have to go; their stops are in `stops`. */
  readonly evictions = new Evictions();
  /** Stays false unless the budget ran out. */
  more = false;
  readonly #stopped = new Set<AllocationId>();
  #wakes: Followups | undefined;
  readonly #checks = new Map<TaskGroup, GroupChecks>();
  readonly #distinct = new Map<TaskGroup, readonly Distinct[]>();
  readonly #availability = new Map<Job, Availability>();

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
    const changes = this.stops.length + this.placements.length + this.inPlace.length + this.notes.length;
    if (changes < this.options.placementsMax) return true;
    this.more = true;
    return false;
  }

  /** Puts the stop in the plan and gives its room back. */
  stop(stop: Stop): void {
    this.ledger.release(stop.allocation);
    this.recordStop(stop);
  }

  /** Puts the stop in the plan; its room was given back before. */
  recordStop({ allocation, description, clientStatus, wake }: Stop): void {
    this.#stopped.add(allocation.ID);
    this.stops.push({
      ID: allocation.ID,
      NodeID: allocation.NodeID,
      DesiredStatus: "stop",
      DesiredDescription: description,
      ClientStatus: clientStatus,
      FollowupEvalID: this.#followup(wake),
      PreemptedByAllocation: "",
    });
  }

  /** Before stops and notes are put in the plan: all times at which the job may have to be looked at again. */
  foresee(wakes: readonly Wake[]): void {
    if (wakes.length > 0) this.#wakes = followupsFor(wakes, this.evaluation, this.options.newId, this.options.nowNs);
  }

  note({ allocation, clientStatus, description, wakes }: Note): void {
    const ids = wakes.map((wake) => this.#followup(wake));
    this.notes.push({
      ID: allocation.ID,
      NodeID: allocation.NodeID,
      FollowupEvalID: ids[0] ?? "",
      ClientStatus: clientStatus,
      ClientDescription: description,
    });
  }

  /** Only what the plan names is created. */
  #followup(wake: Wake | undefined): EvaluationId | "" {
    if (wake === undefined || this.#wakes === undefined) return "";
    const id = this.#wakes.idOf(wake);
    const evaluation = this.#wakes.evaluations.find((each) => each.ID === id);
    if (evaluation !== undefined && !this.followups.includes(evaluation)) this.followups.push(evaluation);
    return id;
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
    return this.checksOf(this.job, group).refusal(node) === undefined && !this.#standsTooClose(allocation, node, group);
  };

  /** The new version may want its hosts or properties distinct, and the old one did not. */
  #standsTooClose(allocation: Allocation, node: Node, group: TaskGroup): boolean {
    let rules = this.#distinct.get(group);
    if (rules === undefined) {
      const running = this.allocations.filter((each) => !clientTerminal(each) && each.DesiredStatus === "run");
      this.#distinct.set(group, (rules = distinctRules(this.job as Job, group, running, this.nodeOf)));
    }
    if (rules.length === 0 || allocation.DesiredStatus !== "run") return false;
    for (const rule of rules) rule.removed(node);
    const refused = firstRefusal(rules, node) !== undefined;
    for (const rule of rules) rule.placed(node);
    return refused;
  }

  availability(job: Job): Availability {
    let available = this.#availability.get(job);
    if (available === undefined) this.#availability.set(job, (available = availabilityOf(job, this.ledger.columns.nodes)));
    return available;
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
