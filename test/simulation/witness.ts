/**
 * Who has seen everything since the start: what must hold between a commit and those before it. It remembers what it saw, and counts
 * for itself.
 *
 * - what is over stays over: an allocation by its node's word, one the servers want gone, a deployment that ended;
 * - nothing is placed where it may not run: node ready, eligible, not draining, of the job's pool, constraints met (a change that was
 *   on its way into the log together with the plan may be younger than the plan's look at the node);
 * - nobody is evicted but for a job of a priority higher by 10;
 * - an update takes down no more than max_parallel: those it has placed that are not known to be healthy, however they came;
 * - whatever is to be tried again later names an evaluation that is there;
 * - jobs that are stopped get nothing new; a token dispatches one child.
 */
import assert from "node:assert/strict";
import {
  clientTerminal,
  deploymentActive,
  serverTerminal,
  terminal,
  type Allocation,
  type Deployment,
  type Job,
  type NodeId,
} from "#model";
import type { Change, Snapshot } from "#state";
import { unavailable, unsuitable } from "./placeable.ts";

export interface Witness {
  /** Throws what is wrong. */
  see(change: Change, snapshot: Snapshot): void;
}

/** A plan may be on its way into a slow log for so long: ten writes of moves/faults.ts. */
const IN_FLIGHT_MS = 2_000;
const PREEMPTS_FROM = 10;
const UPDATING = "alloc is being updated due to job update";

interface Seen {
  readonly serverOver: boolean;
  readonly clientOver: boolean;
}

export function createWitness(nowMs: () => number): Witness {
  const allocations = new Map<string, Seen>();
  const deployments = new Map<string, Deployment["Status"]>();
  /** Since when nothing may be put there. */
  const away = new Map<NodeId, number>();
  const stoppedMs = new Map<string, number>();

  function seeNodes({ nodes, goneNodes }: Change): void {
    for (const node of nodes) {
      if (unavailable(node) === undefined) away.delete(node.ID);
      else if (!away.has(node.ID)) away.set(node.ID, nowMs());
    }
    for (const id of goneNodes) away.delete(id);
  }

  function seeJobs({ jobs, goneJobs, index }: Change, snapshot: Snapshot): void {
    const key = (job: { readonly Namespace: string; readonly ID: string }) => `${job.Namespace} ${job.ID}`;
    for (const job of jobs) {
      if (!job.Stop) stoppedMs.delete(key(job));
      else if (!stoppedMs.has(key(job))) stoppedMs.set(key(job), nowMs());
    }
    for (const { Namespace, ParentID, DispatchIdempotencyToken: token, CreateIndex } of jobs) {
      if (token === "" || CreateIndex !== index) continue;
      const children = [...snapshot.childJobs(Namespace, ParentID)].filter((child) => child.DispatchIdempotencyToken === token);
      assert.equal(children.length, 1, `token "${token}" dispatched ${children.length} children of ${ParentID} at index ${index}`);
    }
    for (const gone of goneJobs) stoppedMs.set(key(gone), nowMs());
  }

  function seeAllocation(allocation: Allocation, change: Change, snapshot: Snapshot): void {
    const { ID, Name } = allocation;
    const before = allocations.get(ID);
    const now = { serverOver: serverTerminal(allocation), clientOver: clientTerminal(allocation) };
    allocations.set(ID, now);
    assert.ok(!before?.serverOver || now.serverOver, `${Name} (${ID}) was stopped and is wanted again at index ${change.index}`);
    assert.ok(!before?.clientOver || now.clientOver, `${Name} (${ID}) was over and is ${allocation.ClientStatus} at index ${change.index}`);
    if (before === undefined && allocation.CreateIndex === change.index) seePlacement(allocation, change, snapshot);
    if (allocation.DesiredStatus === "evict" && before?.serverOver !== true) seeEviction(allocation, snapshot);
  }

  function seePlacement(allocation: Allocation, { index }: Change, snapshot: Snapshot): void {
    const { Name, Job, NodeID } = allocation;
    const node = snapshot.node(NodeID);
    assert.ok(node !== undefined, `${Name} is placed on a node that is not there at index ${index}`);
    const inTheWay = unsuitable(node, Job);
    assert.equal(inTheWay, undefined, `${Name} is placed on ${node.Name} at index ${index}: ${inTheWay}`);
    const sinceMs = away.get(NodeID);
    const known = sinceMs !== undefined && sinceMs < nowMs() - IN_FLIGHT_MS;
    assert.ok(!known, `${Name} is placed on ${node.Name} at index ${index}, which is ${unavailable(node)}`);
    const stopped = stoppedMs.get(`${Job.Namespace} ${Job.ID}`) ?? Infinity;
    assert.ok(stopped >= nowMs() - IN_FLIGHT_MS, `${Name} is placed at index ${index} although its job was stopped`);
  }

  function seeDeployment(deployment: Deployment, { index }: Change): void {
    const before = deployments.get(deployment.ID);
    deployments.set(deployment.ID, deployment.Status);
    if (before === undefined || deploymentActive({ Status: before })) return;
    assert.equal(
      deployment.Status,
      before,
      `deployment ${deployment.ID} had ended (${before}) and is ${deployment.Status} at index ${index}`,
    );
  }

  return {
    see(change, snapshot) {
      seeNodes(change);
      seeJobs(change, snapshot);
      for (const allocation of change.allocations) seeAllocation(allocation, change, snapshot);
      for (const deployment of change.deployments) seeDeployment(deployment, change);
      for (const gone of change.goneAllocations) allocations.delete(gone.ID);
      if (change.command.type !== "plan-apply" || !change.outcome.ok) return;
      seeUpdates(change, snapshot);
      seeFollowUps(change, snapshot);
    },
  };
}

function seeEviction(victim: Allocation, snapshot: Snapshot): void {
  const winner = snapshot.allocation(victim.PreemptedByAllocation);
  assert.ok(winner !== undefined, `${victim.Name} was evicted for nobody`);
  const { Priority } = winner.Job;
  assert.ok(
    Priority >= victim.Job.Priority + PREEMPTS_FROM,
    `${victim.Name} of priority ${victim.Job.Priority} was evicted for ${winner.Name} of priority ${Priority}`,
  );
  assert.ok(winner.PreemptedAllocations.includes(victim.ID), `${winner.Name} does not name ${victim.Name}, evicted for it`);
}

/** A commit that stops some for an update: how many of the deployment are on their way then? */
function seeUpdates({ command, index }: Change, snapshot: Snapshot): void {
  if (command.type !== "plan-apply" || command.Plan.Job === null) return;
  const updated = new Set<string>(
    command.Plan.Stops.filter((stop) => stop.DesiredDescription === UPDATING && stop.ClientStatus === "").map((stop) => stop.ID),
  );
  const job: Job | undefined = updated.size === 0 ? undefined : snapshot.job(command.Plan.Job.Namespace, command.Plan.Job.ID);
  const deployment = job === undefined ? undefined : snapshot.activeDeployment(job.Namespace, job.ID);
  if (job === undefined || deployment === undefined || deployment.JobVersion !== job.Version) return;
  const isOnItsWay = (each: Allocation): boolean => {
    // What was changed where it runs had not to go for it.
    if (each.CreateIndex < deployment.CreateIndex || terminal(each) || each.DeploymentStatus?.Healthy === true) return false;
    // On a node that lost the job's allocation a system job's next is not the update's.
    return job.Type !== "system" || each.CreateIndex !== index || updated.has(each.PreviousAllocation);
  };
  for (const group of job.TaskGroups) {
    const most: number = group.Update?.MaxParallel ?? 0;
    if (most === 0 || ![...updated].some((id) => snapshot.allocation(id)?.TaskGroup === group.Name)) continue;
    const members: readonly Allocation[] = [...snapshot.allocationsByDeployment(deployment.ID)].filter(
      (each) => each.TaskGroup === group.Name,
    );
    const onTheirWay: number = members.filter(isOnItsWay).length;
    assert.ok(onTheirWay <= most, `${job.ID} updates ${onTheirWay} at once at index ${index}, max_parallel is ${most}`);
  }
}

function seeFollowUps({ command, index }: Change, snapshot: Snapshot): void {
  if (command.type !== "plan-apply") return;
  const { Notes, Stops, Placements } = command.Plan;
  for (const { ID, FollowupEvalID } of [...Notes, ...Stops, ...Placements]) {
    if (FollowupEvalID === "" || snapshot.allocation(ID)?.FollowupEvalID !== FollowupEvalID) continue;
    assert.ok(snapshot.evaluation(FollowupEvalID) !== undefined, `follow-up ${FollowupEvalID} of ${ID} is nowhere at index ${index}`);
  }
}
