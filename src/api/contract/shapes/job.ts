/** Jobs as they are sent, asked for and listed. nomad.md §3.2–3.3. What the server answers goes out as it is, so its shape is the server's. */
import type { Job, JobDiff, JobSubmission, JobSummary, ScalingPolicy } from "#model";
import type { DispatchResponse, JobPlanResponse, JobValidateResponse, RegisterResponse, ScaleStatus } from "#server";

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

/** PUT and DELETE …/versions/:tag/tag */
export interface JobTagAnswer {
  readonly Name: string;
  readonly Description: string;
  /** Unix nanoseconds. */
  readonly TaggedTime: number;
  readonly Index: number;
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
  readonly Command: string;
  readonly Args: readonly string[];
  readonly TaskName: string;
  readonly TaskGroupName: string;
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
