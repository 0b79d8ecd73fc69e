/**
 * What one allocation of a group asks of a node, and the resources it gets there. Everything but ports, networks and cores is the
 * same on every node, and placements without those share one object: ten thousand allocations of a group hold their resources once.
 */
import type { AllocatedResources, AllocatedTaskResources, Node, TaskGroup } from "#model";
import type { Draw } from "../seed.ts";
import { type Claim, claimOf, type Ledger, type Shortfall } from "./fits.ts";
import { grantNetworks, NO_DYNAMIC_PORT, staticPorts } from "./ports.ts";

export interface Ask {
  /** Why it does not fit on the slot now; undefined when it does. Dynamic ports are only looked for by `grant`. */
  shortfall(slot: number): Shortfall | undefined;
  /** MHz and MB it takes on the slot, for the score. */
  cpuAt(slot: number): number;
  readonly memory: number;
  /** Takes it on the ledger. Only where `shortfall` is undefined. */
  grant(slot: number): AllocatedResources | Shortfall;
  /** Takes on the ledger what an earlier grant or allocation of this group holds. */
  readonly claim: Claim;
}

export function askOf(group: TaskGroup, ledger: Ledger, draw: Draw, oversubscription: boolean): Ask {
  const cores = group.Tasks.reduce((sum, task) => sum + (task.Resources?.Cores ?? 0), 0);
  const shared = resourcesOf(group, oversubscription);
  const claim: Claim = { ...claimOf(shared), ports: staticPorts(group) };
  const nodeAt = (slot: number) => ledger.columns.nodes[slot] as Node;
  const cpuAt = (slot: number) => (cores === 0 ? claim.cpu : claim.cpu + cores * coreMHz(nodeAt(slot)));

  const shortfall = (slot: number): Shortfall | undefined => {
    if (cores === 0) return ledger.shortfall(slot, claim);
    const free = ledger.freeCores(slot).length;
    const rest = ledger.shortfall(slot, { ...claim, cpu: cpuAt(slot) });
    return free < cores && rest?.dimension !== "cpu" ? { dimension: "cores", wanted: cores, free } : rest;
  };
  const grant = (slot: number): AllocatedResources | Shortfall => {
    if (cores === 0 && group.Networks.length === 0) {
      ledger.take(slot, claim);
      return shared;
    }
    const granted = grantNetworks(ledger, slot, nodeAt(slot), group, draw);
    if (granted === undefined) return { dimension: NO_DYNAMIC_PORT, wanted: 1, free: 0 };
    const based = cores === 0 ? shared : withCores(shared, group, ledger.freeCores(slot), coreMHz(nodeAt(slot)));
    const resources = { ...based, Shared: { ...based.Shared, ...granted } };
    ledger.take(slot, claimOf(resources));
    return resources;
  };
  return { shortfall, cpuAt, memory: claim.memory, grant, claim };
}

/** Without ports and cores. `oversubscription`: memory_max counts as a limit only when the operator allowed it. */
function resourcesOf(group: TaskGroup, oversubscription: boolean): AllocatedResources {
  const Tasks: Record<string, AllocatedTaskResources> = {};
  const TaskLifecycles: Record<string, unknown> = {};
  for (const task of group.Tasks) {
    const wanted = task.Resources;
    Tasks[task.Name] = {
      Cpu: { CpuShares: (wanted?.Cores ?? 0) > 0 ? 0 : (wanted?.CPU ?? 0), ReservedCores: [] },
      Memory: { MemoryMB: wanted?.MemoryMB ?? 0, MemoryMaxMB: oversubscription ? (wanted?.MemoryMaxMB ?? 0) : 0 },
      Networks: [],
      Devices: [],
    };
    TaskLifecycles[task.Name] = task.Lifecycle;
  }
  return { Tasks, TaskLifecycles, Shared: { DiskMB: group.EphemeralDisk?.SizeMB ?? 0, Networks: [], Ports: [] } };
}

/** Deals free cores out to the tasks that ask for some, lowest first. */
function withCores(shared: AllocatedResources, group: TaskGroup, free: readonly number[], mhz: number): AllocatedResources {
  const Tasks = { ...shared.Tasks };
  let next = 0;
  for (const task of group.Tasks) {
    const count = task.Resources?.Cores ?? 0;
    const given = Tasks[task.Name];
    if (count === 0 || given === undefined) continue;
    Tasks[task.Name] = { ...given, Cpu: { CpuShares: count * mhz, ReservedCores: free.slice(next, next + count) } };
    next += count;
  }
  return { ...shared, Tasks };
}

function coreMHz(node: Node): number {
  const { CpuShares, TotalCpuCores } = node.NodeResources.Cpu;
  return TotalCpuCores > 0 ? Math.floor(CpuShares / TotalCpuCores) : 0;
}
