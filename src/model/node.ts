/** A machine that runs allocations. nomad.md §2.3, §3.3, §7. */
import type { NodeId } from "./ids.ts";

export type NodeStatus = "initializing" | "ready" | "down" | "disconnected";
export type Eligibility = "eligible" | "ineligible";

export interface NodeNetwork {
  readonly Mode: string;
  readonly Device: string;
  readonly CIDR: string;
  readonly IP: string;
  readonly MBits: number;
}

/** client { host_network "NAME" }: addresses that ports may ask for by name. */
export interface HostNetwork {
  readonly Name: string;
  readonly CIDR: string;
  readonly Interface: string;
  /** "22,80,8500-8600" */
  readonly ReservedPorts: string;
  /** Found on this machine: the port's HostIP is the first. */
  readonly Addresses: readonly string[];
}

/** A group of alike devices of a node. nomad.md §1.9. */
export interface NodeDevice {
  readonly Vendor: string;
  readonly Type: string;
  readonly Name: string;
  readonly Instances: readonly {
    readonly ID: string;
    readonly Healthy: boolean;
    readonly HealthDescription: string;
    readonly Locality: { readonly PciBusID: string } | null;
  }[];
  readonly Attributes: Readonly<Record<string, DeviceAttribute>>;
}

/** One of the four is set; numbers may have a unit ("GiB", "MHz"). */
export interface DeviceAttribute {
  readonly String?: string;
  readonly Int?: number;
  readonly Float?: number;
  readonly Bool?: boolean;
  readonly Unit?: string;
}

/** How a node is emptied. nomad.md §6.11. Nanoseconds. */
export interface DrainStrategy {
  /** -1: force at once; 0: no deadline. */
  readonly Deadline: number;
  readonly IgnoreSystemJobs: boolean;
  /** RFC 3339; the zero time "0001-01-01T00:00:00Z" when there is none. */
  readonly ForceDeadline: string;
  readonly StartedAt: string;
}

export interface LastDrain {
  readonly StartedAt: string;
  readonly UpdatedAt: string;
  readonly Status: "draining" | "complete" | "canceled";
  readonly AccessorID: string;
  readonly Meta: Readonly<Record<string, string>>;
}

export interface NodeResources {
  readonly Cpu: { readonly CpuShares: number; readonly TotalCpuCores: number; readonly ReservableCpuCores: readonly number[] };
  readonly Memory: { readonly MemoryMB: number };
  readonly Disk: { readonly DiskMB: number };
  readonly Networks: readonly NodeNetwork[];
  readonly Devices: readonly NodeDevice[];
  readonly MinDynamicPort: number;
  readonly MaxDynamicPort: number;
}

export interface NodeReservedResources {
  readonly Cpu: { readonly CpuShares: number };
  readonly Memory: { readonly MemoryMB: number };
  readonly Disk: { readonly DiskMB: number };
  /** "22,80,8500-8600" */
  readonly Networks: { readonly ReservedHostPorts: string };
}

export interface DriverInfo {
  readonly Attributes: Readonly<Record<string, string>>;
  readonly Detected: boolean;
  readonly Healthy: boolean;
  readonly HealthDescription: string;
  /** RFC 3339 */
  readonly UpdateTime: string;
}

export interface NodeEvent {
  readonly Message: string;
  readonly Subsystem: string;
  readonly Details: Readonly<Record<string, string>>;
  /** RFC 3339 */
  readonly Timestamp: string;
  readonly CreateIndex: number;
}

export interface Node {
  readonly ID: NodeId;
  /** Proves to the servers that the node is who it says; blanked in the API. */
  readonly SecretID: string;
  readonly Datacenter: string;
  readonly Name: string;
  readonly NodePool: string;
  readonly NodeClass: string;
  readonly HTTPAddr: string;
  readonly TLSEnabled: boolean;
  readonly Attributes: Readonly<Record<string, string>>;
  readonly NodeResources: NodeResources;
  readonly ReservedResources: NodeReservedResources;
  readonly Links: Readonly<Record<string, string>>;
  readonly Meta: Readonly<Record<string, string>>;
  readonly CgroupParent: string;
  readonly Drivers: Readonly<Record<string, DriverInfo>>;
  readonly HostVolumes: Readonly<Record<string, { readonly Name: string; readonly Path: string; readonly ReadOnly: boolean }>>;
  readonly HostNetworks: Readonly<Record<string, HostNetwork>>;
  /** null: not draining. */
  readonly DrainStrategy: DrainStrategy | null;
  readonly SchedulingEligibility: Eligibility;
  readonly Status: NodeStatus;
  readonly StatusDescription: string;
  /** Unix seconds. */
  readonly StatusUpdatedAt: number;
  /** Newest last, at most NODE_EVENTS_MAX. */
  readonly Events: readonly NodeEvent[];
  readonly LastDrain: LastDrain | null;
  /** Nodes of one class are alike to every constraint that does not name a unique attribute. */
  readonly ComputedClass: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export const NODE_EVENTS_MAX = 10;

/** "22,80,8500-8600" → port numbers. Unreadable parts are left out. */
export function parsePortRanges(text: string): number[] {
  const ports: number[] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    for (let port = first; port <= last && port <= 65535; port++) ports.push(port);
  }
  return ports;
}
