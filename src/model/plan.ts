/** What the scheduler wants to change, before it is checked and committed. */
import type { Allocation } from "./allocation.ts";
import type { EvaluationId, AllocationId, NodeId } from "./ids.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Job } from "./job.ts";

/** Counts per group, as `job plan` shows them. nomad.md §3.2 (…/plan). */
export interface DesiredUpdates {
  readonly Ignore: number;
  readonly Place: number;
  readonly Migrate: number;
  readonly Stop: number;
  readonly InPlaceUpdate: number;
  readonly DestructiveUpdate: number;
  readonly Canary: number;
  readonly Preemptions: number;
}

export interface PlanAnnotations {
  readonly DesiredTGUpdates: Readonly<Record<string, DesiredUpdates>>;
  readonly PreemptedAllocs: readonly unknown[];
}

/** Stop one allocation. */
export interface PlannedStop {
  readonly ID: AllocationId;
  readonly NodeID: NodeId;
  readonly DesiredStatus: "stop" | "evict";
  readonly DesiredDescription: string;
  /** Set when servers speak for a node that is gone: "lost" or "unknown"; "" leaves the node's word. */
  readonly ClientStatus: "" | "lost" | "unknown";
  readonly FollowupEvalID: EvaluationId | "";
}

/**
 * An allocation to place or to update in place. Its `Job` is the plan's job; CreateIndex, ModifyIndex and times are set when
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
