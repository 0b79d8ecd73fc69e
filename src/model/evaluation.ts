/**
 * An evaluation: "look again at what this job should have". nomad.md §6.1, §6.8.
 *
 *   pending ──► complete | failed | canceled
 *   blocked ──► pending (capacity appeared) | canceled (a newer one took its place)
 */
import type { DeploymentId, EvaluationId, JobId, Namespace, NodeId } from "./ids.ts";
import type { AllocMetric } from "./metric.ts";
import type { PlanAnnotations } from "./plan-annotations.ts";

export type EvaluationStatus = "pending" | "blocked" | "complete" | "failed" | "canceled";
export type EvaluationTrigger =
  | "job-register"
  | "job-deregister"
  | "periodic-job"
  | "node-drain"
  | "node-update"
  | "alloc-stop"
  | "alloc-reschedule"
  | "rolling-update"
  | "queued-allocs"
  | "max-plan-attempts"
  | "deployment-watcher"
  | "alloc-failure"
  | "failed-follow-up"
  | "preemption"
  | "job-scaling"
  | "max-disconnect-timeout"
  | "reconnect"
  | "scheduled";

export interface Evaluation {
  readonly ID: EvaluationId;
  readonly Namespace: Namespace;
  readonly Priority: number;
  /** The job's type; picks the scheduler. */
  readonly Type: string;
  readonly TriggeredBy: EvaluationTrigger;
  readonly JobID: JobId;
  readonly JobModifyIndex: number;
  readonly NodeID: NodeId | "";
  readonly NodeModifyIndex: number;
  readonly DeploymentID: DeploymentId | "";
  readonly Status: EvaluationStatus;
  readonly StatusDescription: string;
  readonly Wait: number;
  /** RFC 3339, or null: at once. */
  readonly WaitUntil: string | null;
  readonly NextEval: EvaluationId | "";
  readonly PreviousEval: EvaluationId | "";
  readonly BlockedEval: EvaluationId | "";
  readonly FailedTGAllocs: Readonly<Record<string, AllocMetric>>;
  /** Computed class → could it run there? What unblocks the evaluation. */
  readonly ClassEligibility: Readonly<Record<string, boolean>>;
  /** A constraint named a unique attribute: any node may unblock it. */
  readonly EscapedComputedClass: boolean;
  readonly QuotaLimitReached: string;
  readonly AnnotatePlan: boolean;
  readonly PlanAnnotations: PlanAnnotations | null;
  readonly QueuedAllocations: Readonly<Record<string, number>>;
  readonly SnapshotIndex: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly ModifyTime: number;
}

/** A new evaluation with everything else at its zero. */
export function newEvaluation(
  of: Pick<Evaluation, "ID" | "Namespace" | "Priority" | "Type" | "TriggeredBy" | "JobID"> & Partial<Evaluation>,
): Evaluation {
  return {
    JobModifyIndex: 0,
    NodeID: "",
    NodeModifyIndex: 0,
    DeploymentID: "",
    Status: "pending",
    StatusDescription: "",
    Wait: 0,
    WaitUntil: null,
    NextEval: "",
    PreviousEval: "",
    BlockedEval: "",
    FailedTGAllocs: {},
    ClassEligibility: {},
    EscapedComputedClass: false,
    QuotaLimitReached: "",
    AnnotatePlan: false,
    PlanAnnotations: null,
    QueuedAllocations: {},
    SnapshotIndex: 0,
    CreateIndex: 0,
    ModifyIndex: 0,
    CreateTime: 0,
    ModifyTime: 0,
    ...of,
  };
}

/** Somebody still has to look at it. */
export function evaluationOpen(evaluation: Pick<Evaluation, "Status">): boolean {
  return evaluation.Status === "pending" || evaluation.Status === "blocked";
}

/** Nobody will look at it. What it once queued is not what is queued now, and it is written after whoever knows. */
export function canceledEvaluation(evaluation: Evaluation, description: string): Evaluation {
  return { ...evaluation, QueuedAllocations: {}, Status: "canceled", StatusDescription: description };
}
