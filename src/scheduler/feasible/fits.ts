/**
 * Does it fit? The one answer: the scheduler asks it of every candidate, the plan check asks it again before a plan is committed
 * (F6). A ledger is a private copy of the used columns on which a pass notes what it takes and gives back.
 *
 *   used on a node = allocations the node has not finished with (also stopped ones that still run)
 *                    − what this plan stops + what this plan places            nomad.md §6.3
 *
 *   counted   cpu, memory, disk      columns of numbers
 *   named     ports, cores, devices  each of them one holder's at a time
 *
 * A named thing of a stopped allocation comes free only if nobody else holds it and the node does not keep it for itself.
 */
import assert from "node:assert/strict";
import { clientTerminal, deviceKey, holdingOf, parsePortRanges, portsReservedByAddress, sameAddress } from "#model";
import type { AllocatedPort, AllocatedResources, Allocation, Holding, Node } from "#model";
import type { Columns, Snapshot } from "#state";
import { HostPorts } from "./host-ports.ts";

/** What one allocation takes of a node. */
export interface Claim extends Holding {
  readonly ports: readonly Pick<AllocatedPort, "Label" | "Value" | "HostIP" | "IgnoreCollision">[];
  /** CPU ids. */
  readonly cores: readonly number[];
  /** As `deviceKey` names them. */
  readonly devices: readonly string[];
}

/** What does not fit, and by how much. For things that are not counted (a port) Wanted is 1 and Free 0. */
export interface Shortfall {
  /** "cpu", "memory", "disk", "cores", "devices: …", "network: reserved port collision http=80" */
  readonly dimension: string;
  readonly wanted: number;
  readonly free: number;
  /** Set when it is a static port that is taken, at that address ("": any). */
  readonly port?: number;
  readonly address?: string;
}

const NONE: readonly never[] = Object.freeze([]);

export function claimOf(resources: AllocatedResources): Claim {
  const { cpu, memory, disk } = holdingOf(resources);
  let cores: number[] | undefined;
  let devices: string[] | undefined;
  for (const name in resources.Tasks) {
    const task = resources.Tasks[name];
    if (task === undefined) continue;
    if (task.Cpu.ReservedCores.length > 0) (cores ??= []).push(...task.Cpu.ReservedCores);
    for (const { Vendor, Type, Name, DeviceIDs } of task.Devices) {
      for (const id of DeviceIDs) (devices ??= []).push(deviceKey(Vendor, Type, Name, id));
    }
  }
  return { cpu, memory, disk, cores: cores ?? NONE, devices: devices ?? NONE, ports: resources.Shared.Ports };
}

export class Ledger {
  readonly columns: Columns;
  readonly cpuUsed: Float64Array;
  readonly memoryUsed: Float64Array;
  readonly diskUsed: Float64Array;
  readonly #snapshot: Snapshot;
  readonly #released = new Set<string>();
  readonly #ports = new HostPorts();
  readonly #cores = new Named<number>();
  readonly #devices = new Named<string>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.columns = snapshot.columns();
    this.cpuUsed = this.columns.cpuUsed.slice(0, this.columns.length);
    this.memoryUsed = this.columns.memoryUsed.slice(0, this.columns.length);
    this.diskUsed = this.columns.diskUsed.slice(0, this.columns.length);
  }

  /** The first thing that does not fit on the slot; undefined when all does. */
  shortfall(slot: number, claim: Claim): Shortfall | undefined {
    const collision = claim.ports.length === 0 ? undefined : this.collision(slot, claim.ports);
    if (collision !== undefined) return collision;
    if (claim.devices.length > 0) {
      const free = claim.devices.filter((key) => this.deviceIsFree(slot, key)).length;
      if (free < claim.devices.length) return { dimension: "device oversubscribed", wanted: claim.devices.length, free };
    }
    if (claim.cores.length > 0) {
      const known = new Set(this.freeCores(slot));
      const free = claim.cores.filter((core) => known.has(core)).length;
      if (free < claim.cores.length) return { dimension: "cores", wanted: claim.cores.length, free };
    }
    return this.lack(slot, claim.cpu, claim.memory, claim.disk);
  }

  /** The first static port that is taken, be it by another of the same claim: two host networks may be one address. Ports that may collide never are. */
  collision(slot: number, ports: Claim["ports"]): Shortfall | undefined {
    for (const [index, { Label, Value, HostIP, IgnoreCollision }] of ports.entries()) {
      if (IgnoreCollision) continue;
      const isOwn = ports.some(
        (other, at) => at < index && other.Value === Value && !other.IgnoreCollision && sameAddress(other.HostIP, HostIP),
      );
      if (!isOwn && this.portIsFree(slot, Value, HostIP)) continue;
      return { dimension: `network: reserved port collision ${Label}=${Value}`, wanted: 1, free: 0, port: Value, address: HostIP };
    }
    return undefined;
  }

  /** Of what is counted: the first there is too little of. */
  lack(slot: number, cpu: number, memory: number, disk: number): Shortfall | undefined {
    const { columns } = this;
    const cpuFree = (columns.cpuTotal[slot] as number) - (this.cpuUsed[slot] as number);
    if (cpu > cpuFree) return { dimension: "cpu", wanted: cpu, free: Math.max(0, cpuFree) };
    const memoryFree = (columns.memoryTotal[slot] as number) - (this.memoryUsed[slot] as number);
    if (memory > memoryFree) return { dimension: "memory", wanted: memory, free: Math.max(0, memoryFree) };
    const diskFree = (columns.diskTotal[slot] as number) - (this.diskUsed[slot] as number);
    if (disk > diskFree) return { dimension: "disk", wanted: disk, free: Math.max(0, diskFree) };
    return undefined;
  }

  /** Notes a placement. */
  take(slot: number, claim: Claim): void {
    this.#count(slot, claim, 1);
    for (const port of claim.ports) this.#ports.take(slot, port);
    for (const core of claim.cores) this.#cores.take(slot, core);
    for (const device of claim.devices) this.#devices.take(slot, device);
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
    if (claim.ports.length + claim.cores.length + claim.devices.length > 0) this.#free(slot, claim);
  }

  /** Takes a release back: the stop is not done after all. Only before anything was taken on the slot that relies on it. */
  hold(allocation: Allocation): void {
    if (!this.#released.delete(allocation.ID)) return;
    const slot = this.columns.slotOf(allocation.NodeID);
    assert(slot !== undefined, "a released allocation has a slot");
    const claim = claimOf(allocation.AllocatedResources);
    this.#count(slot, claim, 1);
    for (const port of claim.ports) this.#ports.keep(slot, port);
    for (const core of claim.cores) this.#cores.keep(slot, core);
    for (const device of claim.devices) this.#devices.keep(slot, device);
  }

  /** The pass stops it. */
  isReleased(id: string): boolean {
    return this.#released.has(id);
  }

  /** At that address; "": at all of them, and what a pass frees at one of them is not looked at. */
  portIsFree(slot: number, port: number, address: string): boolean {
    return this.#ports.isFree(slot, port, address, this.columns.portInUse(slot, port, address));
  }

  deviceIsFree(slot: number, key: string): boolean {
    return this.#devices.isFree(slot, key, this.columns.devicesUsed(slot).has(key));
  }

  /** Reservable CPU ids nobody holds, ascending. */
  freeCores(slot: number): readonly number[] {
    const used = this.columns.coresUsed(slot);
    return this.#nodeAt(slot).NodeResources.Cpu.ReservableCpuCores.filter((core) => this.#cores.isFree(slot, core, used.has(core)));
  }

  /** Allocations of the snapshot that hold something on the node and are not given back. */
  *holders(nodeId: string): Generator<Allocation> {
    for (const allocation of this.#snapshot.allocationsByNode(nodeId)) {
      if (!clientTerminal(allocation) && !this.#released.has(allocation.ID)) yield allocation;
    }
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

  /** Named things of a claim, but for those somebody else on the node holds too. */
  #free(slot: number, claim: Claim): void {
    const node = this.#nodeAt(slot);
    const reserved = new Set(parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts));
    const reservedAt = portsReservedByAddress(node);
    const ports: Claim["ports"][number][] = [];
    const cores = new Set<number>();
    const devices = new Set<string>();
    for (const other of this.holders(node.ID)) {
      const held = claimOf(other.AllocatedResources);
      ports.push(...held.ports);
      for (const core of held.cores) cores.add(core);
      for (const device of held.devices) devices.add(device);
    }
    for (const port of claim.ports) {
      const isKept = reserved.has(port.Value) || reservedAt.get(port.HostIP)?.has(port.Value) === true;
      const isHeld = ports.some((other) => other.Value === port.Value && sameAddress(other.HostIP, port.HostIP));
      if (!isKept && !isHeld) this.#ports.free(slot, port);
    }
    for (const core of claim.cores) if (!cores.has(core)) this.#cores.free(slot, core);
    for (const device of claim.devices) if (!devices.has(device)) this.#devices.free(slot, device);
  }
}

/** What this pass took and freed of one kind of named thing, on the slots where it did. */
class Named<T> {
  readonly #taken = new Map<number, Set<T>>();
  readonly #freed = new Map<number, Set<T>>();

  take(slot: number, item: T): void {
    setAt(this.#taken, slot).add(item);
  }
  free(slot: number, item: T): void {
    setAt(this.#freed, slot).add(item);
  }
  keep(slot: number, item: T): void {
    this.#freed.get(slot)?.delete(item);
  }
  /** `inUse`: when the pass began. */
  isFree(slot: number, item: T, inUse: boolean): boolean {
    if (this.#taken.get(slot)?.has(item) === true) return false;
    return !inUse || this.#freed.get(slot)?.has(item) === true;
  }
}

function setAt<T>(map: Map<number, Set<T>>, slot: number): Set<T> {
  let set = map.get(slot);
  if (set === undefined) map.set(slot, (set = new Set()));
  return set;
}
