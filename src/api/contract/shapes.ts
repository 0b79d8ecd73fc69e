/**
 * What goes over the wire besides the nouns themselves. nomad.md §3.2–3.5. Types only: nothing is loaded at run time. What the
 * server answers goes out as it is, so its shape is the server's.
 */
import type {
  AclAuthMethod,
  AclAuthMethodConfig,
  AclBindingRule,
  AclPolicy,
  AclToken,
  Allocation,
  AutopilotConfiguration,
  Evaluation,
  Job,
  JobDiff,
  JobSubmission,
  JobSummary,
  Node,
  NodePool,
  Resources,
  ScalingPolicy,
  SchedulerConfiguration,
} from "#model";
import type {
  DeploymentResponse,
  DispatchResponse,
  EvalResponse,
  JobPlanResponse,
  JobValidateResponse,
  RegisterResponse,
  ScaleStatus,
} from "#server";

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
  /** Drover's own: paths of texts in Job that hold sensitive values (`TaskGroups[0].Tasks[0].Env["PASSWORD"]`, `[2:9]` behind for a part). */
  readonly Sensitive?: readonly string[];
  readonly Submission?: JobSubmission | null;
  readonly EnforceIndex?: boolean;
  readonly JobModifyIndex?: number;
  readonly PolicyOverride?: boolean;
  readonly PreserveCounts?: boolean;
  readonly PreserveResources?: boolean;
  readonly EvalPriority?: number;
}
export type JobRegisterAnswer = RegisterResponse;
/** DELETE /v1/job/:id */
export interface JobDeregisterAnswer {
  readonly EvalID: string;
  readonly EvalCreateIndex: number;
  readonly JobModifyIndex: number;
  readonly Index: number;
}
/** PUT …/evaluate, …/stop */
export type EvaluationAnswer = EvalResponse;
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
  readonly Sensitive?: readonly string[];
  readonly Diff?: boolean;
  readonly PolicyOverride?: boolean;
}
export type JobPlanAnswer = JobPlanResponse;
/** PUT /v1/validate/job */
export type JobValidateAnswer = JobValidateResponse;
/** GET …/versions */
export interface JobVersionsAnswer {
  readonly Versions: readonly Job[];
  /** With ?diffs: `Diffs[i]` leads from Versions[i + 1] to Versions[i]. */
  readonly Diffs: readonly JobDiff[] | null;
}

/** PUT …/dispatch */
export interface JobDispatchBody {
  /** Base64. */
  readonly Payload?: string;
  readonly Meta?: Readonly<Record<string, string>>;
  readonly IdPrefixTemplate?: string;
  readonly Priority?: number;
}
export type JobDispatchAnswer = DispatchResponse;
/** PUT …/scale */
export interface JobScaleBody {
  readonly Count?: number | null;
  readonly Target: { readonly Group: string };
  readonly Message?: string;
  readonly Error?: boolean;
  readonly Meta?: Readonly<Record<string, unknown>>;
  readonly PolicyOverride?: boolean;
  readonly JobModifyIndex?: number;
}
/** GET …/scale */
export type JobScaleStatusAnswer = ScaleStatus;
/** GET /v1/scaling/policies */
export type ScalingPolicyStub = Pick<ScalingPolicy, "ID" | "Enabled" | "Type" | "Target" | "CreateIndex" | "ModifyIndex">;
/** GET …/actions */
export interface JobAction {
  readonly Name: string;
  readonly TaskName: string;
  readonly TaskGroupName: string;
}
/** PUT and DELETE …/versions/:tag/tag */
export interface JobTagAnswer {
  readonly Name: string;
  readonly Description: string;
  /** Unix nanoseconds. */
  readonly TaggedTime: number;
  readonly Index: number;
}
/** GET /v1/jobs/statuses */
export interface JobStatus extends Pick<
  Job,
  | "ID"
  | "Namespace"
  | "Name"
  | "Type"
  | "NodePool"
  | "Datacenters"
  | "Priority"
  | "Version"
  | "SubmitTime"
  | "ModifyIndex"
  | "ParentID"
  | "Stop"
  | "Status"
> {
  readonly Allocs: readonly {
    readonly ID: string;
    readonly Group: string;
    readonly ClientStatus: string;
    readonly NodeID: string;
    readonly DeploymentStatus: { readonly Canary: boolean; readonly Healthy: boolean | null };
    readonly JobVersion: number;
    readonly FollowupEvalID: string;
    readonly HasPausedTask: boolean;
  }[];
  readonly GroupCountSum: number;
  /** Of a periodic or parameterized job, unless its children are listed themselves. */
  readonly ChildStatuses: readonly string[] | null;
  readonly LatestDeployment: {
    readonly ID: string;
    readonly IsActive: boolean;
    readonly JobVersion: number;
    readonly Status: string;
    readonly StatusDescription: string;
    readonly AllAutoPromote: boolean;
    readonly RequiresPromotion: boolean;
  } | null;
  readonly IsPack: boolean;
}
/** PUT /v1/deployment/{fail,pause,promote,allocation-health}/:id */
export type DeploymentUpdateAnswer = DeploymentResponse;

/** PUT /v1/node/:id/drain; DrainSpec null stops draining. */
export interface NodeDrainBody {
  readonly DrainSpec: {
    /** Nanoseconds; -1: force at once; 0: no deadline. */
    readonly Deadline: number;
    readonly IgnoreSystemJobs: boolean;
  } | null;
  readonly MarkEligible?: boolean;
  readonly Meta?: Readonly<Record<string, string>>;
}
/** PUT /v1/node/:id/{drain,evaluate,eligibility,purge} */
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
/** GET /v1/agent/host: secrets among the variables are blanked. */
export interface AgentHostAnswer {
  readonly AgentID: string;
  readonly HostData: {
    readonly OS: string;
    readonly Network: readonly Readonly<Record<string, string>>[];
    readonly ResolvConf: string;
    readonly Hosts: string;
    readonly Environment: Readonly<Record<string, string>>;
    readonly Disk: Readonly<Record<string, { readonly DiskMB: number; readonly UsedMB: number }>>;
  };
}
/** GET /v1/agent/schedulers/config */
export interface AgentSchedulersConfigAnswer {
  readonly server_id: string;
  readonly num_schedulers: number;
  readonly enabled_schedulers: readonly string[];
}
/** GET /v1/agent/schedulers */
export interface AgentSchedulersAnswer {
  readonly server_id: string;
  readonly schedulers: readonly {
    readonly id: string;
    readonly enabled_schedulers: readonly string[];
    /** RFC 3339 */
    readonly started: string;
    readonly status: string;
    readonly workload_status: string;
  }[];
}
/** GET /v1/operator/raft/configuration */
export interface RaftConfigurationAnswer {
  readonly Index: number;
  readonly Servers: readonly {
    readonly ID: string;
    readonly Node: string;
    readonly Address: string;
    readonly Leader: boolean;
    readonly Voter: boolean;
    readonly RaftProtocol: string;
  }[];
}
/** GET /v1/operator/autopilot/configuration; durations as text. */
export type AutopilotConfigurationAnswer = AutopilotConfiguration;
/** GET /v1/operator/autopilot/health: 429 with the same body when it is not well. */
export interface AutopilotHealthAnswer {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  readonly Leader: string;
  readonly Voters: readonly string[];
  readonly Servers: readonly {
    readonly ID: string;
    readonly Name: string;
    readonly Address: string;
    readonly SerfStatus: string;
    readonly Version: string;
    readonly Leader: boolean;
    readonly Voter: boolean;
    readonly LastContact: string;
    readonly LastTerm: number;
    readonly LastIndex: number;
    readonly Healthy: boolean;
    /** RFC 3339 */
    readonly StableSince: string;
  }[];
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

/** PUT /v1/search/fuzzy */
export const FUZZY_CONTEXTS = [
  "jobs",
  "groups",
  "tasks",
  "services",
  "images",
  "commands",
  "classes",
  "nodes",
  "node_pools",
  "namespaces",
  "allocs",
  "evals",
  "deployment",
  "vars",
] as const;
export type FuzzyContext = (typeof FUZZY_CONTEXTS)[number];
export interface FuzzySearchBody {
  /** At least two characters. */
  readonly Text: string;
  readonly Context?: FuzzyContext | "all" | "";
}
export interface FuzzyMatch {
  /** The name that matched. */
  readonly ID: string;
  /** Namespace, job, group, task, as far as it lies in them; for what has a made id that id last. */
  readonly Scope: readonly string[];
}
export interface FuzzySearchAnswer {
  readonly Matches: Partial<Readonly<Record<FuzzyContext, readonly FuzzyMatch[]>>>;
  readonly Truncations: Partial<Readonly<Record<FuzzyContext, boolean>>>;
  readonly Index: number;
}

/** GET /v1/node/pools */
export interface NodePoolDetail extends NodePool {
  readonly NodeIdentityTTL: number;
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

/** GET /v1/services: those of one namespace. */
export interface NamespaceServices {
  readonly Namespace: string;
  readonly Services: readonly { readonly ServiceName: string; readonly Tags: readonly string[] }[];
}

/** GET /v1/operator/keyring/keys, and Key of what rotate answers. */
export interface RootKeyAnswer {
  readonly KeyID: string;
  /** What variables are sealed with, as Nomad has it. */
  readonly Algorithm: string;
  /** Drover's own: what identities are signed with. */
  readonly SigningAlgorithm: "RS256" | "EdDSA";
  readonly State: "active" | "inactive" | "prepublished" | "rekeying";
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly PublishTime: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** GET /v1/metrics */
export interface MetricsAnswer {
  /** "2006-01-02 15:04:05 +0000 UTC" */
  readonly Timestamp: string;
  readonly Gauges: readonly Gauge[];
  readonly Points: readonly unknown[];
  readonly Counters: readonly unknown[];
  /** Of the last ten seconds that are over, in milliseconds. */
  readonly Samples: readonly Sample[];
}
export interface Sample {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Count: number;
  /** Sum a second. */
  readonly Rate: number;
  readonly Sum: number;
  readonly Min: number;
  readonly Max: number;
  readonly Mean: number;
  readonly Stddev: number;
}
export interface Gauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}

/** GET /v1/acl/policies */
export type AclPolicyStub = Omit<AclPolicy, "Rules">;
/** GET /v1/acl/tokens: without secrets. */
export type AclTokenStub = Omit<AclToken, "SecretID" | "ExpirationTTL">;
/** GET /v1/acl/auth-methods */
export type AclAuthMethodStub = Pick<AclAuthMethod, "Name" | "Type" | "Default" | "Hash" | "CreateIndex" | "ModifyIndex">;
/** GET /v1/acl/binding-rules */
export type AclBindingRuleStub = Pick<AclBindingRule, "ID" | "Description" | "AuthMethod" | "Hash" | "CreateIndex" | "ModifyIndex">;
/** GET /v1/acl/auth-method/:name: durations as Go writes them; secrets are "redacted". */
export interface AclAuthMethodAnswer extends Omit<AclAuthMethod, "MaxTokenTTL" | "Config"> {
  readonly MaxTokenTTL: string;
  readonly Config: Omit<AclAuthMethodConfig, "ExpirationLeeway" | "NotBeforeLeeway" | "ClockSkewLeeway"> & {
    readonly ExpirationLeeway: string;
    readonly NotBeforeLeeway: string;
    readonly ClockSkewLeeway: string;
  };
}
