/**
 * What the book promises to the other rooms: commands go in, in log order; snapshots, change notices, events and the
 * scheduler's columns come out.
 */
import type {
  AclAuthMethod,
  AclBindingRule,
  AclPolicy,
  AclRole,
  AclToken,
  Allocation,
  AllocationId,
  Deployment,
  DesiredUpdates,
  Evaluation,
  EvaluationId,
  Event,
  Job,
  JobId,
  JobSubmission,
  JobSummary,
  Namespace,
  NamespaceRecord,
  Node,
  NodeId,
  NodePool,
  OneTimeToken,
  Reason,
  RootKey,
  ScalingEvent,
  AutopilotConfiguration,
  SchedulerConfiguration,
  SealedVariable,
  ServiceRegistration,
} from "#model";
import type { Clock } from "#ports";
import type { Command, Envelope, Outcome } from "./command.ts";

export type { Command, CommandType, VariableWrite, PeriodicLaunch, Envelope, Outcome } from "./command.ts";

/** A restart turn somebody holds: this allocation is down, or may be, for a change of what its templates hold. */
export interface HeldTurn {
  readonly AllocationID: AllocationId;
  readonly Namespace: Namespace;
  readonly JobID: JobId;
  readonly TaskGroup: string;
  readonly NodeID: NodeId;
  readonly CreateIndex: number;
  /** Unix nanoseconds. */
  readonly CreateTime: number;
}

/** The latest tenure that has written anything. */
export interface LeadershipRecord {
  readonly EpochID: string;
  readonly ServerID: string;
  readonly Name: string;
  readonly FeatureLevel: number;
}

/** Tables whose last change is counted apart (X-Nomad-Index of their endpoints). */
export type TableName =
  | "jobs"
  | "job-summaries"
  | "nodes"
  | "allocations"
  | "evaluations"
  | "deployments"
  | "namespaces"
  | "node-pools"
  | "scaling-events"
  | "periodic-launches"
  | "services"
  | "root-keys"
  | "variables"
  | "restart-turns"
  | "acl-policies"
  | "acl-roles"
  | "acl-tokens"
  | "acl-auth-methods"
  | "acl-binding-rules"
  | "one-time-tokens"
  | "scheduler-configuration";

/**
 * A frozen view of the state. Cheap to take (O(1)), valid for ever, never changes.
 * Iterations are in key order: ids ascending; for jobs by (namespace, id).
 */
export interface Snapshot {
  readonly index: number;
  /** Index of the last change of the table; at least 1. */
  tableIndex(...tables: readonly TableName[]): number;

  job(namespace: string, id: string): Job | undefined;
  /** A version that is still kept. */
  jobVersion(namespace: string, id: string, version: number): Job | undefined;
  /** Newest first. */
  jobVersions(namespace: string, id: string): readonly Job[];
  /** `namespace` "*" for all; ids starting with `prefix`; from (namespace, id) `after` exclusive. */
  jobs(namespace: string, prefix?: string, after?: { readonly Namespace: string; readonly ID: string }): Iterable<Job>;
  /** All of type system or sysbatch, by (namespace, id). Cost: their number. */
  systemJobs(): Iterable<Job>;
  jobSummary(namespace: string, id: string): JobSummary | undefined;
  submission(namespace: string, id: string, version: number): JobSubmission | undefined;

  node(id: string): Node | undefined;
  nodes(prefix?: string): Iterable<Node>;
  readonly nodeCount: number;

  allocation(id: string): Allocation | undefined;
  allocations(prefix?: string): Iterable<Allocation>;
  allocationsByJob(namespace: string, jobId: string): Iterable<Allocation>;
  allocationsByNode(nodeId: string): Iterable<Allocation>;
  allocationsByEvaluation(evaluationId: string): Iterable<Allocation>;

  evaluation(id: string): Evaluation | undefined;
  evaluations(prefix?: string): Iterable<Evaluation>;
  evaluationsByJob(namespace: string, jobId: string): Iterable<Evaluation>;

  deployment(id: string): Deployment | undefined;
  deployments(prefix?: string): Iterable<Deployment>;
  /** Newest first (CreateIndex). */
  deploymentsByJob(namespace: string, jobId: string): readonly Deployment[];
  /** The active one, or undefined; there is never more than one. */
  activeDeployment(namespace: string, jobId: string): Deployment | undefined;
  /** All active ones, in id order: what the deployment watcher looks at. Cost: their number. */
  activeDeployments(): Iterable<Deployment>;
  allocationsByDeployment(deploymentId: string): Iterable<Allocation>;

  /** Always holds "default". */
  namespaces(prefix?: string): Iterable<NamespaceRecord>;
  namespace(name: string): NamespaceRecord | undefined;
  /** Always holds "all" and "default". */
  nodePools(prefix?: string): Iterable<NodePool>;
  nodePool(name: string): NodePool | undefined;

  /** Group → events, newest first. */
  scalingEvents(namespace: string, jobId: string): Readonly<Record<string, readonly ScalingEvent[]>>;
  /** The last tick that was launched or passed over, unix seconds. */
  periodicLaunch(namespace: string, jobId: string): number | undefined;
  /** Children of a periodic or parameterized job, id order. */
  childJobs(namespace: string, parentId: string): Iterable<Job>;
  /** The child that was dispatched with this idempotency token; a second one is refused ("conflict"). */
  dispatchedJob(namespace: string, parentId: string, token: string): Job | undefined;
  /** What was wrong with records that have been collected in the last 30 days, newest first; also of jobs that are gone. */
  pastReasons(namespace: string, jobId: string): readonly Reason[];

  /** Of Drover's own registry, by (namespace, name, id). `namespace` "*" for all. */
  services(namespace: string): Iterable<ServiceRegistration>;
  servicesByName(namespace: string, name: string): Iterable<ServiceRegistration>;
  servicesByJob(namespace: string, jobId: string): Iterable<ServiceRegistration>;
  servicesByAllocation(allocationId: string): Iterable<ServiceRegistration>;
  servicesByNode(nodeId: string): Iterable<ServiceRegistration>;
  service(id: string): ServiceRegistration | undefined;
  /** By key id. */
  rootKeys(): Iterable<RootKey>;
  /** Undefined before the first. */
  activeRootKey(): RootKey | undefined;

  /** Sealed: what they hold is for who has the key. */
  variable(namespace: string, path: string): SealedVariable | undefined;
  /** By (namespace, path). `namespace` "*" for all; paths starting with `prefix`; from (namespace, path) `from` on. */
  variables(namespace: string, prefix?: string, from?: { readonly Namespace: string; readonly Path: string }): Iterable<SealedVariable>;
  /** What a root key seals. */
  variablesSealedWith(keyId: string): Iterable<SealedVariable>;

  /** Of a group, by allocation id; of all groups without one. */
  restartTurns(of?: { readonly Namespace: string; readonly JobID: string; readonly TaskGroup: string }): Iterable<HeldTurn>;

  /** By name. */
  aclPolicies(prefix?: string): Iterable<AclPolicy>;
  aclPolicy(name: string): AclPolicy | undefined;
  /** By id. */
  aclRoles(prefix?: string): Iterable<AclRole>;
  aclRole(id: string): AclRole | undefined;
  aclRoleByName(name: string): AclRole | undefined;
  /** By accessor id. They hold their secrets: whoever tells them says to whom. */
  aclTokens(prefix?: string): Iterable<AclToken>;
  aclToken(accessor: string): AclToken | undefined;
  /** The whole secret, never a part of it. Also one whose time is over. */
  aclTokenBySecret(secret: string): AclToken | undefined;
  aclAuthMethods(prefix?: string): Iterable<AclAuthMethod>;
  aclAuthMethod(name: string): AclAuthMethod | undefined;
  /** By id. */
  aclBindingRules(prefix?: string): Iterable<AclBindingRule>;
  aclBindingRule(id: string): AclBindingRule | undefined;
  bindingRulesByMethod(name: string): Iterable<AclBindingRule>;
  oneTimeToken(secret: string): OneTimeToken | undefined;
  oneTimeTokens(): Iterable<OneTimeToken>;
  /** Of the entry that bootstrapped access control last; 0: nobody did. */
  aclBootstrapIndex(): number;

  schedulerConfiguration(): SchedulerConfiguration;
  /** ModifyIndex 0: nobody has stored one. */
  autopilotConfiguration(): AutopilotConfiguration;

  /** The scheduler's columns at this index. Only valid until the next `apply`: use them without awaiting (asserted). */
  columns(): Columns;
}

/** What `Columns.devicesUsed` holds. */
export { deviceKey } from "#model";

/**
 * Nodes as typed arrays, one slot per node; slots of purged nodes are reused. Kept up to date by apply in O(changed
 * allocations). Used = what allocations that are not client-terminal hold (nomad.md §6.3), reserved already taken off totals.
 */
export interface Columns {
  /** Slots in use are [0, length); `nodes[slot]` is undefined for a free one. */
  readonly length: number;
  readonly nodes: readonly (Node | undefined)[];
  slotOf(nodeId: string): number | undefined;
  /** MHz, MB, MB: what allocations may use (reserved subtracted). */
  readonly cpuTotal: Float64Array;
  readonly memoryTotal: Float64Array;
  readonly diskTotal: Float64Array;
  readonly cpuUsed: Float64Array;
  readonly memoryUsed: Float64Array;
  readonly diskUsed: Float64Array;
  /** Host ports in use by allocations or reserved on the node, at that address; left out or "": at any. */
  portInUse(slot: number, port: number, address?: string): boolean;
  /** CPU ids that allocations have reserved. */
  coresUsed(slot: number): ReadonlySet<number>;
  /** `<vendor>/<type>/<name>/<instance id>` of devices in use; `deviceKey`. */
  devicesUsed(slot: number): ReadonlySet<string>;
  /** How many dynamic ports are free is bounded by this count of used ports in the dynamic range. */
  readonly portsUsed: Uint32Array;
  /** Raised whenever anything of the slot changes. */
  readonly version: Uint32Array;
}

/** Blocking queries. Register first, then read, so no change is lost between (F2). */
export interface Watch {
  /** Resolves with true when any of the tables moved past `index`, or the keyed record changed; with false at the time limit or abort. */
  changed(tables: readonly TableName[], index: number, waitMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Called after every apply, synchronously, with what was touched. Returns the unsubscribe. */
  subscribe(listener: (change: Change) => void): () => void;
}

export interface Change {
  readonly index: number;
  /** Everything is another (a restored snapshot, one fetched from another server): the lists are empty, whoever keeps something looks again. */
  readonly replaced?: true;
  readonly command: Command;
  readonly outcome: Outcome;
  /** Records written by this entry (new values), in order. */
  readonly jobs: readonly Job[];
  readonly nodes: readonly Node[];
  readonly allocations: readonly Allocation[];
  readonly evaluations: readonly Evaluation[];
  readonly deployments: readonly Deployment[];
  readonly services: readonly ServiceRegistration[];
  /** Sealed. Not those that were only sealed anew. */
  readonly variables: readonly SealedVariable[];
  /** Records removed. */
  readonly goneVariables: readonly SealedVariable[];
  readonly goneServices: readonly ServiceRegistration[];
  readonly goneAllocations: readonly Allocation[];
  readonly goneNodes: readonly NodeId[];
  readonly goneEvaluations: readonly EvaluationId[];
  readonly goneJobs: readonly { readonly Namespace: Namespace; readonly ID: JobId }[];
}

/** The event stream's buffer (the last 100 entries' events). */
export interface EventStream {
  /** Index of the oldest entry still buffered, 0 when none. */
  readonly firstIndex: number;
  /**
   * Batches of events of one index each, from `fromIndex` (0: from now), filtered. Ends when the signal aborts; rejects with NamedError
   * EVENT_STREAM_LAGGED when the reader fell behind the buffer (message names the index to resume from).
   */
  read(
    options: { readonly topics: ReadonlyMap<string, readonly string[]>; readonly namespace: string; readonly fromIndex: number },
    signal: AbortSignal,
  ): AsyncIterable<{ readonly Index: number; readonly Events: readonly Event[] }>;
}

export interface State {
  /** Of the last applied entry; at least 1 (F3). */
  readonly index: number;
  /** The same in the log's count; 0 before the first. They part when a snapshot with a higher index is restored. */
  readonly logIndex: number;
  /** Unix nanoseconds, of the last applied entry; 0 when there was none. The next envelope's time is never less. */
  readonly time: number;
  /** Whose entries these are now; undefined where nobody ever had to say. */
  readonly leadership: LeadershipRecord | undefined;
  /** What became of a request, while it is remembered. */
  outcomeOf(requestId: string): Outcome | undefined;
  snapshot(): Snapshot;
  /**
   * Total: a bad command is refused, a throw becomes a recorded rejection, and the state is as before. The only throws: an index that
   * is not after the last one (broken invariant), and NamedError STATE_COMMAND_UNKNOWN_VERSION (this program is too old: halt).
   * `index` is the log's; the outcome's is the state's.
   */
  apply(index: number, envelope: Envelope): Outcome;
  readonly watch: Watch;
  readonly events: EventStream;
  /** The state as chunks of a versioned format, written in slices of ≤ 5 ms over a pinned version while applies go on. */
  save(): AsyncIterable<Uint8Array>;
  /**
   * All of it becomes what another server saved, in one turn after reading; watchers hear a Change with `replaced`. NamedError
   * STATE_SNAPSHOT_UNREADABLE: it is as it was.
   */
  load(chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** A digest of the whole content, equal on every server at the same index. */
  digest(): string;
  /** The same of what is there now, pinned, a record at each step: applies go on between two. */
  digesting(): Iterator<undefined, string>;
  /** Of the tables that grow: about how much there is to save or to digest. Equal on every server at the same index. */
  readonly recordCount: number;
}

export interface StateOptions {
  /** For the time limits of `watch` only: apply knows no clock. */
  readonly clock: Clock;
  /** Freeze everything stored, deeply (F23). For tests: it costs time. */
  readonly freeze?: boolean;
}

/** What a plan's desired counts look like to `job plan`; re-exported so that rooms need only this door. */
export type { DesiredUpdates };
