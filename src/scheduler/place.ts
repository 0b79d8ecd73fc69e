/**
 * Finds nodes for one group's new allocations, one after the other, on what the pass has left. The nodes are filtered and scored
 * once; each placement then changes only what it touches. After the first that fits nowhere only those are tried that give room back
 * themselves: the others are all alike.
 */
import { clientTerminal } from "#model";
import type {
  AllocatedResources,
  AllocationId,
  Allocation,
  AllocMetric,
  EvaluationId,
  Job,
  Node,
  NodeId,
  PlannedAllocation,
  RescheduleEvent,
  TaskGroup,
} from "#model";
import { type Explained, explain } from "./explain.ts";
import { type Ask, askOf } from "./feasible/ask.ts";
import { type Distinct, distinctRules } from "./feasible/distinct.ts";
import type { Shortfall } from "./feasible/fits.ts";
import type { Pass } from "./pass.ts";
import { compileAffinities } from "./rank/affinity.ts";
import { Ranking } from "./rank/ranking.ts";
import { compileSpreads } from "./rank/spread.ts";
import type { Place } from "./reconcile/decision.ts";

/**
 * The first so many placements of a group in a pass carry their own account of how their node was chosen; later ones share the last.
 * An account each would be the larger part of what an allocation costs.
 */
const OWN_METRICS_MAX = 8;
const RESCHEDULE_EVENTS_MAX = 5;
const NOTHING: Readonly<Record<string, never>> = Object.freeze({});
const NONE: readonly never[] = Object.freeze([]);

export class GroupPlacer {
  readonly #pass: Pass;
  readonly #job: Job;
  readonly #group: TaskGroup;
  readonly #ask: Ask;
  readonly #ranking: Ranking;
  readonly #explained: Explained;
  #metrics: AllocMetric | null = null;
  #metricsMade = 0;
  /** Of the first that fitted nowhere. */
  failure: AllocMetric | null = null;
  unplaced = 0;

  constructor(pass: Pass, job: Job, group: TaskGroup) {
    this.#pass = pass;
    this.#job = job;
    this.#group = group;
    const { ledger, draw, snapshot } = pass;
    const configuration = snapshot.schedulerConfiguration();
    const { nodes } = ledger.columns;
    const available = pass.availability(job);
    const checks = pass.checksOf(job, group);
    const filtered: { node: Node; reason: string }[] = [];
    const slots: number[] = [];
    for (const slot of available.slots) {
      const node = nodes[slot] as Node;
      const reason = checks.refusal(node);
      if (reason === undefined) slots.push(slot);
      else filtered.push({ node, reason });
    }
    this.#ask = askOf(group, ledger, draw, configuration.MemoryOversubscriptionEnabled);
    const spreads = compileSpreads(job, group);
    const distinct: readonly Distinct[] = distinctRules(job, group, pass.held(), pass.nodeOf);
    const neighbours = new Map<number, number>();
    for (const held of pass.held()) {
      const slot = ledger.columns.slotOf(held.NodeID);
      if (held.TaskGroup !== group.Name || slot === undefined) continue;
      neighbours.set(slot, (neighbours.get(slot) ?? 0) + 1);
      for (const rule of spreads) rule.count(rule.valueOf(nodes[slot] as Node), 1);
    }
    this.#ranking = new Ranking({
      ledger,
      ask: this.#ask,
      slots,
      algorithm: configuration.SchedulerAlgorithm,
      count: group.Count ?? 1,
      neighbours,
      affinity: compileAffinities(job, group),
      spreads,
      distinct,
      draw,
    });
    this.#explained = { job, available, filtered, ranking: this.#ranking, ask: this.#ask, ledger };
  }

  /** Puts the placement in the plan, with the stop that goes with it. False: it fits nowhere, `failure` says why. */
  place(place: Place): boolean {
    const previous = place.stop === null || place.previous === null || clientTerminal(place.previous) ? null : place.previous;
    if (this.failure !== null && previous === null) return this.#giveUp(place);
    if (previous !== null) this.#release(previous);
    const penalised = place.avoidPreviousNode ? this.#failedSlots(place) : undefined;
    for (;;) {
      const slot = this.#stickySlot(place) ?? this.#ranking.best(penalised);
      if (slot === undefined) break;
      const metrics = this.#account(penalised);
      const granted = this.#ask.grant(slot);
      if (isShortfall(granted)) {
        this.#ranking.refused(slot, granted);
        continue;
      }
      this.#ranking.placed(slot);
      if (place.stop !== null) this.#pass.recordStop(place.stop.stop);
      this.#pass.placements.push(this.#allocationOn(slot, place, granted, metrics));
      return true;
    }
    this.failure ??= explain(this.#explained, NONE);
    if (previous !== null && place.stop?.when === "placed") this.#hold(previous);
    return this.#giveUp(place);
  }

  #giveUp(place: Place): false {
    if (this.unplaced > 0 && this.failure !== null)
      this.failure = { ...this.failure, CoalescedFailures: this.failure.CoalescedFailures + 1 };
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
    if (slot !== undefined) this.#ranking.released(slot, by);
  }

  /** A group that keeps its disk goes back to where it was, if it can. */
  #stickySlot(place: Place): number | undefined {
    if (this.#group.EphemeralDisk?.Sticky !== true || place.previous === null || place.avoidPreviousNode) return undefined;
    const slot = this.#pass.ledger.columns.slotOf(place.previous.NodeID);
    return slot !== undefined && this.#ranking.hasRoom(slot) ? slot : undefined;
  }

  #failedSlots(place: Place): ReadonlySet<number> {
    const nodes = [place.previous?.NodeID, ...(place.previous?.RescheduleTracker?.Events.map((event) => event.PrevNodeID) ?? [])];
    const slots = nodes.map((id) => (id === undefined ? undefined : this.#pass.ledger.columns.slotOf(id)));
    return new Set(slots.filter((slot) => slot !== undefined));
  }

  #account(penalised: ReadonlySet<number> | undefined): AllocMetric {
    if (this.#metrics === null || this.#metricsMade < OWN_METRICS_MAX || penalised !== undefined) {
      this.#metrics = explain(this.#explained, this.#ranking.top(5, penalised));
      this.#metricsMade++;
    }
    return this.#metrics;
  }

  #allocationOn(slot: number, place: Place, resources: AllocatedResources, metrics: AllocMetric): PlannedAllocation {
    const { evaluation, ledger, options } = this.#pass;
    const node = ledger.columns.nodes[slot] as Node;
    return {
      ID: options.newId() as AllocationId,
      Namespace: this.#job.Namespace,
      EvalID: evaluation.ID as EvaluationId,
      Name: place.name,
      NodeID: node.ID as NodeId,
      NodeName: node.Name,
      JobID: this.#job.ID,
      JobVersion: this.#job.Version,
      TaskGroup: this.#group.Name,
      AllocatedResources: resources,
      Metrics: metrics,
      DesiredStatus: "run",
      DesiredDescription: "",
      DesiredTransition: NOTHING,
      ClientStatus: "pending",
      ClientDescription: "",
      TaskStates: NOTHING,
      DeploymentID: "",
      DeploymentStatus: null,
      FollowupEvalID: "",
      AllocStates: NONE,
      PreviousAllocation: place.previous?.ID ?? "",
      NextAllocation: "",
      RescheduleTracker: trackerOf(place, options.nowNs),
      PreemptedAllocations: NONE,
      PreemptedByAllocation: "",
    };
  }
}

function isShortfall(granted: AllocatedResources | Shortfall): granted is Shortfall {
  return "dimension" in granted;
}

/** A retry remembers where it failed before. */
function trackerOf(place: Place, nowNs: number): PlannedAllocation["RescheduleTracker"] {
  if (!place.avoidPreviousNode || place.previous === null) return null;
  const event: RescheduleEvent = { RescheduleTime: nowNs, PrevAllocID: place.previous.ID, PrevNodeID: place.previous.NodeID, Delay: 0 };
  return { Events: [...(place.previous.RescheduleTracker?.Events ?? []), event].slice(-RESCHEDULE_EVENTS_MAX) };
}
