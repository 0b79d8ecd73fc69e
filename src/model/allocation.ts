/**
 * An allocation: one group of a job, placed on one node.
 *
 *   DesiredStatus (servers)  run ──► stop | evict
 *   ClientStatus  (node)     pending ──► running ──► complete | failed
 *                                └──────────┴─► lost | unknown   (set by servers when the node is gone)
 *
 * In the state `Job` is a reference to the very version it was placed with; on lists it is left out.
 */
import type { AllocationId, DeploymentId, EvaluationId, JobId, Namespace, NodeId } from "./ids.ts";
import type { Job } from "./job.ts";
import type { AllocMetric } from "./metric.ts";
import type { DnsConfig, Network } from "./network.ts";

export type DesiredStatus = "run" | "stop" | "evict";
export type ClientStatus = "pending" | "running" | "complete" | "failed" | "lost" | "unknown";

export interface AllocatedPort {
  readonly Label: string;
  readonly Value: number;
  readonly To: number;
  readonly HostIP: string;
  readonly IgnoreCollision: boolean;
}

export interface AllocatedDevice {
  readonly Vendor: string;
  readonly Type: string;
  readonly Name: string;
  readonly DeviceIDs: readonly string[];
}

export interface AllocatedTaskResources {
  readonly Cpu: { readonly CpuShares: number; readonly ReservedCores: readonly number[] };
  readonly Memory: { readonly MemoryMB: number; readonly MemoryMaxMB: number };
  readonly Networks: readonly Network[];
  readonly Devices: readonly AllocatedDevice[];
}

export interface AllocatedResources {
  readonly Tasks: Readonly<Record<string, AllocatedTaskResources>>;
  readonly TaskLifecycles: Readonly<Record<string, unknown>>;
  readonly Shared: {
    readonly DiskMB: number;
    readonly Networks: readonly Network[];
    readonly Ports: readonly AllocatedPort[];
  };
}

/** nomad.md §2.6; newest last, at most TASK_EVENTS_MAX kept. */
export interface TaskEvent {
  readonly Type: string;
  /** Unix nanoseconds. */
  readonly Time: number;
  readonly Message: string;
  readonly DisplayMessage: string;
  readonly Details: Readonly<Record<string, string>>;
  readonly FailsTask: boolean;
  readonly ExitCode?: number;
  readonly Signal?: number;
  readonly StartDelay?: number;
  readonly DriverError?: string;
  readonly KillTimeout?: number;
  readonly KillReason?: string;
  readonly RestartReason?: string;
  readonly TaskSignal?: string;
}
export const TASK_EVENTS_MAX = 10;

export interface TaskState {
  readonly State: "pending" | "running" | "dead";
  readonly Failed: boolean;
  readonly Restarts: number;
  /** RFC 3339, or null for never. */
  readonly LastRestart: string | null;
  readonly StartedAt: string | null;
  readonly FinishedAt: string | null;
  readonly Events: readonly TaskEvent[];
}

export interface DesiredTransition {
  readonly Migrate?: boolean;
  /** With Migrate, of a drained batch job: stop it and let it count as done; nothing takes its place. nomad.md §6.5 items 4 and 15. */
  readonly MigrateDisablePlacement?: boolean;
  readonly Reschedule?: boolean;
  readonly ForceReschedule?: boolean;
  readonly NoShutdownDelay?: boolean;
}

export interface RescheduleEvent {
  readonly RescheduleTime: number;
  readonly PrevAllocID: AllocationId;
  readonly PrevNodeID: NodeId;
  readonly Delay: number;
}

export interface AllocNetworkStatus {
  readonly InterfaceName: string;
  readonly Address: string;
  readonly AddressIPv6: string;
  readonly DNS: DnsConfig | null;
}

/** nomad.md §6.5, items 4, 7 and 8. */
export interface AllocationStateChange {
  readonly Field: "client_status";
  /** A client status, or "reconnected". */
  readonly Value: string;
  /** Unix nanoseconds. */
  readonly Time: number;
}

/** Is an allocation of a deployment (or a migration) well? Decided by its node, once. nomad.md §2.8. */
export interface AllocationHealth {
  readonly Healthy: boolean;
  /** RFC 3339 */
  readonly Timestamp: string;
}

export interface Allocation {
  readonly ID: AllocationId;
  readonly Namespace: Namespace;
  readonly EvalID: EvaluationId;
  /** `<job>.<group>[<index>]` */
  readonly Name: string;
  readonly NodeID: NodeId;
  readonly NodeName: string;
  readonly JobID: JobId;
  readonly JobVersion: number;
  readonly Job: Job;
  readonly TaskGroup: string;
  readonly AllocatedResources: AllocatedResources;
  readonly Metrics: AllocMetric | null;
  readonly DesiredStatus: DesiredStatus;
  readonly DesiredDescription: string;
  readonly DesiredTransition: DesiredTransition;
  readonly ClientStatus: ClientStatus;
  readonly ClientDescription: string;
  readonly TaskStates: Readonly<Record<string, TaskState>>;
  readonly DeploymentID: DeploymentId | "";
  readonly DeploymentStatus: {
    readonly Healthy: boolean | null;
    readonly Canary: boolean;
    readonly Timestamp: string;
    readonly ModifyIndex: number;
  } | null;
  readonly FollowupEvalID: EvaluationId | "";
  /** When it was taken for unknown and when its node came back: newest last. */
  readonly AllocStates: readonly AllocationStateChange[];
  readonly PreviousAllocation: AllocationId | "";
  readonly NextAllocation: AllocationId | "";
  readonly RescheduleTracker: { readonly Events: readonly RescheduleEvent[] } | null;
  readonly PreemptedAllocations: readonly AllocationId[];
  readonly PreemptedByAllocation: AllocationId | "";
  readonly CreateIndex: number;
  /** Any change. */
  readonly ModifyIndex: number;
  /** Changes by servers only: what a node watches. */
  readonly AllocModifyIndex: number;
  /** Its own network, as its node reports it; null or absent: the machine's, or not set up yet. nomad.md §2.9. */
  readonly NetworkStatus?: AllocNetworkStatus | null;
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly ModifyTime: number;
}

/** What a node reports of one of its allocations. */
export interface AllocationClientUpdate {
  readonly ID: AllocationId;
  readonly NodeID: NodeId;
  readonly ClientStatus: ClientStatus;
  readonly ClientDescription: string;
  readonly TaskStates: Readonly<Record<string, TaskState>>;
  /** Absent or null: no verdict yet, or none wanted. */
  readonly DeploymentStatus?: AllocationHealth | null;
  /** Absent: as it was told last. */
  readonly NetworkStatus?: AllocNetworkStatus | null;
}

/** The node has finished with it: nothing of it runs or will run. */
export function clientTerminal(allocation: Pick<Allocation, "ClientStatus">): boolean {
  return allocation.ClientStatus === "complete" || allocation.ClientStatus === "failed" || allocation.ClientStatus === "lost";
}

/** The servers want it gone. */
export function serverTerminal(allocation: Pick<Allocation, "DesiredStatus">): boolean {
  return allocation.DesiredStatus !== "run";
}

/** Over, by either's word. */
export function terminal(allocation: Pick<Allocation, "ClientStatus" | "DesiredStatus">): boolean {
  return serverTerminal(allocation) || clientTerminal(allocation);
}

/** `<job>.<group>[<index>]` */
export function allocationName(jobId: string, group: string, index: number): string {
  return `${jobId}.${group}[${index}]`;
}

/** The index in an allocation's name; -1 when the name has none. Read from the end: it is asked for every allocation of a job. */
export function allocationIndex(name: string): number {
  const last = name.length - 1;
  if (name[last] !== "]") return -1;
  let index = 0;
  for (let at = last - 1, unit = 1; at >= 0; at--, unit *= 10) {
    if (name[at] === "[") return at === last - 1 ? -1 : index;
    const digit = name.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    index += digit * unit;
  }
  return -1;
}
