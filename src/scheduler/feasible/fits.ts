/**
 * Does it fit? The one answer: the scheduler asks it of every candidate, the plan check asks it again before a plan is committed
 * (F6). A ledger is a private copy of the used columns on which a pass notes what it takes and gives back.
 *
 *   used on a node = allocations the node has not finished with (also stopped ones that still run)
 *                    − what this plan stops + what this plan places            nomad.md §6.3
 *
 * Ports of a stopped allocation come free only if nobody else holds them and the node does not reserve them.
 */
import assert from "node:assert/strict";
import { clientTerminal, holdingOf, parsePortRanges } from "#model";
import type { AllocatedPort, AllocatedResources, Allocation, Holding, Node } from "#model";
import type { Columns, Snapshot } from "#state";

/** What one allocation takes of a node. */
export interface Claim extends Holding {
  readonly ports: readonly Pick<AllocatedPort, "Label" | "Value" | "IgnoreCollision">[];
  /** CPU ids. */
  readonly cores: readonly number[];
}

/** What does not fit, and by how much. For things that are not counted (a port) Wanted is 1 and Free 0. */
export interface Shortfall {
  /** "cpu", "memory", "disk", "cores", "network: reserved port collision http=80" */
  readonly dimension: string;
  readonly wanted: number;
  readonly free: number;
}

export function claimOf(resources: AllocatedResources): Claim {
  const { cpu, memory, disk } = holdingOf(resources);
  const cores: number[] = [];
  for (const name in resources.Tasks) cores.push(...(resources.Tasks[name]?.Cpu.ReservedCores ?? []));
  return { cpu, memory, disk, cores, ports: resources.Shared.Ports };
}

export class Ledger {
  readonly columns: Columns;
  readonly cpuUsed: Float64Array;
  readonly memoryUsed: Float64Array;
  readonly diskUsed: Float64Array;
  readonly #snapshot: Snapshot;
  readonly #released = new Set<string>();
  /** slot → ports this pass took, gave back; cores it took. Only slots where it did. */
  readonly #portsTaken = new Map<number, Set<number>>();
  readonly #portsFreed = new Map<number, Set<number>>();
  readonly #coresTaken = new Map<number, Set<number>>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.columns = snapshot.columns();
    this.cpuUsed = this.columns.cpuUsed.slice(0, this.columns.length);
    this.memoryUsed = this.columns.memoryUsed.slice(0, this.columns.length);
    this.diskUsed = this.columns.diskUsed.slice(0, this.columns.length);
  }

  /** The first thing that does not fit on the slot; undefined when all does. */
  shortfall(slot: number, claim: Claim): Shortfall | undefined {
    for (const port of claim.ports) {
      if (port.IgnoreCollision || this.portIsFree(slot, port.Value)) continue;
      return { dimension: `network: reserved port collision ${port.Label}=${port.Value}`, wanted: 1, free: 0 };
    }
    const { columns } = this;
    const cpuFree = (columns.cpuTotal[slot] as number) - (this.cpuUsed[slot] as number);
    if (claim.cpu > cpuFree) return { dimension: "cpu", wanted: claim.cpu, free: Math.max(0, cpuFree) };
    if (claim.cores.length > 0) {
      const free = new Set(this.freeCores(slot));
      const held = claim.cores.filter((core) => !free.has(core));
      if (held.length > 0) return { dimension: "cores", wanted: claim.cores.length, free: claim.cores.length - held.length };
    }
    const memoryFree = (columns.memoryTotal[slot] as number) - (this.memoryUsed[slot] as number);
    if (claim.memory > memoryFree) return { dimension: "memory", wanted: claim.memory, free: Math.max(0, memoryFree) };
    const diskFree = (columns.diskTotal[slot] as number) - (this.diskUsed[slot] as number);
    if (claim.disk > diskFree) return { dimension: "disk", wanted: claim.disk, free: Math.max(0, diskFree) };
    return undefined;
  }

  /** Notes a placement. */
  take(slot: number, claim: Claim): void {
    this.#count(slot, claim, 1);
    if (claim.ports.length > 0) {
      const taken = setAt(this.#portsTaken, slot);
      for (const port of claim.ports) taken.add(port.Value);
    }
    if (claim.cores.length > 0) {
      const taken = setAt(this.#coresTaken, slot);
      for (const core of claim.cores) taken.add(core);
    }
  }

  /**
   * Notes that the plan stops an allocation that holds room now: the snapshot wants it run and its node has not finished with it.
   * Giving back twice counts once.
   */
  release(allocation: Allocation): void {
    if (clientTerminal(allocation) || allocation.DesiredStatus !== "run" || this.#released.has(allocation.ID)) return;
    const slot = this.columns.slotOf(allocation.NodeID);
    if (slot === undefined) return;
    this.#released.add(allocation.ID);
    const claim = claimOf(allocation.AllocatedResources);
    this.#count(slot, claim, -1);
    if (claim.ports.length > 0) this.#freePorts(slot, claim);
  }

  /** Takes a release back: the stop is not done after all. Only before anything was taken on the slot that relies on it. */
  hold(allocation: Allocation): void {
    if (!this.#released.delete(allocation.ID)) return;
    const slot = this.columns.slotOf(allocation.NodeID);
    assert(slot !== undefined, "a released allocation has a slot");
    const claim = claimOf(allocation.AllocatedResources);
    this.#count(slot, claim, 1);
    for (const port of claim.ports) this.#portsFreed.get(slot)?.delete(port.Value);
  }

  portIsFree(slot: number, port: number): boolean {
    if (this.#portsTaken.get(slot)?.has(port) === true) return false;
    return this.#portsFreed.get(slot)?.has(port) === true || !this.columns.portInUse(slot, port);
  }

  /** Reservable CPU ids nobody holds, ascending. */
  freeCores(slot: number): readonly number[] {
    const node = this.#nodeAt(slot);
    const used = new Set(this.#coresTaken.get(slot));
    for (const other of this.#holders(node.ID)) for (const core of claimOf(other.AllocatedResources).cores) used.add(core);
    return node.NodeResources.Cpu.ReservableCpuCores.filter((core) => !used.has(core));
  }

  #nodeAt(slot: number): Node {
    const node = this.columns.nodes[slot];
    assert(node !== undefined, "only slots in use are asked for");
    return node;
  }

  #count(slot: number, holding: Holding, sign: 1 | -1): void {
    this.cpuUsed[slot] = (this.cpuUsed[slot] as number) + sign * holding.cpu;
    this.memoryUsed[slot] = (this.memoryUsed[slot] as number) + sign * holding.memory;
    this.diskUsed[slot] = (this.diskUsed[slot] as number) + sign * holding.disk;
  }

  #freePorts(slot: number, claim: Claim): void {
    const node = this.#nodeAt(slot);
    const kept = new Set(parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts));
    for (const other of this.#holders(node.ID)) for (const port of other.AllocatedResources.Shared.Ports) kept.add(port.Value);
    const freed = setAt(this.#portsFreed, slot);
    for (const port of claim.ports) if (!kept.has(port.Value)) freed.add(port.Value);
  }

  /** Allocations that hold something on the node and are not given back. */
  *#holders(nodeId: string): Generator<Allocation> {
    for (const allocation of this.#snapshot.allocationsByNode(nodeId)) {
      if (!clientTerminal(allocation) && !this.#released.has(allocation.ID)) yield allocation;
    }
  }
}

function setAt(map: Map<number, Set<number>>, slot: number): Set<number> {
  let set = map.get(slot);
  if (set === undefined) map.set(slot, (set = new Set()));
  return set;
}
