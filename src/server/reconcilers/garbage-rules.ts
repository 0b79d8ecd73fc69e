/**
 * What is garbage. Reads a snapshot, changes nothing; `breathe` is awaited now and then so that a large state never holds up the
 * event loop. nomad.md §7 "GC".
 *
 * - A job: dead, and stopped or of a type that ends by itself; all its evaluations over, all its allocations at an end on their nodes;
 *   none of its versions tagged; none of its children left.
 * - An evaluation: over, and so are all allocations it placed. A live batch job keeps the allocations of its evaluations: they are the
 *   proof that its work was done, without them it would be done again. One that says why another is still blocked stays as long as that.
 * - An allocation of an evaluation that stays, or was deleted by somebody: at an end, and not the one its group will still be
 *   rescheduled from.
 * - A deployment: over, and none of its allocations live.
 * - A node: down, with nothing on it that is not over.
 */
import { clientTerminal, deploymentActive, jobKey, launchesChildren, terminal } from "#model";
import type { Allocation, AllocationId, Deployment, DeploymentId, Evaluation, EvaluationId, Job, NodeId } from "#model";
import type { Snapshot } from "#state";

/** Unix nanoseconds: what changed after is too young. */
export interface GarbageCutoffs {
  readonly jobNs: number;
  readonly evaluationNs: number;
  readonly batchEvaluationNs: number;
  readonly deploymentNs: number;
  readonly nodeNs: number;
}
/** Records to forget. */
export interface Remains {
  readonly evaluations: readonly EvaluationId[];
  readonly allocations: readonly AllocationId[];
  readonly deployments: readonly DeploymentId[];
}
export interface Garbage extends Remains {
  /** Jobs with all that belongs to them; none of it is among the others. */
  readonly jobs: readonly (Remains & { readonly job: Job })[];
  readonly nodes: readonly NodeId[];
}

const BREATHE_EVERY = 2_000;

export async function findGarbage(snapshot: Snapshot, cutoffs: GarbageCutoffs, breathe: () => Promise<unknown>): Promise<Garbage> {
  const jobs: (Remains & { readonly job: Job })[] = [];
  const taken = new Set<string>();
  const evaluations: EvaluationId[] = [];
  const allocations = new Set<AllocationId>();
  const deployments: DeploymentId[] = [];
  const nodes: NodeId[] = [];
  let seen = 0;
  const step = async () => {
    if (++seen % BREATHE_EVERY === 0) await breathe();
  };

  const parents: Job[] = [];
  const goneJobs = new Set<string>();
  for (const job of snapshot.jobs("*")) {
    await step();
    if (!collectableJob(job) || hasTag(snapshot, job)) continue;
    if (launchesChildren(job)) {
      parents.push(job);
      continue;
    }
    const ofJob = [...snapshot.evaluationsByJob(job.Namespace, job.ID)];
    const placed = [...snapshot.allocationsByJob(job.Namespace, job.ID)];
    if (!ofJob.every((evaluation) => over(evaluation) && evaluation.ModifyTime <= cutoffs.jobNs)) continue;
    if (!placed.every((allocation) => ended(snapshot, allocation) && allocation.ModifyTime <= cutoffs.jobNs)) continue;
    if (job.SubmitTime > cutoffs.jobNs) continue;
    const deployed = snapshot.deploymentsByJob(job.Namespace, job.ID);
    jobs.push({ job, evaluations: idsOf(ofJob), allocations: idsOf(placed), deployments: idsOf(deployed) });
    for (const record of [...ofJob, ...placed, ...deployed]) taken.add(record.ID);
    goneJobs.add(jobKey(job));
  }
  // Parents have nothing but children, and go after the last of them; a child's id begins with its parent's, so the deepest come first.
  for (const job of parents.reverse()) {
    if (job.SubmitTime > cutoffs.jobNs || !allGone(snapshot.childJobs(job.Namespace, job.ID), goneJobs)) continue;
    jobs.push({ job, evaluations: [], allocations: [], deployments: [] });
    goneJobs.add(jobKey(job));
  }

  for (const evaluation of snapshot.evaluations()) {
    await step();
    if (taken.has(evaluation.ID) || !over(evaluation)) continue;
    const job = snapshot.job(evaluation.Namespace, evaluation.JobID);
    const endsByItself = evaluation.Type === "batch" || evaluation.Type === "sysbatch";
    const cutoffNs = endsByItself ? cutoffs.batchEvaluationNs : cutoffs.evaluationNs;
    if (evaluation.ModifyTime > cutoffNs || explainsBlocked(snapshot, evaluation)) continue;
    let stays = false;
    for (const allocation of snapshot.allocationsByEvaluation(evaluation.ID)) {
      await step();
      if (collectableAllocation(snapshot, allocation, job, cutoffNs)) allocations.add(allocation.ID);
      else stays = true;
    }
    if (!stays) evaluations.push(evaluation.ID);
  }

  // Nobody else leads to those whose evaluation was deleted.
  for (const allocation of snapshot.allocations()) {
    await step();
    if (taken.has(allocation.ID) || snapshot.evaluation(allocation.EvalID) !== undefined) continue;
    const job = snapshot.job(allocation.Namespace, allocation.JobID);
    if (collectableAllocation(snapshot, allocation, job, cutoffs.evaluationNs)) allocations.add(allocation.ID);
  }

  for (const deployment of snapshot.deployments()) {
    await step();
    if (!taken.has(deployment.ID) && collectableDeployment(snapshot, deployment, cutoffs.deploymentNs)) deployments.push(deployment.ID);
  }

  for (const node of snapshot.nodes()) {
    await step();
    if (node.Status !== "down" || node.StatusUpdatedAt * 1e9 > cutoffs.nodeNs) continue;
    const empty = [...snapshot.allocationsByNode(node.ID)].every(
      (allocation) => clientTerminal(allocation) || allocations.has(allocation.ID) || taken.has(allocation.ID),
    );
    if (empty) nodes.push(node.ID);
  }
  return { jobs, evaluations, allocations: [...allocations], deployments, nodes };
}

function idsOf<Id>(records: readonly { readonly ID: Id }[]): Id[] {
  return records.map(({ ID }) => ID);
}

function hasTag(snapshot: Snapshot, job: Job): boolean {
  return snapshot.jobVersions(job.Namespace, job.ID).some((version) => version.VersionTag !== null);
}

function allGone(jobs: Iterable<Job>, gone: ReadonlySet<string>): boolean {
  for (const job of jobs) if (!gone.has(jobKey(job))) return false;
  return true;
}

/** Why another one waits stands only here. */
function explainsBlocked(snapshot: Snapshot, evaluation: Evaluation): boolean {
  return evaluation.BlockedEval !== "" && snapshot.evaluation(evaluation.BlockedEval)?.Status === "blocked";
}

function collectableDeployment(snapshot: Snapshot, deployment: Deployment, cutoffNs: number): boolean {
  if (deploymentActive(deployment) || deployment.ModifyTime > cutoffNs) return false;
  for (const allocation of snapshot.allocationsByDeployment(deployment.ID)) if (!terminal(allocation)) return false;
  return true;
}

function over(evaluation: Evaluation): boolean {
  return evaluation.Status === "complete" || evaluation.Status === "failed" || evaluation.Status === "canceled";
}

function collectableJob(job: Job): boolean {
  if (job.Status !== "dead") return false;
  if (job.Stop) return true;
  if (launchesChildren(job)) return false;
  return job.Type === "batch" || job.Type === "sysbatch";
}

/** Nothing of it runs: by its node's word, or because the node is no more. */
function ended(snapshot: Snapshot, allocation: Allocation): boolean {
  return clientTerminal(allocation) || (allocation.DesiredStatus !== "run" && snapshot.node(allocation.NodeID) === undefined);
}

function collectableAllocation(snapshot: Snapshot, allocation: Allocation, job: Job | undefined, cutoffNs: number): boolean {
  if (!ended(snapshot, allocation) || allocation.ModifyTime > cutoffNs) return false;
  if (job === undefined || job.Stop) return true;
  if (job.Type === "batch" || job.Type === "sysbatch") return false;
  if (allocation.DesiredStatus !== "run" || allocation.ClientStatus !== "failed") return true;
  return !mayBeRescheduled(allocation, job);
}

/** A failed allocation that nothing replaced yet is what its replacement will be reckoned from. */
function mayBeRescheduled(allocation: Allocation, job: Job): boolean {
  if (allocation.NextAllocation !== "") return false;
  const policy = job.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.ReschedulePolicy;
  return policy !== null && policy !== undefined && (policy.Unlimited === true || (policy.Attempts ?? 0) > 0);
}
