/**
 * What goes over the wire besides the nouns themselves. nomad.md §3.2–3.5. Types only: nothing is loaded at run time.
 */
import type {
  Allocation,
  AllocMetric,
  Evaluation,
  Job,
  JobDiff,
  JobSubmission,
  JobSummary,
  Node,
  PlanAnnotations,
  Resources,
  SchedulerConfiguration,
} from "#model";

/** GET /v1/jobs */
export interface JobStub extends Pick<
  Job,
  | "ID"
  | "ParentID"
  | "Name"
  | "Namespace"
  | "Datacenters"
  | "NodePool"
  | "Multiregion"
  | "Type"
  | "Priority"
  | "Stop"
  | "Status"
  | "StatusDescription"
  | "CreateIndex"
  | "ModifyIndex"
  | "JobModifyIndex"
  | "SubmitTime"
> {
  readonly Periodic: boolean;
  readonly ParameterizedJob: boolean;
  readonly JobSummary: JobSummary | null;
  /** With ?meta only. */
  readonly Meta?: Job["Meta"];
}

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

/** GET /v1/nodes */
export interface NodeStub extends Pick<
  Node,
  | "ID"
  | "Datacenter"
  | "Name"
  | "NodeClass"
  | "NodePool"
  | "SchedulingEligibility"
  | "Status"
  | "StatusDescription"
  | "Drivers"
  | "HostVolumes"
  | "LastDrain"
  | "CreateIndex"
  | "ModifyIndex"
> {
  readonly Address: string;
  /** With ?os only. */
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly Version: string;
  readonly Drain: boolean;
  readonly NodeResources?: Node["NodeResources"];
  readonly ReservedResources?: Node["ReservedResources"];
}

/** GET /v1/node/:id: SecretID is always "". */
export interface NodeDetail extends Node {
  readonly Drain: boolean;
}

/** GET /v1/evaluation/:id */
export interface EvaluationDetail extends Evaluation {
  /** With ?related only. */
  readonly RelatedEvals: readonly EvaluationStub[] | null;
}
export type EvaluationStub = Pick<
  Evaluation,
  | "ID"
  | "Priority"
  | "Type"
  | "TriggeredBy"
  | "Namespace"
  | "JobID"
  | "NodeID"
  | "DeploymentID"
  | "Status"
  | "StatusDescription"
  | "WaitUntil"
  | "NextEval"
  | "PreviousEval"
  | "BlockedEval"
  | "CreateIndex"
  | "ModifyIndex"
  | "CreateTime"
  | "ModifyTime"
>;

/** PUT /v1/jobs, PUT /v1/job/:id */
export interface JobRegisterBody {
  readonly Job: unknown;
  readonly Submission?: JobSubmission | null;
  readonly EnforceIndex?: boolean;
  readonly JobModifyIndex?: number;
  readonly PolicyOverride?: boolean;
  readonly PreserveCounts?: boolean;
  readonly EvalPriority?: number;
}
export interface JobRegisterAnswer {
  readonly EvalID: string;
  readonly EvalCreateIndex: number;
  readonly JobModifyIndex: number;
  readonly Warnings: string;
  readonly Index: number;
}
/** DELETE /v1/job/:id */
export interface JobDeregisterAnswer {
  readonly EvalID: string;
  readonly EvalCreateIndex: number;
  readonly JobModifyIndex: number;
  readonly Index: number;
}
/** PUT …/evaluate, …/stop */
export interface EvaluationAnswer {
  readonly EvalID: string;
  readonly EvalCreateIndex: number;
  readonly Index: number;
}
/** PUT /v1/jobs/parse */
export interface JobParseBody {
  readonly JobHCL: string;
  /** The content of a variables file. */
  readonly Variables?: string;
  readonly Canonicalize?: boolean;
}
/** PUT /v1/job/:id/plan */
export interface JobPlanBody {
  readonly Job: unknown;
  readonly Diff?: boolean;
  readonly PolicyOverride?: boolean;
}
export interface JobPlanAnswer {
  readonly Annotations: PlanAnnotations | null;
  readonly FailedTGAllocs: Readonly<Record<string, AllocMetric>>;
  readonly JobModifyIndex: number;
  readonly CreatedEvals: readonly Evaluation[];
  readonly Diff: JobDiff | null;
  /** RFC 3339, or null when the job is not periodic. */
  readonly NextPeriodicLaunch: string | null;
  readonly Warnings: string;
}
/** PUT /v1/validate/job */
export interface JobValidateAnswer {
  readonly DriverConfigValidated: boolean;
  readonly ValidationErrors: readonly string[];
  readonly Error: string;
  readonly Warnings: string;
}
/** GET …/versions */
export interface JobVersionsAnswer {
  readonly Versions: readonly Job[];
  /** With ?diffs: `Diffs[i]` leads from Versions[i + 1] to Versions[i]. */
  readonly Diffs: readonly JobDiff[] | null;
}

/** PUT /v1/node/:id/{evaluate,eligibility,purge} */
export interface NodeUpdateAnswer {
  readonly EvalIDs: readonly string[];
  readonly EvalCreateIndex: number;
  readonly NodeModifyIndex: number;
  readonly Index: number;
}

export interface AgentMember {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>>;
  /** "alive" | "leaving" | "left" | "failed" */
  readonly Status: string;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}
/** GET /v1/agent/members */
export interface AgentMembersAnswer {
  readonly ServerName: string;
  readonly ServerRegion: string;
  readonly ServerDC: string;
  readonly Members: readonly AgentMember[];
}
/** GET /v1/agent/self */
export interface AgentSelfAnswer {
  readonly config: Readonly<Record<string, unknown>>;
  readonly member: AgentMember;
  readonly stats: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
/** GET /v1/agent/health: 200 when all are ok, else 500 with the same body. */
export interface AgentHealthAnswer {
  readonly client?: { readonly ok: boolean; readonly message: string };
  readonly server?: { readonly ok: boolean; readonly message: string };
}

export const SEARCH_CONTEXTS = [
  "allocs",
  "deployment",
  "evals",
  "jobs",
  "nodes",
  "node_pools",
  "namespaces",
  "plugins",
  "scaling_policy",
  "vars",
  "volumes",
  "host_volumes",
] as const;
export type SearchContext = (typeof SEARCH_CONTEXTS)[number];
/** PUT /v1/search */
export interface SearchBody {
  readonly Prefix: string;
  /** "" and "all": every context. */
  readonly Context?: SearchContext | "all" | "";
}
export interface SearchAnswer {
  readonly Matches: Partial<Readonly<Record<SearchContext, readonly string[]>>>;
  /** True when there were more than SEARCH_RESULTS_MAX. */
  readonly Truncations: Partial<Readonly<Record<SearchContext, boolean>>>;
  readonly Index: number;
}
export const SEARCH_RESULTS_MAX = 20;

/** GET /v1/namespaces */
export interface NamespaceDetail {
  readonly Name: string;
  readonly Description: string;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly Quota: string;
  readonly Capabilities: null;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
/** GET /v1/node/pools */
export interface NodePoolDetail {
  readonly Name: string;
  readonly Description: string;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly NodeIdentityTTL: number;
  readonly SchedulerConfiguration: null;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
/** GET /v1/operator/scheduler/configuration */
export interface SchedulerConfigurationAnswer {
  readonly SchedulerConfig: SchedulerConfiguration;
  readonly Index: number;
}

/** One frame of fs/stream, fs/logs and agent/monitor as JSON; `{}` is a heartbeat. */
export interface StreamFrame {
  readonly Offset?: number;
  /** Base64. */
  readonly Data?: string;
  readonly File?: string;
  readonly FileEvent?: string;
}

/** GET /v1/metrics */
export interface MetricsAnswer {
  /** "2006-01-02 15:04:05 +0000 UTC" */
  readonly Timestamp: string;
  readonly Gauges: readonly Gauge[];
  readonly Points: readonly unknown[];
  readonly Counters: readonly unknown[];
  readonly Samples: readonly unknown[];
}
export interface Gauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}
