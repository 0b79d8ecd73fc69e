/**
 * A deployment: one version of a job on its way to being all there is. nomad.md §6.10.
 *
 *   running ──► successful                  every group has its healthy allocations, canaries promoted
 *      │ ▲
 *      ▼ │ pause, resume
 *   paused
 *      │
 *   running | paused ──► failed             a deadline passed, an allocation is unhealthy for good, or somebody said so
 *                    └─► cancelled          the job was stopped, or a newer version came
 *
 * `healthy` and `unhealthy` count verdicts on allocations that belong to it (Allocation.DeploymentStatus).
 */
import type { AllocationId, DeploymentId, JobId, Namespace } from "./ids.ts";

export const DEPLOYMENT_STATUSES = ["running", "paused", "failed", "successful", "cancelled"] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];

export interface DeploymentGroup {
  readonly AutoRevert: boolean;
  readonly AutoPromote: boolean;
  /** Nanoseconds; 0: the first unhealthy allocation fails the deployment. */
  readonly ProgressDeadline: number;
  /**
   * RFC 3339; null until something was placed. Moved on by the state whenever one turns healthy, and when canaries are promoted or a
   * pause ends.
   */
  readonly RequireProgressBy: string | null;
  readonly Promoted: boolean;
  readonly PlacedCanaries: readonly AllocationId[];
  readonly DesiredCanaries: number;
  readonly DesiredTotal: number;
  readonly PlacedAllocs: number;
  readonly HealthyAllocs: number;
  readonly UnhealthyAllocs: number;
}

export interface Deployment {
  readonly ID: DeploymentId;
  readonly Namespace: Namespace;
  readonly JobID: JobId;
  readonly JobVersion: number;
  readonly JobModifyIndex: number;
  readonly JobSpecModifyIndex: number;
  readonly JobCreateIndex: number;
  readonly IsMultiregion: boolean;
  readonly TaskGroups: Readonly<Record<string, DeploymentGroup>>;
  readonly Status: DeploymentStatus;
  readonly StatusDescription: string;
  readonly EvalPriority: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly ModifyTime: number;
}

/** It still goes on, or may. */
export function deploymentActive(deployment: Pick<Deployment, "Status">): boolean {
  return deployment.Status === "running" || deployment.Status === "paused";
}

/** Canaries wait for somebody, or something, to say yes. */
export function awaitsPromotion(deployment: Pick<Deployment, "Status" | "TaskGroups">): boolean {
  return (
    deployment.Status === "running" && Object.values(deployment.TaskGroups).some((group) => group.DesiredCanaries > 0 && !group.Promoted)
  );
}

/** Status descriptions, as users know them. */
export const DEPLOYMENT_DESCRIPTIONS = {
  running: "Deployment is running",
  runningNeedsPromotion: "Deployment is running but requires manual promotion",
  runningAutoPromotion: "Deployment is running pending automatic promotion",
  paused: "Deployment is paused",
  successful: "Deployment completed successfully",
  stoppedJob: "Cancelled because job is stopped",
  newerJob: "Cancelled due to newer version of job",
  failedAllocations: "Failed due to unhealthy allocations",
  progressDeadline: "Failed due to progress deadline",
  failedByUser: "Deployment marked as failed",
} as const;
