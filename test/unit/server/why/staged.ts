/** A state staged for one question: just the records given, behind the door `job why` reads through. */
import { admitJob } from "#jobspec";
import {
  newEvaluation,
  type Allocation,
  type AllocationId,
  type AllocMetric,
  type Deployment,
  type Evaluation,
  type EvaluationId,
  type Job,
  type JobId,
  type Namespace,
  type Node,
  type Reason,
  type TaskEvent,
  type TaskState,
} from "#model";
import type { Snapshot } from "#state";
import { createSeededRandom } from "#integrations/memory";
import type { Refusals, WhyFacts } from "../../../../src/server/why/missing.ts";
import { jobOf, nodeOf } from "../../../simulation/fixtures.ts";

export const NOW_NS = Date.UTC(2026, 0, 1, 12) * 1e6;
export const ago = (seconds: number): number => NOW_NS - seconds * 1e9;
export const inSeconds = (seconds: number): string => new Date(NOW_NS / 1e6 + seconds * 1_000).toISOString();

export interface Stage {
  readonly job?: Job | null;
  readonly nodes?: readonly Node[];
  readonly allocations?: readonly Allocation[];
  readonly evaluations?: readonly Evaluation[];
  readonly deployments?: readonly Deployment[];
  readonly children?: readonly Job[];
  readonly past?: readonly Reason[];
  readonly paused?: boolean;
  readonly position?: ReturnType<WhyFacts["position"]>;
  readonly refusals?: Refusals;
}

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };

/** Job "web", group "group", task "task", one of it; version 1. */
export function webJob(
  more: Record<string, unknown> = {},
  group: Record<string, unknown> = {},
  shape: Partial<Parameters<typeof jobOf>[0]> = {},
): Job {
  const api = jobOf({ id: "web", count: 1, ...shape }) as { TaskGroups: Record<string, unknown>[] };
  const { job } = admitJob({ ...api, TaskGroups: [{ ...api.TaskGroups[0], ...group }], ...more }, CONTEXT);
  return { ...job, Version: 1, CreateIndex: 10, ModifyIndex: 20, JobModifyIndex: 20, Status: "pending", SubmitTime: ago(100) };
}

export function snapshotOf(stage: Stage): Snapshot {
  const job = stage.job === null ? undefined : (stage.job ?? webJob());
  const { nodes = [], allocations = [], evaluations = [], deployments = [], children = [], past = [] } = stage;
  const only: Partial<Snapshot> = {
    job: (_namespace, id) => [job, ...children].find((each) => each?.ID === id),
    node: (id) => nodes.find((node) => node.ID === id),
    nodes: () => nodes,
    allocation: (id) => allocations.find((each) => each.ID === id),
    allocationsByJob: (_namespace, id) => allocations.filter((each) => each.JobID === id),
    evaluation: (id) => evaluations.find((each) => each.ID === id),
    evaluationsByJob: (_namespace, id) => evaluations.filter((each) => each.JobID === id),
    deployment: (id) => deployments.find((each) => each.ID === id),
    deploymentsByJob: (_namespace, id) => deployments.filter((each) => each.JobID === id),
    childJobs: (_namespace, id) => children.filter((each) => each.ParentID === id),
    pastReasons: () => past,
  };
  return only as Snapshot;
}

export function factsOf(stage: Stage): WhyFacts {
  return { nowNs: NOW_NS, paused: stage.paused ?? false, position: () => stage.position, refusals: () => stage.refusals };
}

export function node(name: string, more: Partial<Node> = {}): Node {
  return {
    ...nodeOf(createSeededRandom(name.length * 7 + name.charCodeAt(name.length - 1)), { name }),
    Status: "ready",
    StatusUpdatedAt: ago(3_600) / 1e9,
    ...more,
  };
}

export function evaluation(more: Partial<Evaluation> = {}): Evaluation {
  return newEvaluation({
    ID: "e1e1e1e1-0000-4000-8000-000000000001" as EvaluationId,
    Namespace: "default" as Namespace,
    Priority: 50,
    Type: "service",
    TriggeredBy: "job-register",
    JobID: "web" as JobId,
    CreateTime: ago(40),
    ModifyTime: ago(40),
    ...more,
  });
}

export function metric(more: Partial<AllocMetric> = {}): AllocMetric {
  return {
    NodesEvaluated: 3,
    NodesFiltered: 0,
    NodesInPool: 3,
    NodePool: "default",
    NodesAvailable: { dc1: 3 },
    ClassFiltered: {},
    ConstraintFiltered: {},
    NodesExhausted: 0,
    ClassExhausted: {},
    DimensionExhausted: {},
    QuotaExhausted: [],
    ResourcesExhausted: {},
    Scores: null,
    ScoreMetaData: [],
    AllocationTime: 0,
    CoalescedFailures: 0,
    NearestFit: null,
    ...more,
  };
}

/** Blocked: what the evaluation before it found. */
export function blockedBy(found: AllocMetric, queued = 1): Evaluation[] {
  const first = evaluation({
    Status: "complete",
    FailedTGAllocs: { group: found },
    QueuedAllocations: { group: queued },
    BlockedEval: "b1" as EvaluationId,
  });
  return [first, evaluation({ ID: "b1" as EvaluationId, Status: "blocked", TriggeredBy: "queued-allocs", PreviousEval: first.ID })];
}

export function event(Type: string, secondsAgo: number, more: Partial<TaskEvent> = {}): TaskEvent {
  return { Type, Time: ago(secondsAgo), Message: "", DisplayMessage: "", Details: {}, FailsTask: false, ...more };
}

export function task(State: TaskState["State"], events: readonly TaskEvent[], more: Partial<TaskState> = {}): TaskState {
  return { State, Failed: false, Restarts: 0, LastRestart: null, StartedAt: null, FinishedAt: null, Events: events, ...more };
}

export function allocation(on: Node, more: Partial<Allocation> = {}): Allocation {
  const job = more.Job ?? webJob();
  return {
    ID: "a1a1a1a1-0000-4000-8000-000000000001" as AllocationId,
    Namespace: "default" as Namespace,
    EvalID: "e1" as EvaluationId,
    Name: `${job.ID}.group[0]`,
    NodeID: on.ID,
    NodeName: on.Name,
    JobID: job.ID,
    JobVersion: job.Version,
    Job: job,
    TaskGroup: "group",
    AllocatedResources: { Tasks: {}, TaskLifecycles: {}, Shared: { DiskMB: 0, Networks: [], Ports: [] } },
    Metrics: null,
    DesiredStatus: "run",
    DesiredDescription: "",
    DesiredTransition: {},
    ClientStatus: "pending",
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
    CreateIndex: 30,
    ModifyIndex: 30,
    AllocModifyIndex: 30,
    CreateTime: ago(40),
    ModifyTime: ago(30),
    ...more,
  };
}

export function deployment(more: Partial<Deployment> = {}, group: Partial<Deployment["TaskGroups"][string]> = {}): Deployment {
  return {
    ID: "d1d1d1d1-0000-4000-8000-000000000001" as Deployment["ID"],
    Namespace: "default" as Namespace,
    JobID: "web" as JobId,
    JobVersion: 1,
    JobModifyIndex: 20,
    JobSpecModifyIndex: 20,
    JobCreateIndex: 10,
    IsMultiregion: false,
    TaskGroups: {
      group: {
        AutoRevert: false,
        AutoPromote: false,
        ProgressDeadline: 600e9,
        RequireProgressBy: inSeconds(300),
        Promoted: false,
        PlacedCanaries: [],
        DesiredCanaries: 0,
        DesiredTotal: 4,
        PlacedAllocs: 1,
        HealthyAllocs: 0,
        UnhealthyAllocs: 0,
        ...group,
      },
    },
    Status: "running",
    StatusDescription: "",
    EvalPriority: 50,
    CreateIndex: 25,
    ModifyIndex: 25,
    CreateTime: ago(60),
    ModifyTime: ago(60),
    ...more,
  };
}
