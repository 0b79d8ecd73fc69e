/**
 * What a server does with a request: one use case each, a file each in operations/. The API calls these; they return plain values
 * or reject with NamedErrors that carry the HTTP status.
 */
import type {
  AllocationId,
  EvaluationId,
  Job,
  JobDiff,
  JobSubmission,
  NodeId,
  PlanAnnotations,
  AllocMetric,
  Evaluation,
  Eligibility,
  SchedulerConfiguration,
} from "#model";
import type { NodeServices } from "#ports";
import type { Cluster } from "#cluster";

export interface RegisterRequest {
  /** As a client sent it: canonicalized and checked by jobspec's admission inside. */
  readonly Job: unknown;
  readonly Submission?: JobSubmission | null;
  readonly EnforceIndex?: boolean;
  readonly JobModifyIndex?: number;
  readonly PreserveCounts?: boolean;
  /** 0: the job's. */
  readonly EvalPriority?: number;
  /** Namespace and region of the query string; a job that names another is refused. */
  readonly namespace?: string;
  readonly region?: string;
}
export interface RegisterResponse {
  readonly EvalID: EvaluationId | "";
  readonly EvalCreateIndex: number;
  readonly JobModifyIndex: number;
  readonly Warnings: string;
  readonly Index: number;
}
export interface EvalResponse {
  readonly EvalID: EvaluationId | "";
  readonly EvalCreateIndex: number;
  readonly Index: number;
}
export interface JobPlanResponse {
  readonly Annotations: PlanAnnotations | null;
  readonly FailedTGAllocs: Readonly<Record<string, AllocMetric>>;
  readonly JobModifyIndex: number;
  readonly CreatedEvals: readonly Evaluation[];
  readonly Diff: JobDiff | null;
  readonly NextPeriodicLaunch: null;
  readonly Warnings: string;
}
export interface JobValidateResponse {
  readonly DriverConfigValidated: boolean;
  readonly ValidationErrors: readonly string[];
  readonly Error: string;
  readonly Warnings: string;
}

export interface Server {
  readonly cluster: Cluster;
  registerJob(request: RegisterRequest): Promise<RegisterResponse>;
  planJob(request: {
    readonly Job: unknown;
    readonly Diff: boolean;
    readonly namespace?: string;
    readonly region?: string;
  }): Promise<JobPlanResponse>;
  validateJob(request: { readonly Job: unknown }): Promise<JobValidateResponse>;
  deregisterJob(
    namespace: string,
    id: string,
    options: { readonly Purge: boolean; readonly EvalPriority: number; readonly NoShutdownDelay: boolean },
  ): Promise<EvalResponse & { readonly JobModifyIndex: number }>;
  evaluateJob(namespace: string, id: string, options: { readonly ForceReschedule: boolean }): Promise<EvalResponse>;
  stopAllocation(id: AllocationId, options: { readonly NoShutdownDelay: boolean }): Promise<EvalResponse>;
  evaluateNode(id: NodeId): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  setNodeEligibility(id: NodeId, eligibility: Eligibility): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  purgeNode(id: NodeId): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  setSchedulerConfiguration(
    configuration: SchedulerConfiguration,
    enforceIndex: number | null,
  ): Promise<{ readonly Updated: boolean; readonly Index: number }>;
  /** Force: everything terminal goes now, whatever its age. Nodes forget their remains too. */
  collectGarbage(): Promise<void>;
  /** The connected node's services; NamedError NODE_NOT_CONNECTED (404/500 as Nomad: "No path to node") when it is not. */
  nodeServices(id: NodeId): NodeServices;
  /** Counts for GET /v1/metrics and debugging. */
  statistics(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export type { Job };
