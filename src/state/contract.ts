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
  AllocationClientUpdate,
  AllocationId,
  Deployment,
  DeploymentId,
  DeploymentUpdate,
  DesiredTransition,
  DesiredUpdates,
  DrainStrategy,
  Eligibility,
  Evaluation,
  EvaluationId,
  Event,
  Job,
  JobId,
  JobSubmission,
  JobSummary,
  LastDrain,
  Namespace,
  NamespaceRecord,
  Node,
  NodeEvent,
  NodeId,
  NodePool,
  NodeStatus,
  OneTimeToken,
  Plan,
  Reason,
  RootKey,
  ScalingEvent,
  AutopilotConfiguration,
  SchedulerConfiguration,
  SealedVariable,
  ServiceRegistration,
} from "#model";
import type { Clock } from "#ports";

/** Everything that may ever happen. One file each in commands/. `time` is unix nanoseconds, never less than the previous one's. */
export type Command =
  | {
      readonly type: "job-register";
      readonly Job: Job;
      readonly Submission: JobSubmission | null;
      /** null: no evaluation wanted (periodic, parameterized). */
      readonly Evaluation: Evaluation | null;
      /** Refused (outcome "conflict") unless the stored job's JobModifyIndex is this; 0: must not exist. null: no check. */
      readonly EnforceIndex: number | null;
      /** Keep the stored counts / resources of existing groups. */
      readonly PreserveCounts: boolean;
      /** Something was scaled: kept with the job, in the same entry. */
      readonly ScalingEvent?: { readonly Group: string; readonly Event: ScalingEvent };
      /**
       * The job is the child of a periodic one, launched for this tick (unix seconds): noted in the same entry, so no tick is
       * launched twice (F19). Never moves back.
       */
      readonly PeriodicLaunch?: PeriodicLaunch;
    }
  | {
      /** A periodic job's tick was passed over on purpose (overlap, missed): note it. */
      readonly type: "periodic-launch";
      readonly Launch: PeriodicLaunch;
    }
  | {
      /** An event alone: autoscalers say why they did nothing. Missing job or group: refused. */
      readonly type: "scaling-event";
      readonly Namespace: Namespace;
      readonly JobID: JobId;
      readonly Group: string;
      readonly Event: ScalingEvent;
    }
  | {
      readonly type: "job-stability";
      readonly Namespace: Namespace;
      readonly JobID: JobId;
      readonly Version: number;
      readonly Stable: boolean;
    }
  | {
      /** Description null: take the tag away. A name already on another version is refused ("conflict"). */
      readonly type: "job-version-tag";
      readonly Namespace: Namespace;
      readonly JobID: JobId;
      readonly Version: number;
      readonly Name: string;
      readonly Description: string | null;
    }
  | {
      /** The end, a pause or the resumption of a deployment. One that is not active any more is refused ("conflict"). Success marks its version stable. */
      readonly type: "deployment-status";
      readonly Update: DeploymentUpdate;
      /** auto_revert: registered as a new version in the same entry; not if the job has changed since the deployment's version. */
      readonly Rollback: Job | null;
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      /** Canaries become ordinary (healthy ones lose their mark). Groups null: all. Refused ("invalid") unless enough canaries of each are healthy. */
      readonly type: "deployment-promote";
      readonly DeploymentID: DeploymentId;
      readonly Groups: readonly string[] | null;
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      /** Verdicts given by a person (health_check = "manual", or over the nodes'). */
      readonly type: "deployment-allocation-health";
      readonly DeploymentID: DeploymentId;
      readonly Healthy: readonly AllocationId[];
      readonly Unhealthy: readonly AllocationId[];
      /** The deployment ends by it, in the same entry; as in deployment-status. */
      readonly End?: { readonly Update: DeploymentUpdate; readonly Rollback: Job | null };
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      readonly type: "node-drain";
      readonly NodeID: NodeId;
      /** null: stop draining. */
      readonly DrainStrategy: DrainStrategy | null;
      /** With a strategy the node turns ineligible; without, eligible only if this is true. */
      readonly MarkEligible: boolean;
      readonly LastDrain: LastDrain | null;
      /** Refused ("conflict") unless the node's ModifyIndex is this: what was decided from an older record must not undo what came after. */
      readonly EnforceIndex?: number;
      readonly Event: NodeEvent | null;
      readonly Evaluations: readonly Evaluation[];
    }
  | { readonly type: "namespaces-upsert"; readonly Namespaces: readonly NamespaceRecord[] }
  | {
      /** Refused ("invalid") for "default" and for those that hold jobs which are not dead, or variables. */
      readonly type: "namespaces-delete";
      readonly Names: readonly string[];
    }
  | { readonly type: "node-pools-upsert"; readonly NodePools: readonly NodePool[] }
  | {
      /** Refused ("invalid") for built-in ones and for those with nodes or jobs. */
      readonly type: "node-pools-delete";
      readonly Names: readonly string[];
    }
  | {
      readonly type: "job-deregister";
      readonly Namespace: Namespace;
      readonly JobID: JobId;
      readonly Purge: boolean;
      readonly NoShutdownDelay: boolean;
      readonly Evaluation: Evaluation | null;
    }
  | { readonly type: "node-register"; readonly Node: Node; readonly Evaluations: readonly Evaluation[] }
  | {
      readonly type: "node-status";
      readonly NodeIDs: readonly NodeId[];
      readonly Status: NodeStatus;
      readonly Event: NodeEvent | null;
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      readonly type: "node-eligibility";
      readonly NodeID: NodeId;
      readonly Eligibility: Eligibility;
      readonly Event: NodeEvent | null;
      readonly Evaluations: readonly Evaluation[];
    }
  | { readonly type: "node-purge"; readonly NodeIDs: readonly NodeId[]; readonly Evaluations: readonly Evaluation[] }
  | { readonly type: "evaluations-upsert"; readonly Evaluations: readonly Evaluation[] }
  | {
      /** A checked plan. The evaluation's own update and follow-ups ride along, so a plan and its outcome are one entry. */
      readonly type: "plan-apply";
      /** `Plan.Job` may be left out of the bytes (codec): apply takes the stored version JobVersion of JobID. */
      readonly Plan: Plan;
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      readonly type: "allocations-client-update";
      readonly Updates: readonly AllocationClientUpdate[];
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      readonly type: "allocations-desired-transition";
      readonly Transitions: Readonly<Record<string, DesiredTransition>>;
      readonly Evaluations: readonly Evaluation[];
    }
  | {
      /** Garbage collection: these records are gone. Whatever else refers to them refers to nothing. */
      readonly type: "reap";
      readonly Jobs: readonly { readonly Namespace: Namespace; readonly ID: JobId }[];
      readonly Evaluations: readonly EvaluationId[];
      readonly Allocations: readonly AllocationId[];
      readonly Deployments?: readonly DeploymentId[];
      /** What of the records that go shall still be told (`job why`), by job. */
      readonly Past?: readonly { readonly Namespace: Namespace; readonly JobID: JobId; readonly Reasons: readonly Reason[] }[];
    }
  /**
   * Services of Drover's own registry, added or replaced by ID. A registration of an allocation that is not there, or has ended on its
   * node, is left out (F28: nothing dead comes back).
   */
  | { readonly type: "services-upsert"; readonly Services: readonly ServiceRegistration[] }
  | {
      /**
       * Unknown ids are passed over. Those of allocations that end on their node (complete, failed, lost) or are reaped, and of nodes that
       * are purged, go in the entry that says so.
       */
      readonly type: "services-delete";
      readonly IDs: readonly string[];
    }
  /** Keys added or replaced. One that is made active makes the active one inactive. */
  | { readonly type: "root-keys-upsert"; readonly Keys: readonly RootKey[] }
  /** Refused ("invalid") for the active one and for one that seals a variable, ("missing") for an unknown one. */
  | { readonly type: "root-key-delete"; readonly KeyID: string }
  | {
      /**
       * Made or replaced. Refused: "conflict" (CheckIndex, or another holds its lock), "invalid" (no such namespace, or its root key is
       * not active any more: seal it anew). A lock stays.
       */
      readonly type: "variable-put";
      readonly Variable: VariableWrite;
      /** 0: must not exist. null: no check. */
      readonly CheckIndex: number | null;
      /** Of who holds the lock; "" otherwise. */
      readonly LockID: string;
    }
  | {
      /** One that is not there is gone already. Refusals as of variable-put. */
      readonly type: "variable-delete";
      readonly Namespace: Namespace;
      readonly Path: string;
      readonly CheckIndex: number | null;
      readonly LockID: string;
    }
  | {
      /** Taken; the variable is made if there is none. Refused ("conflict") while another holds it, and until LockFreeAt after one was lost. */
      readonly type: "variable-lock";
      readonly Variable: VariableWrite;
      /** false: the items of one that is there stay. */
      readonly Overwrite: boolean;
      readonly Lock: NonNullable<SealedVariable["Lock"]>;
    }
  | {
      /** Given back, or lost: nobody gets it then until its delay has passed. Refused ("conflict") unless LockID holds it, ("missing") without a variable. */
      readonly type: "variable-unlock";
      readonly Namespace: Namespace;
      readonly Path: string;
      readonly LockID: string;
      readonly Lost: boolean;
    }
  | {
      /**
       * The same items under another key. One that is not as it was read (KeyID, ModifyIndex) is passed over. Moves no index, wakes nobody:
       * what it says is what it said. Refused ("invalid") when the key is not there.
       */
      readonly type: "variables-reseal";
      readonly KeyID: string;
      readonly Variables: readonly {
        readonly Namespace: Namespace;
        readonly Path: string;
        readonly FromKeyID: string;
        readonly ModifyIndex: number;
        readonly Data: string;
      }[];
    }
  | {
      /**
       * The allocation may go down now. Refused ("conflict") when `Max` of its group hold a turn, ("missing", "invalid") when it is not there or
       * not wanted; one that holds its turn keeps it.
       */
      readonly type: "turn-take";
      readonly AllocationID: AllocationId;
      readonly Max: number;
    }
  /** Unknown ones are passed over. Turns of allocations that end on their node or are reaped, and of nodes that go, go in that entry. */
  | { readonly type: "turn-give"; readonly AllocationIDs: readonly AllocationId[] }
  | { readonly type: "acl-policies-upsert"; readonly Policies: readonly AclPolicy[] }
  /** Refused ("missing") when one is not there. */
  | { readonly type: "acl-policies-delete"; readonly Names: readonly string[] }
  /** Refused: "invalid" (a policy that is not there), "conflict" (another role has the name). */
  | { readonly type: "acl-roles-upsert"; readonly Roles: readonly AclRole[] }
  | { readonly type: "acl-roles-delete"; readonly IDs: readonly string[] }
  /** Existing: refused ("missing") unless they are there, so that a change brings no deleted token back. "conflict": another has the secret. */
  | { readonly type: "acl-tokens-upsert"; readonly Tokens: readonly AclToken[]; readonly Existing?: true }
  /** Refused ("missing") when one is not there, unless they go because their time is over. */
  | { readonly type: "acl-tokens-delete"; readonly AccessorIDs: readonly string[]; readonly Expired: boolean }
  /** Refused ("conflict") when it was done before, unless ResetIndex is the index of that time. */
  | { readonly type: "acl-bootstrap"; readonly Token: AclToken; readonly ResetIndex: number | null }
  /** Refused ("invalid") when another method of the type is the default one. */
  | { readonly type: "acl-auth-methods-upsert"; readonly Methods: readonly AclAuthMethod[] }
  /** With their binding rules. */
  | { readonly type: "acl-auth-methods-delete"; readonly Names: readonly string[] }
  /** Refused ("invalid") without its method. */
  | { readonly type: "acl-binding-rules-upsert"; readonly Rules: readonly AclBindingRule[] }
  | { readonly type: "acl-binding-rules-delete"; readonly IDs: readonly string[] }
  /** Refused ("missing") without its token. */
  | { readonly type: "one-time-token-put"; readonly Token: OneTimeToken }
  /** Refused ("missing") when one is not there, unless they go because their time is over. */
  | { readonly type: "one-time-tokens-delete"; readonly Secrets: readonly string[]; readonly Expired: boolean }
  | {
      /** The first entry of every tenure: whatever stands in the log after it was written by this server, until the next one. */
      readonly type: "leadership";
      readonly EpochID: string;
      readonly ServerID: string;
      readonly Name: string;
      /** The lowest of all servers': nothing newer is written while it stands. */
      readonly FeatureLevel: number;
    }
  | {
      /**
       * A piece of a snapshot that is to replace everything; part 0 drops what an earlier attempt left. Refused ("conflict") out of turn, ("fault")
       * when it cannot be read.
       */
      readonly type: "restore-part";
      readonly RestoreID: string;
      /** From 0. */
      readonly Part: number;
      readonly Data: Uint8Array;
      /** The snapshot's chunk ends with this part. */
      readonly Ends: boolean;
    }
  /**
   * From here on everything is what the parts hold. Indexes go on above those of both; the table's indexes are all this one. Refused unless all
   * parts are there.
   */
  | { readonly type: "restore-commit"; readonly RestoreID: string; readonly Parts: number }
  | { readonly type: "autopilot-configuration"; readonly Configuration: AutopilotConfiguration; readonly EnforceIndex: number | null }
  | { readonly type: "scheduler-configuration"; readonly Configuration: SchedulerConfiguration; readonly EnforceIndex: number | null };

export type CommandType = Command["type"];

/** What of a variable whoever writes it says. */
export type VariableWrite = Pick<SealedVariable, "Namespace" | "Path" | "KeyID" | "Data">;

export interface PeriodicLaunch {
  readonly Namespace: Namespace;
  /** The periodic job. */
  readonly JobID: JobId;
  /** The tick, unix seconds. */
  readonly Launch: number;
}

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

/** A command as it stands in the log. */
export interface Envelope {
  /** Format version of this command type; an unknown one halts the server. */
  readonly version: number;
  /** Unix nanoseconds. */
  readonly time: number;
  /** Given by the server that received the write; a repeated id is answered with the first outcome, not applied twice. */
  readonly requestId: string;
  readonly command: Command;
}

/** What a command came to. Deterministic: every server computes the same. */
export type Outcome =
  | { readonly ok: true; readonly index: number }
  | {
      readonly ok: false;
      readonly index: number;
      /** conflict: an enforced index did not match; missing: the thing does not exist; invalid: refused by the state; fault: apply threw. */
      readonly code: "conflict" | "missing" | "invalid" | "fault";
      readonly reason: string;
    };

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
}

export interface StateOptions {
  /** For the time limits of `watch` only: apply knows no clock. */
  readonly clock: Clock;
  /** Freeze everything stored, deeply (F23). For tests: it costs time. */
  readonly freeze?: boolean;
}

/** What a plan's desired counts look like to `job plan`; re-exported so that rooms need only this door. */
export type { DesiredUpdates };
