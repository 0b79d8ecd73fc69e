/**
 * Is the plan still true? It was computed from a snapshot; since then other plans may have taken the room, nodes may have gone, the
 * job may have changed. What does not hold any more is taken out, node by node, with the reason; the rest may be committed.
 * nomad.md §6.7. Whether things fit is asked of the scheduler's own ledger (F6).
 *
 *   placement         node exists, is ready, eligible; fits in every dimension, ports, cores and devices free; its name is nobody
 *                     else's (of a system job: nobody's on that node); the job is still the version that is being placed
 *   in-place update   the allocation still is there, on that node, wanted and not over
 *   stop, note        the allocation still exists; else it is silently left out, as what it wanted is so
 *   preemption        the one that has to go is still so far below the job in priority
 *   deployment        the job is still the version it is of
 *
 * A placement that takes over from an allocation the plan stops stands or falls with that stop, unless the old one is lost anyway; and
 * nobody is preempted for a placement that is refused. All at once: one refusal refuses all.
 */
import { clientTerminal, terminal } from "#model";
import type { Allocation, Plan, PlannedAllocation, PlannedStop } from "#model";
import { claimOf, isPreemptible, Ledger, unavailability } from "#scheduler";
import type { Snapshot } from "#state";

export interface VerifiedPlan {
  /** What may be committed. Equal to the plan given when nothing was refused. */
  readonly Plan: Plan;
  /** Node → why its placements or updates were refused. */
  readonly Rejected: Readonly<Record<string, string>>;
  /** Nothing was refused. */
  readonly Full: boolean;
}

/**
 * `inFlight`: plans handed to the log but not in the snapshot yet. They count as done where that makes room scarcer, and as not done
 * where it would make room: should one fail, what was built on it still holds.
 */
export function verifyPlan(snapshot: Snapshot, plan: Plan, inFlight: readonly Plan[] = []): VerifiedPlan {
  const rejected = new Map<string, string>();
  const jobChanged = changeOfJob(snapshot, plan);
  let kept: Plan = {
    ...plan,
    Stops: plan.Stops.filter((stop) => snapshot.allocation(stop.ID) !== undefined),
    Notes: plan.Notes.filter((note) => snapshot.allocation(note.ID) !== undefined),
    ...(jobChanged === undefined ? {} : WITHOUT_DEPLOYMENT),
  };
  // Taking a placement out may take a stop out, and that takes room away from others: look again until nothing changes.
  for (;;) {
    const refused = refusals(snapshot, kept, inFlight, jobChanged);
    if (refused.size === 0) break;
    for (const [node, reason] of refused) if (!rejected.has(node)) rejected.set(node, reason);
    kept = plan.AllAtOnce
      ? { ...plan, Stops: [], Placements: [], InPlaceUpdates: [], Notes: [], ...WITHOUT_DEPLOYMENT }
      : without(kept, refused);
  }
  const isWhole = kept.Deployment === plan.Deployment && kept.DeploymentUpdates.length === plan.DeploymentUpdates.length;
  return { Plan: kept, Rejected: Object.fromEntries(rejected), Full: rejected.size === 0 && isWhole };
}

const WITHOUT_DEPLOYMENT = { Deployment: null, DeploymentUpdates: [] } as const;

/** Node → the first reason against what the plan wants there. */
function refusals(snapshot: Snapshot, plan: Plan, inFlight: readonly Plan[], jobChanged: string | undefined): ReadonlyMap<string, string> {
  const refused = new Map<string, string>();
  const refuse = (nodeId: string, reason: string | undefined): void => {
    if (reason !== undefined && !refused.has(nodeId)) refused.set(nodeId, reason);
  };
  const ledger = ledgerWith(snapshot, plan, inFlight);
  const names = namesWith(snapshot, plan, inFlight);
  for (const stop of plan.Stops) refuse(stop.NodeID, preemptionRefusal(snapshot, plan, stop));
  for (const placement of plan.Placements) {
    refuse(placement.NodeID, jobChanged ?? unavailability(snapshot.node(placement.NodeID)) ?? take(ledger, placement) ?? names(placement));
  }
  for (const update of plan.InPlaceUpdates) refuse(update.NodeID, jobChanged ?? updateRefusal(snapshot, update));
  return refused;
}

/** The room there is: as the snapshot says, less what plans in flight take, plus what this plan stops. */
function ledgerWith(snapshot: Snapshot, plan: Plan, inFlight: readonly Plan[]): Ledger {
  const ledger = new Ledger(snapshot);
  const stoppedAlready = new Set<string>();
  for (const other of inFlight) {
    for (const stop of other.Stops) stoppedAlready.add(stop.ID);
    for (const placement of other.Placements) {
      const slot = ledger.columns.slotOf(placement.NodeID);
      if (slot !== undefined && snapshot.allocation(placement.ID) === undefined) ledger.take(slot, claimOf(placement.AllocatedResources));
    }
  }
  for (const stop of plan.Stops) {
    const allocation = snapshot.allocation(stop.ID);
    // What another plan stops is room that plan may have given away.
    if (allocation !== undefined && !stoppedAlready.has(stop.ID)) ledger.release(allocation);
  }
  return ledger;
}

function take(ledger: Ledger, placement: PlannedAllocation): string | undefined {
  const slot = ledger.columns.slotOf(placement.NodeID);
  if (slot === undefined) return "node does not exist";
  const claim = claimOf(placement.AllocatedResources);
  const shortfall = ledger.shortfall(slot, claim);
  if (shortfall === undefined) ledger.take(slot, claim);
  return shortfall?.dimension;
}

/** Allocations that have to go for others of the plan. */
function preemptionRefusal(snapshot: Snapshot, plan: Plan, stop: PlannedStop): string | undefined {
  const victim = stop.PreemptedByAllocation === "" ? undefined : snapshot.allocation(stop.ID);
  if (victim === undefined || terminal(victim) || plan.Job === null || isPreemptible(plan.Job, victim)) return undefined;
  return `allocation "${victim.ID}" may not be preempted by a job of priority ${plan.Job.Priority}`;
}

/**
 * Gives names out once: refuses the second who wants one. Of system jobs every node has the same name, once. A canary that is not
 * promoted stands beside the one it may replace; one whose node was silent stands beside its replacement until it is decided who stays.
 */
function namesWith(snapshot: Snapshot, plan: Plan, inFlight: readonly Plan[]): (placement: PlannedAllocation) => string | undefined {
  const first = plan.Placements[0];
  const taken = new Set<string>();
  if (first === undefined) return () => undefined;
  const stopped = new Set(plan.Stops.map((stop) => stop.ID));
  const isSystem = plan.Job?.Type === "system" || plan.Job?.Type === "sysbatch";
  const keyOf = (of: PlannedAllocation | Allocation) => {
    const beside = isCanary(snapshot, of) ? "canary " : "";
    return isSystem ? `${beside}${of.Name} ${of.NodeID}` : `${beside}${of.Name}`;
  };
  for (const allocation of snapshot.allocationsByJob(first.Namespace, first.JobID)) {
    if (!terminal(allocation) && allocation.AllocStates.length === 0 && !stopped.has(allocation.ID)) taken.add(keyOf(allocation));
  }
  for (const other of inFlight) {
    for (const placement of other.Placements) {
      const same = placement.Namespace === first.Namespace && placement.JobID === first.JobID;
      if (same && !stopped.has(placement.ID) && snapshot.allocation(placement.ID) === undefined) taken.add(keyOf(placement));
    }
  }
  return (placement) => {
    if (taken.has(keyOf(placement))) return `allocation name "${placement.Name}" is taken`;
    taken.add(keyOf(placement));
    return undefined;
  };
}

function isCanary(snapshot: Snapshot, { DeploymentStatus, DeploymentID, TaskGroup }: PlannedAllocation | Allocation): boolean {
  return DeploymentStatus?.Canary === true && snapshot.deployment(DeploymentID)?.TaskGroups[TaskGroup]?.Promoted !== true;
}

/** What was computed for a version that is no longer wanted would have to be undone at once. */
function changeOfJob(snapshot: Snapshot, plan: Plan): string | undefined {
  if (plan.Job === null) return undefined;
  const wanted = snapshot.job(plan.Job.Namespace, plan.Job.ID);
  if (wanted === undefined) return "job does not exist any more";
  if (wanted.Stop && !plan.Job.Stop) return "job was stopped";
  return wanted.JobModifyIndex === plan.Job.JobModifyIndex ? undefined : "job was changed";
}

function updateRefusal(snapshot: Snapshot, update: PlannedAllocation): string | undefined {
  const allocation = snapshot.allocation(update.ID);
  if (allocation === undefined || allocation.NodeID !== update.NodeID) return "allocation to update does not exist";
  if (clientTerminal(allocation) || allocation.DesiredStatus !== "run") return "allocation to update is over";
  return snapshot.node(update.NodeID) === undefined ? "node does not exist" : undefined;
}

/** The plan without what it wants of the refused nodes, and without stops that were only made for that. */
function without(plan: Plan, refused: ReadonlyMap<string, string>): Plan {
  const Placements = plan.Placements.filter((placement) => !refused.has(placement.NodeID));
  const successors = new Set(Placements.map((placement) => placement.PreviousAllocation));
  const replaced = new Set<string>(plan.Placements.map((placement) => placement.PreviousAllocation));
  const ids = new Set<string>(Placements.map((placement) => placement.ID));
  const keepsStop = (stop: PlannedStop) => {
    if (stop.PreemptedByAllocation !== "") return ids.has(stop.PreemptedByAllocation);
    return stop.ClientStatus !== "" || !replaced.has(stop.ID) || successors.has(stop.ID);
  };
  return {
    ...plan,
    Placements,
    Stops: plan.Stops.filter(keepsStop),
    InPlaceUpdates: plan.InPlaceUpdates.filter((update) => !refused.has(update.NodeID)),
  };
}
