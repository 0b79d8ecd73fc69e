/** A new allocation as a plan holds it. */
import type {
  AllocatedResources,
  Allocation,
  AllocationId,
  AllocMetric,
  DeploymentId,
  EvaluationId,
  Job,
  Node,
  NodeId,
  PlannedAllocation,
} from "#model";
import type { Pass } from "./pass.ts";
import type { Place } from "./reconcile/decision.ts";

const NOTHING: Readonly<Record<string, never>> = Object.freeze({});
const NONE: readonly never[] = Object.freeze([]);

/** Where it goes, and what came with the choice. */
export interface Spot {
  readonly node: Node;
  readonly resources: AllocatedResources;
  readonly metrics: AllocMetric;
  /** Those that have to go for it. */
  readonly victims: readonly AllocationId[];
}

/** What a placement says of itself, before a node is known. */
export type Wanted = Pick<Place, "group" | "name" | "previous" | "deployment" | "tracker">;

/** `job`: the version it is placed with. */
export function plannedAllocation(pass: Pass, job: Job, wanted: Wanted, spot: Spot): PlannedAllocation {
  const { deployment } = wanted;
  return {
    ID: pass.options.newId() as AllocationId,
    Namespace: job.Namespace,
    EvalID: pass.evaluation.ID as EvaluationId,
    Name: wanted.name,
    NodeID: spot.node.ID as NodeId,
    NodeName: spot.node.Name,
    JobID: job.ID,
    JobVersion: job.Version,
    TaskGroup: wanted.group.Name,
    AllocatedResources: spot.resources,
    Metrics: spot.metrics,
    DesiredStatus: "run",
    DesiredDescription: "",
    DesiredTransition: NOTHING,
    ClientStatus: "pending",
    ClientDescription: "",
    TaskStates: NOTHING,
    DeploymentID: deployment?.id ?? "",
    DeploymentStatus: deployment?.canary === true ? { Healthy: null, Canary: true, Timestamp: NEVER, ModifyIndex: 0 } : null,
    FollowupEvalID: "",
    AllocStates: NONE,
    PreviousAllocation: wanted.previous?.ID ?? "",
    NextAllocation: "",
    RescheduleTracker: wanted.tracker ?? null,
    PreemptedAllocations: spot.victims.length === 0 ? NONE : spot.victims,
    PreemptedByAllocation: "",
  };
}

const NEVER = "0001-01-01T00:00:00Z";

/** The same allocation where it is, with what it holds, of a newer version. `deploymentId`: what it joins; "": it stays in its own. */
export function updatedInPlace(pass: Pass, job: Job, allocation: Allocation, deploymentId: DeploymentId | ""): PlannedAllocation {
  const { Job: _j, CreateIndex: _c, ModifyIndex: _m, AllocModifyIndex: _a, CreateTime: _ct, ModifyTime: _mt, ...kept } = allocation;
  const joined = deploymentId === "" || deploymentId === kept.DeploymentID ? {} : { DeploymentID: deploymentId, DeploymentStatus: null };
  return { ...kept, ...joined, EvalID: pass.evaluation.ID, JobVersion: job.Version };
}
