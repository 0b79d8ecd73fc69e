/** Everything that may ever happen: commands as they go into the log, and what each came to. One file each in commands/ applies them. */
import type {
  AclAuthMethod,
  AclBindingRule,
  AclPolicy,
  AclRole,
  AclToken,
  AllocationClientUpdate,
  AllocationId,
  DeploymentId,
  DeploymentUpdate,
  DesiredTransition,
  DrainStrategy,
  Eligibility,
  Evaluation,
  EvaluationId,
  Job,
  JobId,
  JobSubmission,
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
