/**
 * Between a node and the servers. The node opens it; servers never dial nodes. Makers: `memory` now, gRPC later.
 *
 * A node obeys (ClusterId, Index), never Index alone: it stops nothing for an answer of a foreign cluster, or one older than
 * what it has already seen (F1).
 */
import type {
  Allocation,
  AllocationClientUpdate,
  AllocationId,
  AllocationUsage,
  IdentityAnswer,
  IdentityRequest,
  Node,
  NodeId,
  ServiceRegistration,
  Variable,
  VariableMetadata,
} from "#model";
import type { Intention } from "./mesh.ts";
import type { Finding } from "./network.ts";
import type { ProxyStanding, ProxyStatistics } from "./proxy.ts";

/** The allocations of a node changed. `Complete` true: `Changed` is the node's whole set (sent first on every connection). */
export interface AllocationsChanged {
  readonly ClusterId: string;
  readonly Index: number;
  readonly Complete: boolean;
  /** With their Job. Allocations removed from the state are in Gone. */
  readonly Changed: readonly Allocation[];
  readonly Gone: readonly AllocationId[];
}

/** Services of Drover's own registry changed, anywhere; as AllocationsChanged. */
export interface ServicesChanged {
  readonly ClusterId: string;
  readonly Index: number;
  readonly Complete: boolean;
  readonly Changed: readonly ServiceRegistration[];
  readonly Gone: readonly string[];
}

export interface FileInformation {
  readonly Name: string;
  readonly IsDir: boolean;
  readonly Size: number;
  /** "-rw-r--r--" */
  readonly FileMode: string;
  /** RFC 3339 */
  readonly ModTime: string;
  readonly ContentType?: string;
}

/** One frame of a followed file (the API's own shape; Data is raw here, base64 on the wire). */
export interface FileFrame {
  /** Where its Data ends: reading goes on from there. */
  readonly Offset: number;
  readonly Data: Uint8Array;
  readonly File: string;
  /** "" | "file deleted" | "file truncated" */
  readonly FileEvent: string;
}

export interface FileRead {
  readonly AllocationId: AllocationId;
  readonly Path: string;
  readonly Origin: "start" | "end";
  readonly Offset: number;
  /** -1: to the end. */
  readonly Limit: number;
  readonly Follow: boolean;
}

export interface LogRead {
  readonly AllocationId: AllocationId;
  readonly Task: string;
  readonly Type: "stdout" | "stderr";
  readonly Origin: "start" | "end";
  readonly Offset: number;
  readonly Follow: boolean;
}

/** Host usage, the shape of GET /v1/client/stats. */
export interface HostUsage {
  readonly Memory: { readonly Total: number; readonly Available: number; readonly Used: number; readonly Free: number };
  readonly CPU: readonly {
    readonly CPU: string;
    readonly User: number;
    readonly System: number;
    readonly Idle: number;
    readonly TotalPercent: number;
    readonly TotalTicks: number;
  }[];
  readonly DiskStats: readonly {
    readonly Device: string;
    readonly Mountpoint: string;
    readonly Size: number;
    readonly Used: number;
    readonly Available: number;
    readonly UsedPercent: number;
    readonly InodesUsedPercent: number;
  }[];
  readonly AllocDirStats: {
    readonly Device: string;
    readonly Mountpoint: string;
    readonly Size: number;
    readonly Used: number;
    readonly Available: number;
    readonly UsedPercent: number;
    readonly InodesUsedPercent: number;
  };
  readonly DeviceStats: readonly unknown[];
  readonly Uptime: number;
  readonly CPUTicksConsumed: number;
  /** Unix nanoseconds. */
  readonly Timestamp: number;
}

/** A command to run inside a living task. */
export interface ExecRequest {
  readonly AllocationId: AllocationId;
  readonly Task: string;
  readonly Command: readonly string[];
  readonly Tty: boolean;
}

export type ExecInput =
  | { readonly kind: "stdin"; readonly data: Uint8Array }
  | { readonly kind: "stdin-end" }
  | { readonly kind: "size"; readonly height: number; readonly width: number };

export type ExecOutput =
  | { readonly kind: "stdout" | "stderr"; readonly data: Uint8Array }
  | { readonly kind: "exited"; readonly exitCode: number };

/** A check of a task as the node sees it; GET /v1/client/allocation/:id/checks. Empty until checks have a runner (services). */
export interface CheckResult {
  readonly ID: string;
  readonly Check: string;
  readonly Group: string;
  readonly Task: string;
  readonly Service: string;
  readonly Mode: string;
  readonly Status: "pending" | "success" | "failure";
  readonly StatusCode: number;
  readonly Output: string;
  /** Unix seconds. */
  readonly Timestamp: number;
}

/** Metadata of a node: what its configuration says, what was set since, and both together. */
export interface NodeMetadata {
  readonly Meta: Readonly<Record<string, string>>;
  readonly Dynamic: Readonly<Record<string, string | null>>;
  readonly Static: Readonly<Record<string, string>>;
}

/**
 * What a node does for the API when asked. Failures are NamedErrors with the HTTP status to answer: 404 for an unknown
 * allocation, task or file; 403 for a path outside the allocation or under secrets/ or private/; 400 for a bad argument.
 */
export interface NodeServices {
  listFiles(allocationId: AllocationId, path: string): Promise<readonly FileInformation[]>;
  statFile(allocationId: AllocationId, path: string): Promise<FileInformation>;
  /** Ends at the end of the file unless Follow; ends when the signal aborts. */
  readFile(request: FileRead, signal: AbortSignal): AsyncIterable<FileFrame>;
  /** Across rotated files. */
  readLogs(request: LogRead, signal: AbortSignal): AsyncIterable<FileFrame>;
  allocationUsage(allocationId: AllocationId, task?: string): Promise<AllocationUsage>;
  hostUsage(): Promise<HostUsage>;
  restartAllocation(allocationId: AllocationId, task: string, allTasks: boolean): Promise<void>;
  signalAllocation(allocationId: AllocationId, task: string, signal: string): Promise<void>;
  /** Ends with `exited`, or rejects; abort kills what was started. Input may go on after the task has closed its end. */
  exec(request: ExecRequest, input: AsyncIterable<ExecInput>, signal: AbortSignal): AsyncIterable<ExecOutput>;
  checks(allocationId: AllocationId): Promise<Readonly<Record<string, CheckResult>>>;
  metadata(): Promise<NodeMetadata>;
  /** null takes a key away. Kept across restarts of the agent; the node registers anew. */
  changeMetadata(changes: Readonly<Record<string, string | null>>): Promise<NodeMetadata>;
  /** How its proxies stand, and who may talk to whom. Rejects with ALLOCATION_UNKNOWN. */
  mesh(allocationId: AllocationId): Promise<AllocationMesh>;
  /** What bridge networks and the mesh need of this machine, and how it stands. */
  preflight(): Promise<readonly Finding[]>;
  /** Remove one terminal allocation's remains from the machine, or all of them. */
  collectAllocation(allocationId: AllocationId): Promise<void>;
  collectAll(): Promise<void>;
}

/** Of one allocation, as its node knows it: for `alloc status`, `alloc status -stats` and `mesh check`. */
export interface AllocationMesh {
  readonly Proxies: readonly ProxyReport[];
  /** Of the services its proxies stand for; as source or as destination. */
  readonly Intentions: readonly Intention[];
  /** Why they are not known: "" when they are. */
  readonly IntentionsProblem: string;
}

export interface ProxyReport {
  readonly Task: string;
  readonly Service: string;
  readonly Kind: string;
  /** null: it does not answer; `Problem` says why. */
  readonly Standing: ProxyStanding | null;
  readonly Statistics: ProxyStatistics | null;
  readonly Problem: string;
  /** Which step of coming up it is at: "registration", "bootstrap", "certificate", "listener", "ready". */
  readonly Step: string;
}

/** What the servers may call on a connected node. */
export interface NodeEnd {
  allocationsChanged(change: AllocationsChanged): void;
  /** Only after followServices on this connection. */
  servicesChanged(change: ServicesChanged): void;
  readonly services: NodeServices;
}

/** A task's template wants a variable (or what there is below a prefix), with the rights of the task's own identity. */
export interface VariableQuestion {
  readonly AllocationID: AllocationId;
  readonly Task: string;
  /** "": the allocation's; another one is refused. */
  readonly Namespace: string;
  readonly Path: string;
  /** Path is a prefix: which variables are there. */
  readonly List: boolean;
  /** 0: answer at once; else when the answer differs from the one with this Index, or after some 20 s. */
  readonly AfterIndex: number;
}

export interface VariableAnswer {
  /** At least 1. */
  readonly Index: number;
  /** null: none there (or a List was asked for). Its Items are secrets. */
  readonly Variable: Variable | null;
  readonly List: readonly VariableMetadata[];
}

/** May this allocation go down now, for a change of what its templates hold? */
export interface RestartTurn {
  /** false: not yet: ask again (its place in the queue is kept for a minute). true: until it is given back, at most ten minutes. */
  readonly Granted: boolean;
  /** While it waits: why, for people: "2 of 2 allocations of group "web" are being restarted". */
  readonly Reason: string;
}

/** The answer to a sign of life. */
export interface HeartbeatAnswer {
  /** The time within which to send the next. */
  readonly HeartbeatTtlMs: number;
  /** The node's own identity, a JWT: with the first answer there is a key for, and before the one it has is worn. A secret. */
  readonly NodeIdentity?: string;
}

export interface LinkConnection {
  /**
   * First call; again whenever the node's description changes. A node that the servers do not know yet shows its introduction token, if it has
   * one. Rejects with LINK_REFUSED ("Permission denied: …") where nobody joins without.
   */
  register(node: Node, introductionToken?: string): Promise<HeartbeatAnswer>;
  heartbeat(): Promise<HeartbeatAnswer>;
  /** Resolves when the update is committed. */
  updateAllocations(updates: readonly AllocationClientUpdate[]): Promise<void>;
  /** An answer for each request, in order. Only workloads of allocations of this node are signed for. */
  signIdentities(requests: readonly IdentityRequest[]): Promise<readonly IdentityAnswer[]>;
  /** This node's, as the registry has them. */
  services(): Promise<readonly ServiceRegistration[]>;
  /** Adds or replaces, by ID. Those of allocations that are not this node's are refused as a whole (NamedError SERVICE_FOREIGN). */
  upsertServices(services: readonly ServiceRegistration[]): Promise<void>;
  /** Unknown ids, and those of other nodes, are passed over. */
  deleteServices(ids: readonly string[]): Promise<void>;
  /** From now on servicesChanged is called: the whole registry first, then every change within a moment. */
  followServices(): Promise<void>;
  /** Rejects with VARIABLE_DENIED (403, `fix` names what is missing) and VARIABLE_PATH_INVALID (400). */
  readVariable(question: VariableQuestion): Promise<VariableAnswer>;
  /**
   * At most the group's `update.max_parallel` allocations are down at once, over all nodes, when something rotates that many of them use. Answers
   * within 20 s. One that is held already is granted at once; groups without a limit always. Allocations of other nodes: TURN_FOREIGN (403).
   */
  takeTurn(allocationId: AllocationId): Promise<RestartTurn>;
  /** It is up and well again, or does not need it any more. Unknown ones are fine. */
  giveTurnBack(allocationId: AllocationId): Promise<void>;
  /**
   * Values of `sensitive` job variables, which stand sealed in the job (`${sealed.…}`): by what stands between the braces. Only of allocations of
   * this node that have not ended (UNSEAL_FOREIGN, 403).
   */
  unseal(allocationId: AllocationId): Promise<Readonly<Record<string, string>>>;
  /** Is this an identity that the servers signed, not expired, of an allocation that has not ended? For what tasks ask of this node's API. */
  verifyIdentity(token: string): Promise<boolean>;
  close(): void;
}

/** The node's window to the servers. */
export interface Link {
  /** Rejects with NamedError LINK_REFUSED when no server takes it; the node retries. `closed` is called once when the connection ends. */
  connect(
    node: { readonly ID: NodeId; readonly SecretID: string },
    end: NodeEnd,
    closed: (reason: string) => void,
  ): Promise<LinkConnection>;
}
