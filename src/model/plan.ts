/** What the scheduler wants to change, before it is checked and committed. */
import type { Allocation } from "./allocation.ts";
import type { AllocationId, DeploymentId, EvaluationId, NodeId } from "./ids.ts";
import type { Deployment, DeploymentStatus } from "./deployment.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Job } from "./job.ts";
import type { PlanAnnotations } from "./plan-annotations.ts";

/** Stop one allocation. */
export interface PlannedStop {
  readonly ID: AllocationId;
  readonly NodeID: NodeId;
  readonly DesiredStatus: "stop" | "evict";
  readonly DesiredDescription: string;
  /** Set when servers speak for a node that is gone: "lost" or "unknown"; "" leaves the node's word. */
  readonly ClientStatus: "" | "lost" | "unknown";
  readonly FollowupEvalID: EvaluationId | "";
  /** Set with DesiredStatus "evict": for whom it has to go. */
  readonly PreemptedByAllocation: AllocationId | "";
}

/** Something noted on an allocation that goes on holding what it holds: when it is tried again, that its node is silent. */
export interface PlannedNote {
  readonly ID: AllocationId;
  readonly NodeID: NodeId;
  readonly FollowupEvalID: EvaluationId | "";
  /** "": as the node said. "unknown" appends to AllocStates; leaving unknown is the node's word (allocations-client-update). */
  readonly ClientStatus: "" | "unknown";
  readonly ClientDescription: string;
}

/** A change of a deployment's status that follows from the plan. */
export interface DeploymentUpdate {
  readonly DeploymentID: DeploymentId;
  readonly Status: DeploymentStatus;
  readonly StatusDescription: string;
}

/**
 * An allocation to place or to update in place. Its `Job` is version `JobVersion` of the plan's job (an older one when a canary's
 * neighbour is replaced); CreateIndex, ModifyIndex and times are set when
 * it is applied.
 */
export type PlannedAllocation = Omit<Allocation, "Job" | "CreateIndex" | "ModifyIndex" | "AllocModifyIndex" | "CreateTime" | "ModifyTime">;

export interface Plan {
  readonly EvalID: EvaluationId;
  readonly Priority: number;
  /** The job version every placement belongs to; null when the job is gone (only stops then). */
  readonly Job: Job | null;
  /** All of it or nothing. */
  readonly AllAtOnce: boolean;
  readonly Stops: readonly PlannedStop[];
  readonly Placements: readonly PlannedAllocation[];
  /** Same ID, node, ports and devices; new job version. */
  readonly InPlaceUpdates: readonly PlannedAllocation[];
  readonly Notes: readonly PlannedNote[];
  /** To create, or the active one with new counts wanted; its groups' Placed*, Healthy* and RequireProgressBy are the state's to keep. */
  readonly Deployment: Deployment | null;
  readonly DeploymentUpdates: readonly DeploymentUpdate[];
  readonly Annotations: PlanAnnotations | null;
  /** The state index it was computed from. */
  readonly SnapshotIndex: number;
}

/** What became of a plan. */
export interface PlanResult {
  /** The index it was committed at; 0 when nothing was left of it. */
  readonly Index: number;
  /** Placements the check refused, by node, with the reason (the dimension, or the node's state). */
  readonly Rejected: Readonly<Record<string, string>>;
  /** True when everything in the plan was committed. */
  readonly Full: boolean;
}

/** What the scheduler hands on for one pass over one evaluation. */
export interface ScheduleResult {
  /** null: nothing to change. */
  readonly Plan: Plan | null;
  /** The evaluation as it should be stored once the plan is committed in full and `More` is false. */
  readonly Evaluation: Evaluation;
  /** Evaluations to create: blocked, follow-up. */
  readonly Created: readonly Evaluation[];
  /** The pass stopped at its placement limit: commit this plan, then schedule again. */
  readonly More: boolean;
}

/** A plan that changes nothing, with everything else as given. */
export function newPlan(of: Pick<Plan, "EvalID" | "Priority" | "Job"> & Partial<Plan>): Plan {
  return {
    AllAtOnce: false,
    Stops: [],
    Placements: [],
    InPlaceUpdates: [],
    Notes: [],
    Deployment: null,
    DeploymentUpdates: [],
    Annotations: null,
    SnapshotIndex: 0,
    ...of,
  };
}

/** Nothing would change. */
export function planIsEmpty(plan: Plan): boolean {
  const changes = plan.Stops.length + plan.Placements.length + plan.InPlaceUpdates.length + plan.Notes.length;
  return changes + plan.DeploymentUpdates.length === 0 && plan.Deployment === null;
}
