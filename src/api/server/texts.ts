/**
 * Objects as JSON text. State objects never change, so the text of one is made once and kept as long as the object lives: a list
 * of a thousand jobs is then a join. Only what is asked for again and again is kept (jobs and their stubs).
 */
import { isParameterized, type Allocation, type Evaluation, type Job, type JobSummary, type Node } from "#model";
import type { AllocationStub, EvaluationStub, JobStub, NodeStub } from "../contract/mod.ts";
import { resourcesOf } from "./allocation-resources.ts";
import { nodeNetworks } from "./node-networks.ts";
import { withPackedPayload } from "./packed-payload.ts";

export interface Texts {
  job(job: Job): string;
  /** As a list of versions and a node's allocations carry it: packed-payload.ts. */
  packedJob(job: Job): string;
  jobStub(job: Job, summary: JobSummary | undefined, meta: boolean): string;
  allocation(allocation: Allocation): string;
  packedAllocation(allocation: Allocation): string;
  allocationStub(allocation: Allocation, shape: AllocationShape): string;
  nodeStub(node: Node, shape: NodeShape): string;
  node(node: Node): string;
  evaluation(evaluation: Evaluation): string;
}
export interface AllocationShape {
  readonly resources: boolean;
  readonly taskStates: boolean;
}
export interface NodeShape {
  readonly resources: boolean;
  readonly os: boolean;
}

export function createTexts(): Texts {
  const jobs = new WeakMap<Job, string>();
  const stubs = new WeakMap<Job, { readonly summary: JobSummary | undefined; readonly meta: boolean; readonly text: string }>();

  function job(of: Job): string {
    const kept = jobs.get(of);
    if (kept !== undefined) return kept;
    const text = JSON.stringify(of);
    jobs.set(of, text);
    return text;
  }

  const packedJob = (of: Job): string => (of.Payload === null || of.Payload === "" ? job(of) : JSON.stringify(withPackedPayload(of)));

  return {
    job,
    packedJob,
    jobStub(of, summary, meta) {
      const kept = stubs.get(of);
      if (kept !== undefined && kept.summary === summary && kept.meta === meta) return kept.text;
      const text = JSON.stringify(jobStub(of, summary, meta));
      stubs.set(of, { summary, meta, text });
      return text;
    },
    allocation: (of) => allocation(of, job),
    packedAllocation: (of) => allocation(of, packedJob),
    allocationStub: (of, shape) => JSON.stringify(allocationStub(of, shape)),
    nodeStub: (of, shape) => JSON.stringify(nodeStub(of, shape)),
    node: (of) =>
      JSON.stringify({
        ...of,
        SecretID: "",
        Drain: of.DrainStrategy !== null,
        NodeResources: { ...of.NodeResources, NodeNetworks: nodeNetworks(of) },
      }),
    evaluation: (of) => JSON.stringify(of),
  };
}

function allocation(of: Allocation, textOf: (job: Job) => string): string {
  const { Job: job, ...rest } = of;
  const text = JSON.stringify({ NetworkStatus: null, ...rest, ...resourcesOf(of) });
  return job === undefined || job === null ? text : `${text.slice(0, -1)},"Job":${textOf(job)}}`;
}

export function jobStub(job: Job, summary: JobSummary | undefined, meta: boolean): JobStub {
  return {
    ID: job.ID,
    ParentID: job.ParentID,
    Name: job.Name,
    Namespace: job.Namespace,
    Datacenters: job.Datacenters,
    NodePool: job.NodePool,
    Multiregion: job.Multiregion,
    Type: job.Type,
    Priority: job.Priority,
    Periodic: job.Periodic !== null,
    ParameterizedJob: isParameterized(job),
    Stop: job.Stop,
    Status: job.Status,
    StatusDescription: job.StatusDescription,
    JobSummary: summary ?? null,
    CreateIndex: job.CreateIndex,
    ModifyIndex: job.ModifyIndex,
    JobModifyIndex: job.JobModifyIndex,
    SubmitTime: job.SubmitTime,
    ...(meta ? { Meta: job.Meta } : {}),
  };
}

export function allocationStub(of: Allocation, shape: AllocationShape): AllocationStub {
  return {
    ID: of.ID,
    EvalID: of.EvalID,
    Name: of.Name,
    Namespace: of.Namespace,
    NodeID: of.NodeID,
    NodeName: of.NodeName,
    JobID: of.JobID,
    JobType: of.Job?.Type ?? "",
    JobVersion: of.JobVersion,
    TaskGroup: of.TaskGroup,
    ...(shape.resources ? { AllocatedResources: of.AllocatedResources } : {}),
    DesiredStatus: of.DesiredStatus,
    DesiredDescription: of.DesiredDescription,
    DesiredTransition: of.DesiredTransition,
    ClientStatus: of.ClientStatus,
    ClientDescription: of.ClientDescription,
    TaskStates: shape.taskStates ? of.TaskStates : null,
    DeploymentStatus: of.DeploymentStatus,
    FollowupEvalID: of.FollowupEvalID,
    NextAllocation: of.NextAllocation,
    RescheduleTracker: of.RescheduleTracker,
    PreemptedAllocations: of.PreemptedAllocations,
    PreemptedByAllocation: of.PreemptedByAllocation,
    CreateIndex: of.CreateIndex,
    ModifyIndex: of.ModifyIndex,
    CreateTime: of.CreateTime,
    ModifyTime: of.ModifyTime,
  };
}

export function nodeStub(of: Node, shape: NodeShape): NodeStub {
  return {
    Address: addressOf(of.HTTPAddr),
    ID: of.ID,
    ...(shape.os ? { Attributes: { "os.name": of.Attributes["os.name"] ?? "" } } : {}),
    Datacenter: of.Datacenter,
    Name: of.Name,
    NodeClass: of.NodeClass,
    NodePool: of.NodePool,
    Version: of.Attributes["nomad.version"] ?? of.Attributes["drover.version"] ?? "",
    Drain: of.DrainStrategy !== null,
    SchedulingEligibility: of.SchedulingEligibility,
    Status: of.Status,
    StatusDescription: of.StatusDescription,
    Drivers: of.Drivers,
    HostVolumes: of.HostVolumes,
    ...(shape.resources ? { NodeResources: of.NodeResources, ReservedResources: of.ReservedResources } : {}),
    LastDrain: of.LastDrain,
    CreateIndex: of.CreateIndex,
    ModifyIndex: of.ModifyIndex,
  };
}

export function evaluationStub(of: Evaluation): EvaluationStub {
  return {
    ID: of.ID,
    Priority: of.Priority,
    Type: of.Type,
    TriggeredBy: of.TriggeredBy,
    Namespace: of.Namespace,
    JobID: of.JobID,
    NodeID: of.NodeID,
    DeploymentID: of.DeploymentID,
    Status: of.Status,
    StatusDescription: of.StatusDescription,
    WaitUntil: of.WaitUntil,
    NextEval: of.NextEval,
    PreviousEval: of.PreviousEval,
    BlockedEval: of.BlockedEval,
    CreateIndex: of.CreateIndex,
    ModifyIndex: of.ModifyIndex,
    CreateTime: of.CreateTime,
    ModifyTime: of.ModifyTime,
  };
}

/** "10.0.0.5:4646" → "10.0.0.5", "[::1]:4646" → "::1" */
function addressOf(httpAddress: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(httpAddress)?.[1] ?? httpAddress.replace(/:\d+$/, "");
}
