/**
 * Which deployment the job's version stands in, which ones it ends, and when there is to be a new one. nomad.md §6.5 item 16, §6.10.
 *
 *   latest deployment   of an older version, and active     cancelled: a newer version came
 *                       of a stopped job, and active        cancelled: the job is stopped
 *                       of this version, running | paused   the current one: what is placed joins it
 *                       of this version, failed             the current one: it holds changes back, nothing joins it
 *                       of this version, over otherwise     none is current
 *
 *   new                 a group with an update block that never ran this version, or has allocations to update, is in none
 *   successful          every group of it: nothing left to do, healthy ones enough, canaries promoted
 *
 * Deployments are of service jobs (system jobs have their own reconciler). Pure.
 */
import { DEPLOYMENT_DESCRIPTIONS, deploymentActive } from "#model";
import type { Deployment, DeploymentGroup, DeploymentId, DeploymentUpdate, Evaluation, Job, TaskGroup, UpdateStrategy } from "#model";

export interface Standpoint {
  readonly current: Deployment | undefined;
  /** What becomes of others. */
  readonly ended: readonly DeploymentUpdate[];
}

/** `deployments`: of the job, newest first. `job` undefined: purged. */
export function standpointOf(job: Job | undefined, deployments: readonly Deployment[]): Standpoint {
  const ended: DeploymentUpdate[] = [];
  const stopped = job === undefined || job.Stop;
  for (const deployment of deployments) {
    if (!deploymentActive(deployment) || (!stopped && isOf(deployment, job))) continue;
    ended.push({
      DeploymentID: deployment.ID,
      Status: "cancelled",
      StatusDescription: stopped ? DEPLOYMENT_DESCRIPTIONS.stoppedJob : DEPLOYMENT_DESCRIPTIONS.newerJob,
    });
  }
  const latest = deployments[0];
  if (stopped || latest === undefined) return { current: undefined, ended };
  return { current: isOf(latest, job) && (deploymentActive(latest) || latest.Status === "failed") ? latest : undefined, ended };
}

/** The group's update block; null when its updates are not deployments (none, or max_parallel 0). */
export function strategyOf(job: Job, group: TaskGroup): UpdateStrategy | null {
  return job.Type === "service" && (group.Update?.MaxParallel ?? 0) > 0 ? group.Update : null;
}

/** A group as a deployment begins with it. */
export function newGroupState(strategy: UpdateStrategy, desired: { readonly total: number; readonly canaries: number }): DeploymentGroup {
  return {
    AutoRevert: strategy.AutoRevert === true,
    AutoPromote: strategy.AutoPromote === true,
    ProgressDeadline: strategy.ProgressDeadline ?? 0,
    RequireProgressBy: null,
    Promoted: false,
    PlacedCanaries: [],
    DesiredCanaries: desired.canaries,
    DesiredTotal: desired.total,
    PlacedAllocs: 0,
    HealthyAllocs: 0,
    UnhealthyAllocs: 0,
  };
}

export function newDeployment(
  ID: DeploymentId,
  job: Job,
  TaskGroups: Readonly<Record<string, DeploymentGroup>>,
  evaluation: Pick<Evaluation, "Priority">,
  nowNs: number,
): Deployment {
  return {
    ID,
    Namespace: job.Namespace,
    JobID: job.ID,
    JobVersion: job.Version,
    JobModifyIndex: job.ModifyIndex,
    JobSpecModifyIndex: job.JobModifyIndex,
    JobCreateIndex: job.CreateIndex,
    IsMultiregion: false,
    TaskGroups,
    Status: "running",
    StatusDescription: runningDescription(TaskGroups),
    EvalPriority: evaluation.Priority,
    CreateIndex: 0,
    ModifyIndex: 0,
    CreateTime: nowNs,
    ModifyTime: nowNs,
  };
}

/** The same deployment with groups added, or with other counts wanted. */
export function withGroups(deployment: Deployment, groups: Readonly<Record<string, DeploymentGroup>>, nowNs: number): Deployment {
  const TaskGroups = { ...deployment.TaskGroups, ...groups };
  const StatusDescription = deployment.Status === "running" ? runningDescription(TaskGroups) : deployment.StatusDescription;
  return { ...deployment, TaskGroups, StatusDescription, ModifyTime: nowNs };
}

function runningDescription(groups: Readonly<Record<string, DeploymentGroup>>): string {
  const waiting = Object.values(groups).filter((group) => group.DesiredCanaries > 0 && !group.Promoted);
  if (waiting.length === 0) return DEPLOYMENT_DESCRIPTIONS.running;
  const byItself = waiting.every((group) => group.AutoPromote);
  return byItself ? DEPLOYMENT_DESCRIPTIONS.runningAutoPromotion : DEPLOYMENT_DESCRIPTIONS.runningNeedsPromotion;
}

/** Enough of a group's allocations are well, and its canaries are ordinary ones by now. */
export function groupIsWell(state: DeploymentGroup, healthy: number): boolean {
  return healthy >= state.DesiredTotal && (state.DesiredCanaries === 0 || state.Promoted);
}

export function success(deployment: Deployment): DeploymentUpdate {
  return { DeploymentID: deployment.ID, Status: "successful", StatusDescription: DEPLOYMENT_DESCRIPTIONS.successful };
}

/**
 * What stood before the canaries: the version of the newest deployment whose canaries of the group were promoted, or that had none, and
 * that did not fail; -1: none. nomad.md §6.5 item 14 ("downgrade").
 */
export function lastPromotedVersion(deployments: readonly Deployment[], job: Job, group: string): number {
  const found = deployments.find((deployment) => {
    if (deployment.JobCreateIndex !== job.CreateIndex || deployment.JobVersion >= job.Version) return false;
    const state = deployment.TaskGroups[group];
    return deployment.Status !== "failed" && state !== undefined && (state.Promoted || state.DesiredCanaries === 0);
  });
  return found?.JobVersion ?? -1;
}

/** It is, or was, the deployment of this very version. */
export function isOf(deployment: Deployment, job: Job): boolean {
  return deployment.JobVersion === job.Version && deployment.JobCreateIndex === job.CreateIndex;
}
