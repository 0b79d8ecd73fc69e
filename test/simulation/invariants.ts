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
import { deploymentActive, holdingOf, parsePortRanges, terminal, type Allocation, type Deployment } from "#model";
import type { Change, Snapshot } from "#state";
import { capacityOf, coresAndDevices } from "./placeable.ts";

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
  const ports = new Map<string, string>();
  const given = new Map<string, string>();
  const kept = new Set(parsePortRanges(node.ReservedResources.Networks.ReservedHostPorts));
  for (const { Addresses, ReservedPorts } of Object.values(node.HostNetworks))
    for (const address of Addresses) for (const port of parsePortRanges(ReservedPorts)) ports.set(`${address}:${port}`, "the host network");
  for (const allocation of live) {
    const { cpu, memory, disk } = holdingOf(allocation.AllocatedResources);
    held.cpu += cpu;
    held.memory += memory;
    held.disk += disk;
    for (const key of coresAndDevices(allocation)) {
      assert.ok(!given.has(key), `${key} of ${node.Name} is given to ${allocation.Name} and ${given.get(key)}`);
      given.set(key, allocation.Name);
    }
    for (const { Value, HostIP } of allocation.AllocatedResources.Shared.Ports) {
      const place = `${HostIP}:${Value}`;
      assert.ok(!kept.has(Value), `port ${place} of ${node.Name} is given to ${allocation.Name} and the node itself`);
      assert.ok(!ports.has(place), `port ${place} of ${node.Name} is given to ${allocation.Name} and ${ports.get(place)}`);
      ports.set(place, allocation.Name);
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

function checkNames(snapshot: Snapshot, of: Allocation): void {
  const seen = new Map<string, string>();
  for (const allocation of snapshot.allocationsByJob(of.Namespace, of.JobID)) {
    if (terminal(allocation) || standsBeside(snapshot, allocation)) continue;
    const perNode = allocation.Job.Type === "system" || allocation.Job.Type === "sysbatch";
    const key = perNode ? `${allocation.Name} on ${allocation.NodeID}` : allocation.Name;
    const other = seen.get(key);
    assert.equal(other, undefined, `${key} lives twice: ${other} and ${briefly(allocation)} at index ${snapshot.index}`);
    seen.set(key, briefly(allocation));
  }
}

function briefly({ ID, NodeName, ClientStatus, JobVersion, CreateIndex, DeploymentStatus }: Allocation): string {
  const canary = DeploymentStatus?.Canary === true ? ", a canary" : "";
  return `${ID} (${ClientStatus} on ${NodeName}, version ${JobVersion}${canary}, of index ${CreateIndex})`;
}

/**
 * May share its name: a canary, until the look at the job that its promotion asked for is done; one that was not heard of, until it is
 * decided who stays.
 */
function standsBeside(snapshot: Snapshot, allocation: Allocation): boolean {
  if (allocation.AllocStates.length > 0) return true;
  const group = snapshot.deployment(allocation.DeploymentID)?.TaskGroups[allocation.TaskGroup];
  if (group?.PlacedCanaries.includes(allocation.ID) !== true) return false;
  return (
    !group.Promoted || [...snapshot.evaluationsByJob(allocation.Namespace, allocation.JobID)].some(({ Status }) => Status === "pending")
  );
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
