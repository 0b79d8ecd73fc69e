/** What node status shows of a node, block by block. nomad.md §4.4. Pure. */
import type { NodeDetail } from "#api/contract";
import { terminal as isTerminal, type Allocation, type DeviceAttribute } from "#model";
import type { HostUsage } from "#ports";
import { table } from "./columns.ts";
import { bytes, localRfc3339 } from "./time.ts";

/** "true; 2006-01-02T15:04:05Z deadline; ignoring system jobs" */
export function drainText(node: NodeDetail): string {
  const strategy = node.DrainStrategy;
  if (strategy === null) return String(node.Drain);
  const end =
    strategy.Deadline < 0
      ? "force drain"
      : strategy.ForceDeadline.startsWith("0001-")
        ? "no deadline"
        : `${localRfc3339(new Date(strategy.ForceDeadline))} deadline`;
  return ["true", end, ...(strategy.IgnoreSystemJobs ? ["ignoring system jobs"] : [])].join("; ");
}

/** "complete; started 2006-…, ended 2006-…; reason" of the last drain; undefined when there was none. */
export function lastDrainText(node: NodeDetail): string | undefined {
  const last = node.LastDrain;
  if (last === null) return undefined;
  const when = (time: string) => localRfc3339(new Date(time));
  const ended = last.Status === "draining" ? "" : `, ended ${when(last.UpdatedAt)}`;
  const message = last.Meta["message"];
  return `${last.Status}; started ${when(last.StartedAt)}${ended}${message === undefined ? "" : `; ${message}`}`;
}

export function driverTable(node: NodeDetail): string {
  return table([
    ["Driver", "Detected", "Healthy", "Message", "Time"],
    ...byName(node.Drivers).map(([name, driver]) => [
      name,
      String(driver.Detected),
      String(driver.Healthy),
      driver.HealthDescription,
      localRfc3339(new Date(driver.UpdateTime)),
    ]),
  ]);
}

/** "exec,raw_exec (unhealthy)" */
export function driverList(node: NodeDetail): string {
  return byName(node.Drivers)
    .filter(([, driver]) => driver.Detected)
    .map(([name, driver]) => (driver.Healthy ? name : `${name} (unhealthy)`))
    .join(",");
}

export function hostVolumeTable(node: NodeDetail): string {
  return table([
    ["Name", "ReadOnly", "Source"],
    ...byName(node.HostVolumes).map(([name, volume]) => [name, String(volume.ReadOnly), volume.Path]),
  ]);
}

export function hostNetworkTable(node: NodeDetail): string {
  return table([
    ["Name", "CIDR", "Interface", "ReservedPorts"],
    ...byName(node.HostNetworks).map(([name, network]) => [name, network.CIDR, network.Interface, network.ReservedPorts]),
  ]);
}

/** Newest first. `verbose`: with their details. */
export function eventTable(node: NodeDetail, verbose: boolean): string {
  if (node.Events.length === 0) return "No node events";
  return table([
    ["Time", "Subsystem", "Message", ...(verbose ? ["Details"] : [])],
    ...node.Events.toReversed().map((event) => [
      localRfc3339(new Date(event.Timestamp)),
      event.Subsystem,
      event.Message,
      ...(verbose
        ? [
            byName(event.Details ?? {})
              .map(([key, value]) => `${key} = ${value}`)
              .join(", "),
          ]
        : []),
    ]),
  ]);
}

export function allocatedResources(node: NodeDetail, allocations: readonly Allocation[]): string {
  let cpu = 0;
  let memory = 0;
  let disk = 0;
  const live = allocations.filter((each) => !isTerminal(each));
  for (const { AllocatedResources: held } of live) {
    disk += held.Shared.DiskMB;
    for (const task of Object.values(held.Tasks)) {
      cpu += task.Cpu.CpuShares;
      memory += task.Memory.MemoryMB;
    }
  }
  return table([
    ["CPU", "Memory", "Disk", "Alloc Count"],
    [
      `${cpu}/${usableCpu(node)} MHz`,
      `${mebibytes(memory)}/${mebibytes(usableMemory(node))}`,
      `${mebibytes(disk)}/${mebibytes(node.NodeResources.Disk.DiskMB - node.ReservedResources.Disk.DiskMB)}`,
      String(live.length),
    ],
  ]);
}

export function allocationUtilization(node: NodeDetail, used: { readonly cpuMHz: number; readonly memoryBytes: number }): string {
  return table([
    ["CPU", "Memory"],
    [`${Math.round(used.cpuMHz)}/${usableCpu(node)} MHz`, `${bytes(used.memoryBytes)}/${mebibytes(usableMemory(node))}`],
  ]);
}

export function hostUtilization(node: NodeDetail, host: HostUsage): string {
  return table([
    ["CPU", "Memory", "Disk"],
    [
      `${Math.round(host.CPUTicksConsumed)}/${node.NodeResources.Cpu.CpuShares} MHz`,
      `${bytes(host.Memory.Used)}/${bytes(host.Memory.Total)}`,
      `${bytes(host.AllocDirStats.Used)}/${bytes(host.AllocDirStats.Size)}`,
    ],
  ]);
}

/** One row a device: what it is, and what is free of it. Undefined when the node has none. */
export function deviceTable(node: NodeDetail, allocations: readonly Allocation[]): string | undefined {
  if (node.NodeResources.Devices.length === 0) return undefined;
  const taken = new Set(
    allocations
      .filter((each) => !isTerminal(each))
      .flatMap((each) => Object.values(each.AllocatedResources.Tasks))
      .flatMap((task) => task.Devices.flatMap((device) => device.DeviceIDs)),
  );
  return table([
    ["Device", "ID", "Healthy", "Allocated"],
    ...node.NodeResources.Devices.flatMap((group) =>
      group.Instances.map((instance) => [
        `${group.Vendor}/${group.Type}/${group.Name}`,
        instance.ID,
        instance.Healthy ? "true" : `false${instance.HealthDescription === "" ? "" : ` (${instance.HealthDescription})`}`,
        String(taken.has(instance.ID)),
      ]),
    ),
  ]);
}

/** "nvidia/gpu/1080ti" and its attributes, for -verbose. */
export function deviceAttributes(node: NodeDetail): readonly [device: string, attributes: readonly (readonly [string, string])[]][] {
  return node.NodeResources.Devices.map((group) => [
    `${group.Vendor}/${group.Type}/${group.Name}`,
    byName(group.Attributes ?? {}).map(([name, value]) => [name, attributeText(value)] as const),
  ]);
}

function attributeText(value: DeviceAttribute): string {
  const text = String(value.String ?? value.Int ?? value.Float ?? value.Bool ?? "");
  return value.Unit === undefined || value.Unit === "" ? text : `${text} ${value.Unit}`;
}

export function byName<T>(map: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(map).toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function usableCpu(node: NodeDetail): number {
  return node.NodeResources.Cpu.CpuShares - node.ReservedResources.Cpu.CpuShares;
}
function usableMemory(node: NodeDetail): number {
  return node.NodeResources.Memory.MemoryMB - node.ReservedResources.Memory.MemoryMB;
}
function mebibytes(megabytes: number): string {
  return bytes(megabytes * 1024 * 1024);
}
