/** Records for tests of the pure steps: everything at its zero but what the test is about. */
import type { Allocation, AllocationId, Deployment, DeploymentGroup, Job, JobId, Namespace, NodeId } from "#model";
import { admitJob } from "#jobspec";
import { jobOf, type JobShape } from "../../simulation/fixtures.ts";
import { deployment, deploymentGroup } from "../state/nouns.ts";

export const SECOND = 1e9;
export const NAMESPACE = "default" as Namespace;
export const at = (ms: number): string => new Date(ms).toISOString();

export function admitted(shape: JobShape, more: Partial<Job> = {}): Job {
  const context = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
  return { ...admitJob(jobOf(shape), context).job, CreateIndex: 10, Version: 0, JobModifyIndex: 10, ...more };
}

export function groupOf(more: Partial<DeploymentGroup> = {}): DeploymentGroup {
  return deploymentGroup({ DesiredTotal: 2, ...more });
}

export function deploymentOf(groups: Readonly<Record<string, DeploymentGroup>>, more: Partial<Deployment> = {}): Deployment {
  const of = { ID: "web" as JobId, Namespace: NAMESPACE, Version: 0, JobModifyIndex: 10, CreateIndex: 10 } as Job;
  return deployment("d", of, { TaskGroups: groups, CreateIndex: 11, ModifyIndex: 11, ...more });
}

export function allocationOf(id: string, job: Job, more: Partial<Allocation> = {}): Allocation {
  return {
    ID: id as AllocationId,
    Namespace: NAMESPACE,
    EvalID: "e" as Allocation["EvalID"],
    Name: `${job.ID}.group[0]`,
    NodeID: "n1" as NodeId,
    NodeName: "n1",
    JobID: job.ID,
    JobVersion: job.Version,
    Job: job,
    TaskGroup: "group",
    AllocatedResources: { Tasks: {}, TaskLifecycles: {}, Shared: { DiskMB: 0, Networks: [], Ports: [] } },
    Metrics: null,
    DesiredStatus: "run",
    DesiredDescription: "",
    DesiredTransition: {},
    ClientStatus: "running",
    ClientDescription: "",
    TaskStates: {},
    DeploymentID: "",
    DeploymentStatus: null,
    FollowupEvalID: "",
    AllocStates: [],
    PreviousAllocation: "",
    NextAllocation: "",
    RescheduleTracker: null,
    PreemptedAllocations: [],
    PreemptedByAllocation: "",
    CreateIndex: 12,
    ModifyIndex: 12,
    AllocModifyIndex: 12,
    CreateTime: 0,
    ModifyTime: 0,
    ...more,
  };
}

export function verdict(healthy: boolean | null, index = 20, canary = false): Allocation["DeploymentStatus"] {
  return { Healthy: healthy, Canary: canary, Timestamp: at(0), ModifyIndex: index };
}
