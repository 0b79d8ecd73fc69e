/**
 * What one allocation of a group asks of a node, and the resources it gets there. Everything but ports, networks, cores and devices is
 * the same on every node, and placements without those share one object: ten thousand allocations of a group hold their resources once.
 *
 *   asked in this order     static ports ─► devices ─► cores ─► cpu ─► memory ─► disk        nomad.md §6.3
 *
 * Memory is what a task asks plus its secrets' tmpfs; memory_max never counts. Cores bring the CPU of so many of the node's with them.
 */
import { type AllocatedResources, type AllocatedTaskResources, holdingOf, type Node, type Task, type TaskGroup } from "#model";
import type { Draw } from "../seed.ts";
import { dealDevices, type Dealt, deviceRequests, isUndealt, NO_DEVICE, type Undealt } from "./devices/request.ts";
import { type Claim, claimOf, type Ledger, type Shortfall } from "./fits.ts";
import { grantNetworks, hasStaticPorts, NO_DYNAMIC_PORT, staticPorts } from "./ports.ts";

export interface Ask {
  /** Why it does not fit on the slot now; undefined when it does. Dynamic ports are only looked for by `grant`. */
  shortfall(slot: number): Shortfall | undefined;
  /** MHz and MB it takes on the slot, for the score. */
  cpuAt(slot: number): number;
  readonly memory: number;
  readonly disk: number;
  /** How much the devices it would get are liked, −1 to 1; undefined when nobody said. Only where `shortfall` is undefined. */
  devicesScore(slot: number): number | undefined;
  /** Takes it on the ledger. Only where `shortfall` is undefined. */
  grant(slot: number): AllocatedResources | Shortfall;
  readonly usesDevices: boolean;
}

export function askOf(group: TaskGroup, ledger: Ledger, draw: Draw, oversubscription: boolean): Ask {
  const cores = group.Tasks.reduce((sum, task) => sum + (task.Resources?.Cores ?? 0), 0);
  const requests = deviceRequests(group);
  const shared = resourcesOf(group, oversubscription, 0);
  const claim = claimOf(shared);
  const isFixed = hasStaticPorts(group);
  const isPlain = cores === 0 && requests.length === 0;
  const nodeAt = (slot: number) => ledger.columns.nodes[slot] as Node;
  // At which address a static port is wanted, the node says.
  const claimAt = (slot: number): Claim => (isFixed ? { ...claim, ports: staticPorts(nodeAt(slot), group) } : claim);
  const cpuByCore = new Map<number, number>();
  const cpuAt = (slot: number): number => {
    if (cores === 0) return claim.cpu;
    const mhz = coreMHz(nodeAt(slot));
    let cpu = cpuByCore.get(mhz);
    if (cpu === undefined) cpuByCore.set(mhz, (cpu = holdingOf(resourcesOf(group, oversubscription, mhz)).cpu));
    return cpu;
  };
  const deal = (slot: number): Dealt | Undealt =>
    dealDevices(requests, nodeAt(slot).NodeResources.Devices, (key) => ledger.deviceIsFree(slot, key));

  const shortfall = (slot: number): Shortfall | undefined => {
    if (isPlain) return ledger.shortfall(slot, claimAt(slot));
    const collision = ledger.collision(slot, claimAt(slot).ports);
    if (collision !== undefined) return collision;
    if (requests.length > 0) {
      const dealt = deal(slot);
      if (isUndealt(dealt)) return { dimension: NO_DEVICE, wanted: dealt.wanted, free: Math.min(dealt.free, dealt.wanted - 1) };
    }
    const free = cores === 0 ? 0 : ledger.freeCores(slot).length;
    if (free < cores) return { dimension: "cores", wanted: cores, free };
    return ledger.lack(slot, cpuAt(slot), claim.memory, claim.disk);
  };
  const devicesScore = (slot: number): number | undefined => {
    const dealt = requests.length === 0 ? undefined : deal(slot);
    return dealt === undefined || isUndealt(dealt) ? undefined : dealt.score;
  };
  const grant = (slot: number): AllocatedResources | Shortfall => {
    if (isPlain && group.Networks.length === 0) {
      ledger.take(slot, claim);
      return shared;
    }
    const granted = grantNetworks(ledger, slot, nodeAt(slot), group, draw);
    if (granted === undefined) return { dimension: NO_DYNAMIC_PORT, wanted: 1, free: 0 };
    let resources =
      cores === 0 ? shared : withCores(resourcesOf(group, oversubscription, coreMHz(nodeAt(slot))), group, ledger.freeCores(slot));
    if (requests.length > 0) resources = withDevices(resources, deal(slot));
    resources = { ...resources, Shared: { ...resources.Shared, ...granted } };
    ledger.take(slot, claimOf(resources));
    return resources;
  };
  return { shortfall, cpuAt, memory: claim.memory, disk: claim.disk, devicesScore, grant, usesDevices: requests.length > 0 };
}

/** Without ports, devices and core ids. `mhz`: of one core. `oversubscription`: memory_max counts as a limit only when allowed. */
function resourcesOf(group: TaskGroup, oversubscription: boolean, mhz: number): AllocatedResources {
  const Tasks: Record<string, AllocatedTaskResources> = {};
  const TaskLifecycles: Record<string, unknown> = {};
  for (const task of group.Tasks) {
    const cores = task.Resources?.Cores ?? 0;
    Tasks[task.Name] = {
      Cpu: { CpuShares: cores > 0 ? cores * mhz : (task.Resources?.CPU ?? 0), ReservedCores: [] },
      Memory: memoryOf(task, oversubscription),
      Networks: [],
      Devices: [],
    };
    TaskLifecycles[task.Name] = task.Lifecycle;
  }
  return { Tasks, TaskLifecycles, Shared: { DiskMB: group.EphemeralDisk?.SizeMB ?? 0, Networks: [], Ports: [] } };
}

/** The secrets directory is memory: it counts with the limit, and with the higher limit. -1 is no limit at all. */
function memoryOf({ Resources: wanted }: Task, oversubscription: boolean): AllocatedTaskResources["Memory"] {
  const secrets = wanted?.SecretsMB ?? 0;
  const most = oversubscription ? (wanted?.MemoryMaxMB ?? 0) : 0;
  return { MemoryMB: (wanted?.MemoryMB ?? 0) + secrets, MemoryMaxMB: most > 0 ? most + secrets : most };
}

/** Deals free cores out to the tasks that ask for some, lowest first. */
function withCores(resources: AllocatedResources, group: TaskGroup, free: readonly number[]): AllocatedResources {
  const Tasks = { ...resources.Tasks };
  let next = 0;
  for (const task of group.Tasks) {
    const count = task.Resources?.Cores ?? 0;
    const given = Tasks[task.Name];
    if (count === 0 || given === undefined) continue;
    Tasks[task.Name] = { ...given, Cpu: { ...given.Cpu, ReservedCores: free.slice(next, next + count) } };
    next += count;
  }
  return { ...resources, Tasks };
}

function withDevices(resources: AllocatedResources, dealt: Dealt | Undealt): AllocatedResources {
  if (isUndealt(dealt)) return resources;
  const Tasks = { ...resources.Tasks };
  for (const [task, Devices] of dealt.byTask) {
    const given = Tasks[task];
    if (given !== undefined) Tasks[task] = { ...given, Devices };
  }
  return { ...resources, Tasks };
}

function coreMHz(node: Node): number {
  const { CpuShares, TotalCpuCores } = node.NodeResources.Cpu;
  return TotalCpuCores > 0 ? Math.floor(CpuShares / TotalCpuCores) : 0;
}
