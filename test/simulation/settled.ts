/**
 * What must be true in the end, when nothing more is done to the herd: what is wanted is there, nothing is there that is not wanted, and
 * nothing goes on for ever. Short of what is wanted is right only where there is no room, and somebody waits for it; or where a
 * deployment ended for want of room (a version goes no further then, or back to the one before, well or not).
 */
import assert from "node:assert/strict";
import { clientTerminal, deploymentActive, DEPLOYMENT_DESCRIPTIONS, terminal, type Allocation, type Job } from "#model";
import type { Snapshot } from "#state";
import { behaviourOf } from "./fixtures.ts";
import { roomFor, unavailable, unsuitable } from "./placeable.ts";

export interface Expected {
  /** There may be less room than is asked for. */
  readonly tight: boolean;
}

export function checkSettled(snapshot: Snapshot, expected: Expected): void {
  for (const evaluation of snapshot.evaluations()) {
    const delayed = evaluation.WaitUntil !== null;
    assert.ok(
      evaluation.Status !== "pending" || delayed,
      `evaluation ${evaluation.ID} of ${evaluation.JobID} (${evaluation.TriggeredBy}) still waits`,
    );
  }
  for (const deployment of snapshot.deployments()) {
    const { ID, Namespace, JobID, JobVersion, StatusDescription, TaskGroups } = deployment;
    const job = snapshot.job(Namespace, JobID);
    assert.ok(
      !deploymentActive(deployment) || (job !== undefined && job.Version === JobVersion && waitsForRoom(snapshot, job)),
      `deployment ${ID} of ${JobID} version ${JobVersion} never ended: ${StatusDescription} ${JSON.stringify(TaskGroups)}`,
    );
  }
  for (const job of snapshot.jobs("*")) checkJob(snapshot, job, expected);
  for (const allocation of snapshot.allocations()) {
    const known = snapshot.job(allocation.Namespace, allocation.JobID);
    if (known === undefined) assert.ok(terminal(allocation), `${allocation.Name} lives although its job is gone`);
    if (allocation.DesiredStatus !== "run") assert.ok(clientTerminal(allocation), `${allocation.Name} was stopped and still runs`);
    assert.notEqual(allocation.ClientStatus, "unknown", `${allocation.Name} is unknown although every node is there`);
  }
}

const liveOf = (snapshot: Snapshot, job: Job): Allocation[] =>
  [...snapshot.allocationsByJob(job.Namespace, job.ID)].filter((allocation) => !terminal(allocation));

function waitsForRoom(snapshot: Snapshot, job: Job): boolean {
  const waits = [...snapshot.evaluationsByJob(job.Namespace, job.ID)].some((evaluation) => evaluation.Status === "blocked");
  return waits && roomFor(snapshot, job, liveOf(snapshot, job)) === undefined;
}

function heldForWantOfRoom(snapshot: Snapshot, job: Job): boolean {
  const [latest] = snapshot.deploymentsByJob(job.Namespace, job.ID);
  const { progressDeadline } = DEPLOYMENT_DESCRIPTIONS;
  return latest?.Status === "failed" && latest.JobVersion === job.Version && latest.StatusDescription.startsWith(progressDeadline);
}

/**
 * What was asked for did not fit in time, so the group's auto_revert took the job back to what it was before, and that is work that
 * does not do well: its own deployment fails too. The operator had asked for it, and gets it until there is room for what is better.
 */
function wentBackForWantOfRoom(snapshot: Snapshot, job: Job): boolean {
  const { progressDeadline } = DEPLOYMENT_DESCRIPTIONS;
  return (
    behaviourOf(job) !== "well" &&
    snapshot.deploymentsByJob(job.Namespace, job.ID).some(({ Status, JobVersion, StatusDescription }) => {
      return Status === "failed" && JobVersion === job.Version - 1 && StatusDescription.startsWith(`${progressDeadline} - rolling back`);
    })
  );
}

/** A service with nothing else in its way has all it wants on nodes that are there, or waits for room. */
export function checkReplaced(snapshot: Snapshot, job: Job): void {
  const there = liveOf(snapshot, job).filter(({ NodeID }) => snapshot.node(NodeID)?.Status === "ready");
  const count = wantedOf(snapshot, job) ?? 0;
  if (there.length < count && waitsForRoom(snapshot, job)) return;
  assert.ok(there.length >= count, `${job.Type} job ${job.ID} wants ${count}, has ${there.length} on nodes that are there`);
}

function checkJob(snapshot: Snapshot, job: Job, { tight }: Expected): void {
  const live = liveOf(snapshot, job);
  if (job.Stop) {
    const names = live.map((allocation) => allocation.Name);
    assert.deepEqual(names, [], `stopped job ${job.ID} still has allocations`);
    return;
  }
  const count = wantedOf(snapshot, job);
  if (count === undefined) return;
  assert.ok(live.length <= count, `${job.Type} job ${job.ID} wants ${count}, has ${live.length} live`);
  const running = live.filter((allocation) => allocation.ClientStatus === "running" && allocation.JobVersion === job.Version);
  const shortOfRoom = waitsForRoom(snapshot, job) || (tight && (heldForWantOfRoom(snapshot, job) || wentBackForWantOfRoom(snapshot, job)));
  if (running.length < count && shortOfRoom) return;
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
  return [...snapshot.nodes()].filter((node) => unavailable(node) === undefined && unsuitable(node, job) === undefined).length;
}
