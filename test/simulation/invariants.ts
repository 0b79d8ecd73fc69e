/**
 * What must hold after every single commit, whatever happened before. Looks only at what the entry touched.
 *
 * - no node holds more than it has, in any dimension, by allocations that are wanted and not over;
 * - no port of a node is given out twice among them, none is one the node keeps for itself;
 * - (job, group, index) is unique among the living (F7).
 */
import assert from "node:assert/strict";
import { clientTerminal, holdingOf, parsePortRanges, terminal, type Allocation, type Job, type Node } from "#model";
import type { Change, Snapshot } from "#state";

export function checkInvariants(snapshot: Snapshot, change: Change): void {
  const nodes = new Set(change.allocations.map((allocation) => allocation.NodeID));
  for (const id of nodes) checkNode(snapshot, id);
  const jobs = new Map(change.allocations.map((allocation) => [`${allocation.Namespace} ${allocation.JobID}`, allocation]));
  for (const allocation of jobs.values()) checkNames(snapshot, allocation);
}

function checkNode(snapshot: Snapshot, nodeId: string): void {
  const node = snapshot.node(nodeId);
  if (node === undefined) return;
  const live = [...snapshot.allocationsByNode(nodeId)].filter((allocation) => !terminal(allocation));
  const held = { cpu: 0, memory: 0, disk: 0 };
  const ports = new Map<number, string>();
  for (const port of parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts)) ports.set(port, "the node itself");
  for (const allocation of live) {
    const { cpu, memory, disk } = holdingOf(allocation.AllocatedResources);
    held.cpu += cpu;
    held.memory += memory;
    held.disk += disk;
    for (const port of allocation.AllocatedResources.Shared.Ports) {
      assert.ok(!ports.has(port.Value), `port ${port.Value} of ${node.Name} is given to ${allocation.Name} and ${ports.get(port.Value)}`);
      ports.set(port.Value, allocation.Name);
    }
  }
  const has = capacityOf(node);
  for (const dimension of ["cpu", "memory", "disk"] as const) {
    assert.ok(
      held[dimension] <= has[dimension],
      `${node.Name} holds ${held[dimension]} of ${has[dimension]} ${dimension} at index ${snapshot.index}`,
    );
  }
}

function capacityOf(node: Node): { cpu: number; memory: number; disk: number } {
  const { NodeResources: all, ReservedResources: kept } = node;
  return {
    cpu: all.Cpu.CpuShares - kept.Cpu.CpuShares,
    memory: all.Memory.MemoryMB - kept.Memory.MemoryMB,
    disk: all.Disk.DiskMB - kept.Disk.DiskMB,
  };
}

function checkNames(snapshot: Snapshot, of: Allocation): void {
  const seen = new Map<string, string>();
  for (const allocation of snapshot.allocationsByJob(of.Namespace, of.JobID)) {
    if (terminal(allocation)) continue;
    const other = seen.get(allocation.Name);
    assert.equal(other, undefined, `${allocation.Name} lives twice: ${other} and ${allocation.ID} at index ${snapshot.index}`);
    seen.set(allocation.Name, allocation.ID);
  }
}

/** Its size alone: an upper bound of where it could go. */
function fitsOneMore(snapshot: Snapshot, node: Node, job: Job): boolean {
  if (node.Status !== "ready" || node.SchedulingEligibility !== "eligible") return false;
  const free = { ...capacityOf(node) };
  for (const allocation of snapshot.allocationsByNode(node.ID)) {
    if (clientTerminal(allocation)) continue;
    const { cpu, memory, disk } = holdingOf(allocation.AllocatedResources);
    free.cpu -= cpu;
    free.memory -= memory;
    free.disk -= disk;
  }
  const [group] = job.TaskGroups;
  const asked = (of: "CPU" | "MemoryMB") => (group?.Tasks ?? []).reduce((sum, task) => sum + (task.Resources?.[of] ?? 0), 0);
  return free.cpu >= asked("CPU") && free.memory >= asked("MemoryMB") && free.disk >= (group?.EphemeralDisk?.SizeMB ?? 0);
}

/** In the end, when nothing more is done to it: what is wanted is there. */
export function checkSettled(snapshot: Snapshot): void {
  for (const evaluation of snapshot.evaluations()) {
    assert.notEqual(
      evaluation.Status,
      "pending",
      `evaluation ${evaluation.ID} of ${evaluation.JobID} (${evaluation.TriggeredBy}) still waits`,
    );
  }
  for (const job of snapshot.jobs("*")) {
    const live = [...snapshot.allocationsByJob(job.Namespace, job.ID)].filter((allocation) => !terminal(allocation));
    if (job.Stop) {
      assert.deepEqual(
        live.map((allocation) => allocation.Name),
        [],
        `stopped job ${job.ID} still has allocations`,
      );
      continue;
    }
    if (job.Type !== "service") continue;
    const count = job.TaskGroups.reduce((sum, group) => sum + (group.Count ?? 0), 0);
    const running = live.filter((allocation) => allocation.ClientStatus === "running" && allocation.JobVersion === job.Version);
    if (running.length < count && live.length === running.length) {
      // Less than wanted is right only where there is no room for one more, and somebody waits for it.
      const waits = [...snapshot.evaluationsByJob(job.Namespace, job.ID)].some((evaluation) => evaluation.Status === "blocked");
      const room = [...snapshot.nodes()].filter((node) => fitsOneMore(snapshot, node, job)).map((node) => node.Name);
      if (waits && room.length === 0) continue;
    }
    assert.equal(
      running.length,
      count,
      `job ${job.ID} wants ${count}, has ${running.length} running of version ${job.Version} (${live.length} live)`,
    );
  }
  for (const allocation of snapshot.allocations()) {
    const known = snapshot.job(allocation.Namespace, allocation.JobID);
    if (known === undefined) assert.ok(terminal(allocation), `${allocation.Name} lives although its job is gone`);
    if (allocation.DesiredStatus === "stop") assert.ok(clientTerminal(allocation), `${allocation.Name} was stopped and still runs`);
  }
}
