/**
 * What a server does with a request: one use case each, a file each in operations/. The API calls these; they return plain values
 * or reject with NamedErrors that carry the HTTP status.
 */
import type {
  AllocationId,
  DeploymentId,
  EvaluationId,
  Job,
  JobId,
  JobWhy,
  MeshCheck,
  ScalingEvent,
  JobDiff,
  JobSubmission,
  NodeId,
  PlanAnnotations,
  AllocMetric,
  RootKey,
  WorkloadClaims,
  Evaluation,
  Eligibility,
  AutopilotConfiguration,
  SchedulerConfiguration,
} from "#model";
import type { NodeServices } from "#ports";
import type { Cluster } from "#cluster";
import type { Grant } from "#access";
import type { AccessControl } from "./access/contract.ts";
import type { NodeClaims } from "./nodes/identities.ts";
import type { Variables } from "./variables/contract.ts";

export interface RegisterRequest {
  /** As a client sent it: canonicalized and checked by jobspec's admission inside. */
  readonly Job: unknown;
  /** Paths of texts that hold sensitive values: sealed before anything else is done. Also taken from the Job itself. */
  readonly Sensitive?: readonly string[];
  readonly Submission?: JobSubmission | null;
  /** Told with the answer, besides what admission has to say. */
  readonly Warnings?: readonly string[];
  readonly EnforceIndex?: boolean;
  readonly JobModifyIndex?: number;
  readonly PreserveCounts?: boolean;
  /** Tasks keep the resources they have. */
  readonly PreserveResources?: boolean;
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
  /** RFC 3339, or null: not periodic. */
  readonly NextPeriodicLaunch: string | null;
  readonly Warnings: string;
}
export interface JobValidateResponse {
  readonly DriverConfigValidated: boolean;
  readonly ValidationErrors: readonly string[];
  readonly Error: string;
  readonly Warnings: string;
}

export interface DispatchRequest {
  /** Raw bytes, base64; "" for none. */
  readonly Payload: string;
  readonly Meta: Readonly<Record<string, string>>;
  /** "": always a new child. A token used before for this parent answers with the child it made. */
  readonly IdempotencyToken: string;
  readonly IdPrefixTemplate: string;
  /** 0: the parent's. */
  readonly Priority: number;
}
export interface DispatchResponse extends EvalResponse {
  readonly DispatchedJobID: JobId;
  readonly JobCreateIndex: number;
}

export interface ScaleRequest {
  /** null: only an event. */
  readonly Count: number | null;
  readonly Group: string;
  readonly Message: string;
  readonly Error: boolean;
  readonly Meta: Readonly<Record<string, unknown>>;
  readonly JobModifyIndex: number | null;
}
/** GET /v1/job/:id/scale */
export interface ScaleStatus {
  readonly JobID: JobId;
  readonly Namespace: string;
  readonly JobCreateIndex: number;
  readonly JobModifyIndex: number;
  readonly JobStopped: boolean;
  readonly TaskGroups: Readonly<
    Record<
      string,
      {
        readonly Desired: number;
        readonly Placed: number;
        readonly Running: number;
        readonly Healthy: number;
        readonly Unhealthy: number;
        readonly Events: readonly ScalingEvent[];
      }
    >
  >;
}

export interface DeploymentResponse extends EvalResponse {
  readonly DeploymentModifyIndex: number;
  /** The version it rolled back to, when it did. */
  readonly RevertedJobVersion: number | null;
}

export interface DrainRequest {
  /** null: stop draining. Nanoseconds; Deadline -1 forces, 0 has no end. */
  readonly Drain: { readonly Deadline: number; readonly IgnoreSystemJobs: boolean } | null;
  readonly MarkEligible: boolean;
  readonly Meta: Readonly<Record<string, string>>;
}

/** Milliseconds of what was timed in the last ten seconds that are over; the totals are since the start. */
export interface Timing {
  readonly Name: string;
  readonly Count: number;
  readonly Sum: number;
  /** Sum a second. */
  readonly Rate: number;
  readonly Min: number;
  readonly Max: number;
  readonly Mean: number;
  readonly Stddev: number;
  /** [0.5, median], …; NaN where nothing was timed. */
  readonly Quantiles: readonly (readonly [at: number, value: number])[];
  readonly TotalCount: number;
  readonly TotalSum: number;
}

export interface Server {
  readonly cluster: Cluster;
  // Versions of a job.
  revertJob(
    namespace: string,
    id: string,
    version: number,
    options: { readonly EnforcePriorVersion: number | null },
  ): Promise<RegisterResponse>;
  setJobStability(namespace: string, id: string, version: number, stable: boolean): Promise<{ readonly Index: number }>;
  /** `version` null: the current one. */
  tagJobVersion(
    namespace: string,
    id: string,
    tag: { readonly Name: string; readonly Description: string; readonly Version: number | null },
  ): Promise<{ readonly Index: number }>;
  untagJobVersion(namespace: string, id: string, name: string): Promise<{ readonly Index: number }>;
  // Deployments.
  promoteDeployment(id: DeploymentId, groups: readonly string[] | null): Promise<DeploymentResponse>;
  pauseDeployment(id: DeploymentId, pause: boolean): Promise<DeploymentResponse>;
  failDeployment(id: DeploymentId): Promise<DeploymentResponse>;
  setDeploymentHealth(id: DeploymentId, healthy: readonly AllocationId[], unhealthy: readonly AllocationId[]): Promise<DeploymentResponse>;
  // Batch and scaling.
  dispatchJob(namespace: string, id: string, request: DispatchRequest): Promise<DispatchResponse>;
  forcePeriodic(namespace: string, id: string): Promise<EvalResponse>;
  scaleJob(namespace: string, id: string, request: ScaleRequest): Promise<EvalResponse & { readonly JobModifyIndex: number }>;
  scaleStatus(namespace: string, id: string): ScaleStatus;
  /** When a periodic job runs next, unix seconds, `count` of them; empty when it is not periodic, disabled or stopped. */
  nextLaunches(job: Job, count: number): readonly number[];
  // Nodes.
  drainNode(id: NodeId, request: DrainRequest): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  // Namespaces and node pools: created or replaced whole.
  upsertNamespace(record: unknown): Promise<{ readonly Index: number }>;
  deleteNamespace(name: string): Promise<{ readonly Index: number }>;
  upsertNodePool(pool: unknown): Promise<{ readonly Index: number }>;
  deleteNodePool(name: string): Promise<{ readonly Index: number }>;
  // Evaluations.
  /** Allowed only while the broker is paused. Resolves with how many were removed. */
  deleteEvaluations(ids: readonly EvaluationId[]): Promise<{ readonly Count: number; readonly Index: number }>;
  /** Why what is wanted is not running. NamedError JOB_NOT_FOUND (404), unless something is remembered of a job that is gone. */
  explainJob(namespace: string, id: string): JobWhy;
  registerJob(request: RegisterRequest): Promise<RegisterResponse>;
  planJob(request: {
    readonly Job: unknown;
    readonly Sensitive?: readonly string[];
    readonly Diff: boolean;
    readonly namespace?: string;
    readonly region?: string;
  }): Promise<JobPlanResponse>;
  validateJob(request: { readonly Job: unknown; readonly Sensitive?: readonly string[] }): Promise<JobValidateResponse>;
  deregisterJob(
    namespace: string,
    id: string,
    options: { readonly Purge: boolean; readonly EvalPriority: number; readonly NoShutdownDelay: boolean },
  ): Promise<EvalResponse & { readonly JobModifyIndex: number }>;
  evaluateJob(namespace: string, id: string, options: { readonly ForceReschedule: boolean }): Promise<EvalResponse>;
  stopAllocation(id: AllocationId, options: { readonly NoShutdownDelay: boolean; readonly Reschedule?: boolean }): Promise<EvalResponse>;
  evaluateNode(id: NodeId): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  setNodeEligibility(id: NodeId, eligibility: Eligibility): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  purgeNode(id: NodeId): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }>;
  setSchedulerConfiguration(
    configuration: SchedulerConfiguration,
    enforceIndex: number | null,
  ): Promise<{ readonly Updated: boolean; readonly Index: number }>;
  // Services of Drover's own registry, and the keyring.
  deleteService(namespace: string, name: string, id: string): Promise<{ readonly Index: number }>;
  /** The public halves, as /.well-known/jwks.json answers them; `maxAgeS` until when they may be kept. */
  jwks(): { readonly keys: readonly Readonly<Record<string, string>>[]; readonly maxAgeS: number };
  /** null: no oidc_issuer is configured. */
  openidConfiguration(): Readonly<Record<string, unknown>> | null;
  /** `full`: variables are sealed anew. `publishAtNs`: prepublish it, active from then; null: at once. */
  rotateRootKey(options: {
    readonly full: boolean;
    readonly publishAtNs: number | null;
    readonly algorithm?: RootKey["Algorithm"];
  }): Promise<{ readonly Key: RootKey; readonly Index: number }>;
  deleteRootKey(id: string, force: boolean): Promise<{ readonly Index: number }>;
  /** Plain outside, sealed inside. */
  readonly variables: Variables;
  /** Whose token is this? undefined: not an identity signed here, expired, or its allocation has ended. */
  verifyIdentity(token: string): Promise<WorkloadClaims | undefined>;
  /** Force: everything terminal goes now, whatever its age. Nodes forget their remains too. */
  collectGarbage(): Promise<void>;
  /** The connected node's services; NamedError NODE_NOT_CONNECTED (404/500 as Nomad: "No path to node") when it is not. */
  nodeServices(id: NodeId): NodeServices;
  /** Is this node connected to this very server? */
  holdsNode(id: NodeId): boolean;
  /** host:port (4647) of the server that has the node; this server's own is "". NamedError NODE_NOT_CONNECTED. */
  whoHoldsNode(id: NodeId): Promise<string>;
  /** Signs of life of nodes that are connected to another server; the answer: within what time the next, by node. The leader's; NamedError PEER_NOT_LEADING. */
  beat(ids: readonly NodeId[]): Promise<Readonly<Record<NodeId, number>>>;
  /** What is stored; until somebody does, what this server was configured with. */
  autopilotConfiguration(): AutopilotConfiguration;
  setAutopilotConfiguration(
    configuration: AutopilotConfiguration,
    enforceIndex: number | null,
  ): Promise<{ readonly Updated: boolean; readonly Index: number }>;
  /** Unix milliseconds since when each server is well, by id, as the leader saw it; NOT_LEADING elsewhere. */
  serversStableSinceMs(): Readonly<Record<string, number>>;
  readonly access: AccessControl;
  /** A node's first token. `ttlMs` 0: the default. */
  introduceNode(request: {
    readonly ttlMs: number;
    readonly nodeName: string;
    readonly nodePool: string;
  }): Promise<{ readonly JWT: string }>;
  /** Claims of the identity it was last given; null: none yet. NODE_NOT_CONNECTED when it is connected elsewhere. */
  nodeIdentity(id: NodeId): NodeClaims | null;
  /** It is given another identity with its next heartbeat. NODE_NOT_CONNECTED. */
  renewNodeIdentity(id: NodeId): void;
  /** May `source` call `destination` over the mesh, and if not, where does the call end? */
  checkMesh(source: string, destination: string, namespace: string): Promise<MeshCheck>;
  /** Counts for GET /v1/metrics and debugging. */
  statistics(): Readonly<Record<string, number>>;
  /** How long plans, scheduling, … took: "plan.apply", "worker.invoke_scheduler_service". nomad.md §3.5. */
  timings(): readonly Timing[];
  close(): Promise<void>;
}

export type { Grant, Job, NodeClaims };
