/**
 * Where may a job run at all, and is there room? Counted afresh from the records, in a way of its own: what the scheduler knows of it is
 * what is under test. Knows as much as the simulated jobs ask for.
 */
import { clientTerminal, holdingOf, type Allocation, type Job, type Node } from "#model";
import type { Snapshot } from "#state";

/** Why nothing new may be put there now; undefined: it may. */
export function unavailable(node: Node): string | undefined {
  if (node.Status !== "ready") return node.Status;
  if (node.DrainStrategy !== null) return "draining";
  return node.SchedulingEligibility === "eligible" ? undefined : "ineligible";
}

/** Why the job may never run there, as the node is; undefined: it may. */
export function unsuitable(node: Node, job: Job): string | undefined {
  if (job.NodePool !== "all" && job.NodePool !== node.NodePool) return `pool ${node.NodePool}, not ${job.NodePool}`;
  for (const { LTarget, RTarget, Operand } of job.Constraints ?? []) {
    if (Operand !== "=") continue;
    const value = valueOf(node, LTarget);
    if (value !== undefined && value !== RTarget) return `${LTarget} ${value}, not ${RTarget}`;
  }
  return devicesAsked(job) > instancesOf(node) ? "too few devices" : undefined;
}

function valueOf(node: Node, target: string): string | undefined {
  if (target === "${node.class}") return node.NodeClass;
  return target === "${attr.kernel.name}" ? node.Attributes["kernel.name"] : undefined;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const tasksOf = (job: Job) => job.TaskGroups[0]?.Tasks ?? [];
const devicesAsked = (job: Job): number =>
  sum(tasksOf(job).flatMap((task) => task.Resources?.Devices.map(({ Count }) => Count ?? 1) ?? []));
const instancesOf = (node: Node): number => sum(node.NodeResources.Devices.map(({ Instances }) => Instances.length));

export function capacityOf(node: Node): { cpu: number; memory: number; disk: number } {
  const { NodeResources: all, ReservedResources: kept } = node;
  return {
    cpu: all.Cpu.CpuShares - kept.Cpu.CpuShares,
    memory: all.Memory.MemoryMB - kept.Memory.MemoryMB,
    disk: all.Disk.DiskMB - kept.Disk.DiskMB,
  };
}

export function coresAndDevices({ AllocatedResources }: Allocation): string[] {
  return Object.values(AllocatedResources.Tasks).flatMap(({ Cpu, Devices }) => [
    ...Cpu.ReservedCores.map((core) => `core ${core}`),
    ...Devices.flatMap((device) => device.DeviceIDs.map((id) => `device ${device.Vendor}/${device.Type}/${device.Name}/${id}`)),
  ]);
}

/** One more of the job could go to some node now. Dynamic ports are left out, there are thousands. */
export function roomFor(snapshot: Snapshot, job: Job, live: readonly Allocation[]): Node | undefined {
  return [...snapshot.nodes()].find((node) => fitsOneMore(snapshot, node, job, live));
}

function fitsOneMore(snapshot: Snapshot, node: Node, job: Job, live: readonly Allocation[]): boolean {
  const perNode = job.Type === "system" || job.Type === "sysbatch";
  if (perNode && live.some((allocation) => allocation.NodeID === node.ID)) return false;
  if (unavailable(node) !== undefined || unsuitable(node, job) !== undefined) return false;
  const free = capacityOf(node);
  const ports = (job.TaskGroups[0]?.Networks ?? []).flatMap(({ ReservedPorts }) =>
    ReservedPorts.map(({ Value, HostNetwork }) => `${node.HostNetworks[HostNetwork]?.Addresses[0] ?? "10.0.0.1"}:${Value}`),
  );
  let cores = node.NodeResources.Cpu.ReservableCpuCores.length;
  let devices = instancesOf(node);
  for (const allocation of snapshot.allocationsByNode(node.ID)) {
    if (clientTerminal(allocation)) continue;
    const { cpu, memory, disk } = holdingOf(allocation.AllocatedResources);
    free.cpu -= cpu;
    free.memory -= memory;
    free.disk -= disk;
    for (const { Value, HostIP } of allocation.AllocatedResources.Shared.Ports) if (ports.includes(`${HostIP}:${Value}`)) return false;
    for (const key of coresAndDevices(allocation))
      if (key.startsWith("core")) cores--;
      else devices--;
  }
  const coreMHz = node.NodeResources.Cpu.CpuShares / node.NodeResources.Cpu.TotalCpuCores;
  const coresAsked = sum(tasksOf(job).map((task) => task.Resources?.Cores ?? 0));
  const cpu = sum(
    tasksOf(job).map(({ Resources }) => ((Resources?.Cores ?? 0) > 0 ? (Resources?.Cores ?? 0) * coreMHz : (Resources?.CPU ?? 0))),
  );
  const memory = sum(tasksOf(job).map((task) => task.Resources?.MemoryMB ?? 0));
  const disk = job.TaskGroups[0]?.EphemeralDisk?.SizeMB ?? 0;
  return free.cpu >= cpu && free.memory >= memory && free.disk >= disk && cores >= coresAsked && devices >= devicesAsked(job);
}
