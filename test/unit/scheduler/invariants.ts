/** What must be so after every commit, looked at the slow and obvious way. */
import assert from "node:assert/strict";
import { allocationIndex, holdingOf, parsePortRanges, terminal } from "#model";
import type { Allocation, Node } from "#model";
import { claimOf } from "#scheduler";
import type { Snapshot } from "#state";

/** Wanted, and not over. */
export function living(allocations: Iterable<Allocation>): Allocation[] {
  return [...allocations].filter((allocation) => !terminal(allocation));
}

export function assertSound(snapshot: Snapshot): void {
  for (const node of snapshot.nodes()) assertNotOvercommitted(node, living(snapshot.allocationsByNode(node.ID)));
  const isSystem = ({ Job }: Allocation) => Job.Type === "system" || Job.Type === "sysbatch";
  const names = living(snapshot.allocations()).map(
    (allocation) => `${allocation.Namespace} ${allocation.Name}${isSystem(allocation) ? ` on ${allocation.NodeID}` : ""}`,
  );
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
    "(job, group, index) is unique among the living (F7)",
  );
  for (const allocation of snapshot.allocations()) {
    assert.equal(allocation.Name, `${allocation.JobID}.${allocation.TaskGroup}[${allocationIndex(allocation.Name)}]`);
  }
}

function assertNotOvercommitted(node: Node, held: readonly Allocation[]): void {
  const sum = (of: (holding: ReturnType<typeof holdingOf>) => number) =>
    held.reduce((total, allocation) => total + of(holdingOf(allocation.AllocatedResources)), 0);
  const { NodeResources: has } = node;
  assert(sum((each) => each.cpu) <= has.Cpu.CpuShares, `${node.Name}: cpu`);
  assert(sum((each) => each.memory) <= has.Memory.MemoryMB, `${node.Name}: memory`);
  assert(sum((each) => each.disk) <= has.Disk.DiskMB, `${node.Name}: disk`);
  const given = held.flatMap((allocation) => allocation.AllocatedResources.Shared.Ports);
  const ports = given.map((port) => port.Value);
  const places = given.map((port) => `${port.HostIP}:${port.Value}`);
  const cores = held.flatMap((allocation) => Object.values(allocation.AllocatedResources.Tasks).flatMap((task) => task.Cpu.ReservedCores));
  assert.equal(new Set(places).size, places.length, `${node.Name}: a port twice at one address`);
  for (const { HostIP, Value } of given) {
    const kept = Object.values(node.HostNetworks).some(
      (each) => each.Addresses.includes(HostIP) && parsePortRanges(each.ReservedPorts).includes(Value),
    );
    assert(!kept, `${node.Name}: ${Value} is kept by a host network`);
  }
  assert.equal(new Set(cores).size, cores.length, `${node.Name}: a core twice`);
  const devices = held.flatMap((allocation) => claimOf(allocation.AllocatedResources).devices);
  assert.equal(new Set(devices).size, devices.length, `${node.Name}: a device twice`);
  const well = has.Devices.flatMap(({ Vendor, Type, Name, Instances }) => Instances.map((each) => `${Vendor}/${Type}/${Name}/${each.ID}`));
  assert.deepEqual(
    devices.filter((device) => !well.includes(device)),
    [],
    `${node.Name}: a device it does not have`,
  );
  assert(
    cores.every((core) => has.Cpu.ReservableCpuCores.includes(core)),
    `${node.Name}: a core it does not have`,
  );
  const reserved = new Set(parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts));
  assert.deepEqual(
    ports.filter((port) => reserved.has(port)),
    [],
    `${node.Name}: a reserved port`,
  );
  for (const allocation of held) {
    for (const { Label, Value } of allocation.AllocatedResources.Shared.Ports) {
      const isStatic = allocation.AllocatedResources.Shared.Networks.some((network) =>
        network.ReservedPorts.some((port) => port.Label === Label),
      );
      assert(
        isStatic || (Value >= has.MinDynamicPort && Value < has.MaxDynamicPort),
        `${node.Name}: ${Label}=${Value} is not in the range`,
      );
    }
  }
}
