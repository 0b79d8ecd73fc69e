/**
 * Nodes as typed arrays for the scheduler: one slot per node, kept up to date in O(changed allocations) after every entry.
 *
 * Used is what allocations hold that are not client-terminal: one that should stop keeps its room and ports until it has. Not part of
 * the log's content: everything here can be counted again from the tables (`rebuild`), and a test does so after random commands.
 */
import {
  type Allocation,
  type AllocatedDevice,
  type AllocatedResources,
  type AllocatedTaskResources,
  clientTerminal,
  holdingOf,
  type Node,
  parsePortRanges,
  portsReservedByAddress,
  sameAddress,
} from "#model";
import { type Columns, deviceKey } from "./contract.ts";
import type { AllocationChange } from "./entry.ts";
import type { Tables } from "./tables/tables.ts";

const FIRST_CAPACITY = 16;

/** What one entry changed, as far as columns care. */
export interface ColumnChanges {
  readonly nodes: Iterable<Node>;
  readonly goneNodes: Iterable<Node>;
  readonly allocations: Iterable<AllocationChange>;
}

const NO_USERS: readonly string[] = [];
const NONE: ReadonlySet<never> = new Set<never>();

/** What is held, and how often: an allocation that has to go may still hold what the next one has been given. */
class Counted<T> {
  readonly held = new Set<T>();
  /** Of those held more than once. */
  readonly #more = new Map<T, number>();

  add(value: T, sign: 1 | -1): void {
    const more = this.#more.get(value) ?? 0;
    if (sign === 1) {
      if (this.held.has(value)) this.#more.set(value, more + 1);
      else this.held.add(value);
    } else if (more > 1) this.#more.set(value, more - 1);
    else if (more === 1) this.#more.delete(value);
    else this.held.delete(value);
  }
}

export class ColumnStore implements Columns {
  length = 0;
  nodes: (Node | undefined)[] = [];
  cpuTotal = new Float64Array(FIRST_CAPACITY);
  memoryTotal = new Float64Array(FIRST_CAPACITY);
  diskTotal = new Float64Array(FIRST_CAPACITY);
  cpuUsed = new Float64Array(FIRST_CAPACITY);
  memoryUsed = new Float64Array(FIRST_CAPACITY);
  diskUsed = new Float64Array(FIRST_CAPACITY);
  portsUsed = new Uint32Array(FIRST_CAPACITY);
  version = new Uint32Array(FIRST_CAPACITY);
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  /** Per slot: port → the address of each that uses it, "" for all of them (twice the same with IgnoreCollision). */
  #ports: Map<number, readonly string[]>[] = [];
  /** Per slot; most hold none of either, and share that. */
  #cores: (Counted<number> | undefined)[] = [];
  #devices: (Counted<string> | undefined)[] = [];
  /** Per slot: ports the node keeps for itself. */
  #reserved: ReadonlySet<number>[] = [];
  /** Per slot: address → ports kept there alone. */
  #reservedAt: ReadonlyMap<string, ReadonlySet<number>>[] = [];

  slotOf(nodeId: string): number | undefined {
    return this.#slots.get(nodeId);
  }

  portInUse(slot: number, port: number, address = ""): boolean {
    if (this.#reserved[slot]?.has(port) === true) return true;
    const kept = this.#reservedAt[slot];
    if (
      kept !== undefined &&
      kept.size > 0 &&
      (address === "" ? [...kept.values()].some((each) => each.has(port)) : kept.get(address)?.has(port) === true)
    )
      return true;
    const users = this.#ports[slot]?.get(port);
    return users?.some((each) => sameAddress(each, address)) === true;
  }

  coresUsed(slot: number): ReadonlySet<number> {
    return this.#cores[slot]?.held ?? NONE;
  }

  devicesUsed(slot: number): ReadonlySet<string> {
    return this.#devices[slot]?.held ?? NONE;
  }

  /** `tables` are those after the entry. */
  update(changes: ColumnChanges, tables: Tables): void {
    for (const node of changes.goneNodes) this.#removeNode(node.ID);
    const fresh = new Set<number>();
    for (const node of changes.nodes) {
      const isNew = !this.#slots.has(node.ID);
      const slot = this.#putNode(node);
      if (!isNew) continue;
      // A node that comes back may have left allocations behind.
      for (const allocation of tables.allocationsByNode.values(node.ID)) this.#hold(slot, allocation, 1);
      fresh.add(slot);
    }
    for (const { before, after } of changes.allocations) this.#change(before, after, fresh);
  }

  /** Counts everything again. */
  rebuild(tables: Tables): void {
    const nodeIds = [...this.#slots.keys()];
    for (const nodeId of nodeIds) this.#removeNode(nodeId);
    this.update({ nodes: tables.nodes.values(), goneNodes: [], allocations: [] }, tables);
  }

  #change(before: Allocation | undefined, after: Allocation | undefined, fresh: ReadonlySet<number>): void {
    const nodeId = (after ?? before)?.NodeID;
    const slot = nodeId === undefined ? undefined : this.#slots.get(nodeId);
    if (slot === undefined || fresh.has(slot)) return;
    const held = holds(before);
    const holding = holds(after);
    const sameHold = held && holding && before?.AllocatedResources === after?.AllocatedResources;
    if (sameHold && before?.DesiredStatus === after?.DesiredStatus && before?.Job === after?.Job) return;
    if (!sameHold) {
      if (held) this.#hold(slot, before as Allocation, -1);
      if (holding) this.#hold(slot, after as Allocation, 1);
    }
    this.#raise(slot);
  }

  #hold(slot: number, allocation: Allocation, sign: 1 | -1): void {
    if (!holds(allocation)) return;
    const { cpu, memory, disk } = holdingOf(allocation.AllocatedResources);
    this.cpuUsed[slot] = (this.cpuUsed[slot] as number) + sign * cpu;
    this.memoryUsed[slot] = (this.memoryUsed[slot] as number) + sign * memory;
    this.diskUsed[slot] = (this.diskUsed[slot] as number) + sign * disk;
    for (const [port, address] of hostPorts(allocation.AllocatedResources)) this.#countPort(slot, port, address, sign);
    for (const name in allocation.AllocatedResources.Tasks) {
      const task = allocation.AllocatedResources.Tasks[name] as AllocatedTaskResources;
      for (const core of task.Cpu.ReservedCores) (this.#cores[slot] ??= new Counted()).add(core, sign);
      for (const device of task.Devices) this.#countDevice(slot, device, sign);
    }
  }

  #countDevice(slot: number, { Vendor, Type, Name, DeviceIDs }: AllocatedDevice, sign: 1 | -1): void {
    for (const id of DeviceIDs) (this.#devices[slot] ??= new Counted()).add(deviceKey(Vendor, Type, Name, id), sign);
  }

  #countPort(slot: number, port: number, address: string, sign: 1 | -1): void {
    const ports = this.#ports[slot] as Map<number, readonly string[]>;
    const before = ports.get(port) ?? NO_USERS;
    const after = sign === 1 ? [...before, address] : before.toSpliced(before.indexOf(address), 1);
    if (after.length === 0) ports.delete(port);
    else ports.set(port, after);
    const counted = sign === 1 ? before.length === 0 : after.length === 0;
    if (counted && this.#isDynamic(slot, port) && this.#reserved[slot]?.has(port) !== true) {
      this.portsUsed[slot] = (this.portsUsed[slot] as number) + sign;
    }
  }

  #isDynamic(slot: number, port: number): boolean {
    const resources = this.nodes[slot]?.NodeResources;
    return resources !== undefined && port >= resources.MinDynamicPort && port <= resources.MaxDynamicPort;
  }

  #putNode(node: Node): number {
    const slot = this.#slots.get(node.ID) ?? this.#newSlot(node.ID);
    const { NodeResources: has, ReservedResources: keeps } = node;
    this.nodes[slot] = node;
    this.cpuTotal[slot] = has.Cpu.CpuShares - keeps.Cpu.CpuShares;
    this.memoryTotal[slot] = has.Memory.MemoryMB - keeps.Memory.MemoryMB;
    this.diskTotal[slot] = has.Disk.DiskMB - keeps.Disk.DiskMB;
    const reserved = new Set(parsePortRanges(keeps.Networks.ReservedHostPorts));
    this.#reserved[slot] = reserved;
    this.#reservedAt[slot] = portsReservedByAddress(node);
    let dynamic = 0;
    for (const port of reserved) if (this.#isDynamic(slot, port)) dynamic++;
    for (const port of this.#ports[slot]?.keys() ?? []) if (!reserved.has(port) && this.#isDynamic(slot, port)) dynamic++;
    this.portsUsed[slot] = dynamic;
    this.#raise(slot);
    return slot;
  }

  #newSlot(nodeId: string): number {
    const slot = this.#free.pop() ?? this.length;
    if (slot === this.length) this.length++;
    if (slot >= this.version.length) this.#grow();
    this.#slots.set(nodeId, slot);
    this.#ports[slot] = new Map();
    this.cpuUsed[slot] = 0;
    this.memoryUsed[slot] = 0;
    this.diskUsed[slot] = 0;
    return slot;
  }

  #removeNode(nodeId: string): void {
    const slot = this.#slots.get(nodeId);
    if (slot === undefined) return;
    this.#slots.delete(nodeId);
    this.#free.push(slot);
    this.nodes[slot] = undefined;
    this.#ports[slot] = new Map();
    this.#cores[slot] = undefined;
    this.#devices[slot] = undefined;
    this.#reserved[slot] = new Set();
    this.#reservedAt[slot] = new Map();
    for (const column of [this.cpuTotal, this.memoryTotal, this.diskTotal, this.cpuUsed, this.memoryUsed, this.diskUsed, this.portsUsed]) {
      column[slot] = 0;
    }
    this.#raise(slot);
  }

  #raise(slot: number): void {
    this.version[slot] = (this.version[slot] as number) + 1;
  }

  #grow(): void {
    const capacity = this.version.length * 2;
    const floats = (column: Float64Array) => {
      const grown = new Float64Array(capacity);
      grown.set(column);
      return grown;
    };
    const counts = (column: Uint32Array) => {
      const grown = new Uint32Array(capacity);
      grown.set(column);
      return grown;
    };
    this.cpuTotal = floats(this.cpuTotal);
    this.memoryTotal = floats(this.memoryTotal);
    this.diskTotal = floats(this.diskTotal);
    this.cpuUsed = floats(this.cpuUsed);
    this.memoryUsed = floats(this.memoryUsed);
    this.diskUsed = floats(this.diskUsed);
    this.portsUsed = counts(this.portsUsed);
    this.version = counts(this.version);
  }
}

function holds(allocation: Allocation | undefined): boolean {
  return allocation !== undefined && !clientTerminal(allocation);
}

/** Every port of the host an allocation was given, with its address, once. */
function* hostPorts(resources: AllocatedResources): Generator<readonly [port: number, address: string]> {
  const seen = new Set<string>();
  const isNew = (port: number, address: string) => port > 0 && seen.size < seen.add(`${port} ${address}`).size;
  for (const { Value, HostIP } of resources.Shared.Ports) if (isNew(Value, HostIP)) yield [Value, HostIP];
  for (const name in resources.Tasks) {
    for (const { ReservedPorts, DynamicPorts, IP } of resources.Tasks[name]?.Networks ?? []) {
      for (const { Value } of [...ReservedPorts, ...DynamicPorts]) if (isNew(Value, IP)) yield [Value, IP];
    }
  }
}
