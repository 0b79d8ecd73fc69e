/** Allocations as they are listed and shown, and frames of their files and logs. nomad.md §3.2–3.5. */
import type { Allocation, Resources } from "#model";

/** GET /v1/allocations and every other list of allocations but a node's. */
export interface AllocationStub extends Pick<
  Allocation,
  | "ID"
  | "EvalID"
  | "Name"
  | "Namespace"
  | "NodeID"
  | "NodeName"
  | "JobID"
  | "JobVersion"
  | "TaskGroup"
  | "DesiredStatus"
  | "DesiredDescription"
  | "DesiredTransition"
  | "ClientStatus"
  | "ClientDescription"
  | "DeploymentStatus"
  | "FollowupEvalID"
  | "NextAllocation"
  | "RescheduleTracker"
  | "PreemptedAllocations"
  | "PreemptedByAllocation"
  | "CreateIndex"
  | "ModifyIndex"
  | "CreateTime"
  | "ModifyTime"
> {
  readonly JobType: string;
  /** null with ?task_states=false. */
  readonly TaskStates: Allocation["TaskStates"] | null;
  /** With ?resources only. */
  readonly AllocatedResources?: Allocation["AllocatedResources"];
}

/** GET /v1/allocation/:id: the allocation, its job, and its resources as older clients read them. */
export interface AllocationDetail extends Allocation {
  readonly TaskResources: Readonly<Record<string, Partial<Resources>>>;
  readonly Resources: Partial<Resources>;
}

/** One frame of fs/stream, fs/logs and agent/monitor as JSON; `{}` is a heartbeat. */
export interface StreamFrame {
  readonly Offset?: number;
  /** Base64. */
  readonly Data?: string;
  readonly File?: string;
  readonly FileEvent?: string;
}
