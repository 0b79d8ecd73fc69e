/**
 * What must hold after every single commit, whatever happened before. Looks only at what the entry touched.
 *
 * - no node holds more than it has, in any dimension, by allocations that are wanted and not over;
 * - no port, core or device of a node is given out twice among them, no port is one the node keeps for itself;
 * - (job, group, index) is unique among the living (F7); of a system job, on its node. A canary stands beside the one it may replace, a
 *   replacement beside the one whose node is not heard of;
 * - a job has one active deployment at most, and what a deployment counts is what its allocations say (F17).
 */
import assert from "node:assert/strict";
import {
  clientTerminal,
  deploymentActive,
  holdingOf,
  parsePortRanges,
  terminal,
  type Allocation,
  type Deployment,
  type Job,
  type Node,
} from "#model";
import type { Change, Snapshot } from "#state";

export function checkInvariants(snapshot: Snapshot, change: Change): void {
  const nodes = new Set(change.allocations.map((allocation) => allocation.NodeID));
  for (const id of nodes) checkNode(snapshot, id);
  const jobs = new Map(change.allocations.map((allocation) => [`${allocation.Namespace} ${allocation.JobID}`, allocation]));
  for (const allocation of jobs.values()) checkNames(snapshot, allocation);
  for (const deployment of change.deployments) checkDeployment(snapshot, deployment);
}

function checkNode(snapshot: Snapshot, nodeId: string): void {
  const node = snapshot.node(nodeId);
  if (node === undefined) return;
  const live = [...snapshot.allocationsByNode(nodeId)].filter((allocation) => !terminal(allocation));
  const held = { cpu: 0, memory: 0, disk: 0 };
  const ports = new Map<number, string>();
  const given = new Map<string, string>();
  for (const port of parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts)) ports.set(port, "the node itself");
  for (const allocation of live) {
    const { cpu, memory, disk } = holdingOf(allocation.AllocatedResources);
    held.cpu += cpu;
    held.memory += memory;
    held.disk += disk;
    for (const key of coresAndDevices(allocation)) {
      assert.ok(!given.has(key), `${key} of ${node.Name} is given to ${allocation.Name} and ${given.get(key)}`);
      given.set(key, allocation.Name);
    }
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

function coresAndDevices({ AllocatedResources }: Allocation): string[] {
  return Object.values(AllocatedResources.Tasks).flatMap(({ Cpu, Devices }) => [
    ...Cpu.ReservedCores.map((core) => `core ${core}`),
    ...Devices.flatMap((device) => device.DeviceIDs.map((id) => `device ${device.Vendor}/${device.Type}/${device.Name}/${id}`)),
  ]);
}

function checkNames(snapshot: Snapshot, of: Allocation): void {
  const seen = new Map<string, string>();
  for (const allocation of snapshot.allocationsByJob(of.Namespace, of.JobID)) {
    if (terminal(allocation) || standsBeside(snapshot, allocation)) continue;
    const perNode = allocation.Job.Type === "system" || allocation.Job.Type === "sysbatch";
    const key = perNode ? `${allocation.Name} on ${allocation.NodeID}` : allocation.Name;
    const other = seen.get(key);
    assert.equal(other, undefined, `${key} lives twice: ${other} and ${allocation.ID} at index ${snapshot.index}`);
    seen.set(key, allocation.ID);
  }
}

/** May share its name: a canary that is not promoted; one that was not heard of, until it is decided who stays. */
function standsBeside(snapshot: Snapshot, allocation: Allocation): boolean {
  if (allocation.AllocStates.length > 0) return true;
  if (allocation.DeploymentStatus?.Canary !== true) return false;
  const deployment = snapshot.deployment(allocation.DeploymentID);
  return deployment?.TaskGroups[allocation.TaskGroup]?.Promoted !== true;
}

function checkDeployment(snapshot: Snapshot, deployment: Deployment): void {
  const active = snapshot.deploymentsByJob(deployment.Namespace, deployment.JobID).filter(deploymentActive);
  assert.ok(active.length <= 1, `job ${deployment.JobID} has ${active.length} active deployments at index ${snapshot.index}`);
  const verdicts = new Map<string, { healthy: number; unhealthy: number }>();
  for (const allocation of snapshot.allocationsByDeployment(deployment.ID)) {
    const counted = verdicts.get(allocation.TaskGroup) ?? { healthy: 0, unhealthy: 0 };
    if (allocation.DeploymentStatus?.Healthy === true) counted.healthy++;
    if (allocation.DeploymentStatus?.Healthy === false) counted.unhealthy++;
    verdicts.set(allocation.TaskGroup, counted);
  }
  for (const [name, group] of Object.entries(deployment.TaskGroups)) {
    const { healthy, unhealthy } = verdicts.get(name) ?? { healthy: 0, unhealthy: 0 };
    // Collected allocations are counted no more here, but were there.
    assert.ok(group.HealthyAllocs >= healthy, `deployment ${deployment.ID} counts ${group.HealthyAllocs} healthy of ${healthy}`);
    assert.ok(group.UnhealthyAllocs >= unhealthy, `deployment ${deployment.ID} counts ${group.UnhealthyAllocs} unhealthy of ${unhealthy}`);
    assert.ok(group.HealthyAllocs + group.UnhealthyAllocs <= group.PlacedAllocs, `deployment ${deployment.ID} judged more than it placed`);
  }
}

/** Its size alone: an upper bound of where it could go. */
function fitsOneMore(snapshot: Snapshot, node: Node, job: Job, live: readonly Allocation[]): boolean {
  if (job.Type === "system" && live.some((allocation) => allocation.NodeID === node.ID)) return false;
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

/** In the end, when nothing more is done to it: what is wanted is there, and nothing goes on for ever. */
export function checkSettled(snapshot: Snapshot): void {
  for (const evaluation of snapshot.evaluations()) {
    const delayed = evaluation.WaitUntil !== null;
    assert.ok(
      evaluation.Status !== "pending" || delayed,
      `evaluation ${evaluation.ID} of ${evaluation.JobID} (${evaluation.TriggeredBy}) still waits`,
    );
  }
  for (const deployment of snapshot.deployments()) {
    assert.ok(
      !deploymentActive(deployment),
      `deployment ${deployment.ID} of ${deployment.JobID} version ${deployment.JobVersion} never ended: ${deployment.StatusDescription} ${JSON.stringify(deployment.TaskGroups)}`,
    );
  }
  for (const job of snapshot.jobs("*")) checkJobSettled(snapshot, job);
  for (const allocation of snapshot.allocations()) {
    const known = snapshot.job(allocation.Namespace, allocation.JobID);
    if (known === undefined) assert.ok(terminal(allocation), `${allocation.Name} lives although its job is gone`);
    if (allocation.DesiredStatus !== "run") assert.ok(clientTerminal(allocation), `${allocation.Name} was stopped and still runs`);
  }
}

function checkJobSettled(snapshot: Snapshot, job: Job): void {
  const live = [...snapshot.allocationsByJob(job.Namespace, job.ID)].filter((allocation) => !terminal(allocation));
  if (job.Stop) {
    const names = live.map((allocation) => allocation.Name);
    assert.deepEqual(names, [], `stopped job ${job.ID} still has allocations`);
    return;
  }
  const running = live.filter((allocation) => allocation.ClientStatus === "running" && allocation.JobVersion === job.Version);
  const count = wantedOf(snapshot, job);
  if (count === undefined) return;
  if (running.length < count && live.length === running.length) {
    // Less than wanted is right only where there is no room for one more, and somebody waits for it.
    const waits = [...snapshot.evaluationsByJob(job.Namespace, job.ID)].some((evaluation) => evaluation.Status === "blocked");
    const room = [...snapshot.nodes()].filter((node) => fitsOneMore(snapshot, node, job, live)).map((node) => node.Name);
    if (waits && room.length === 0) return;
  }
  assert.equal(
    running.length,
    count,
    `${job.Type} job ${job.ID} wants ${count}, has ${running.length} running of version ${job.Version} (${live.length} live)`,
  );
}

/** How many should run; undefined for jobs that end or only have children. */
function wantedOf(snapshot: Snapshot, job: Job): number | undefined {
  if (job.Type === "service") return job.TaskGroups.reduce((sum, group) => sum + (group.Count ?? 0), 0);
  if (job.Type !== "system") return undefined;
  if (job.TaskGroups.every((group) => group.Count === 0)) return 0;
  return [...snapshot.nodes()].filter((node) => node.Status === "ready" && node.SchedulingEligibility === "eligible").length;
}
