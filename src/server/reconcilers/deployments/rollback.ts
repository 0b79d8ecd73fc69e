/**
 * Where a failed deployment goes back to: the newest stable version, if it is another one. Pure. nomad.md §6.10.
 *
 * A network partition can fail version after version, each of which was fine: a job that has been rolled back ROLLBACKS_MAX times
 * within an hour stays where it is, and the deployment's description says so (F16). The count is read from the stored deployments,
 * so that no restart forgets it.
 */
import { type Deployment, type Job, sameJobSpec } from "#model";

export const ROLLBACKS_MAX = 3;
export const ROLLBACKS_WITHIN_MS = 3_600_000;
/** What tells, in a description, that its deployment was followed by a rollback. */
const ROLLED_BACK = " - rolling back to job version ";

export interface Rollback {
  /** The reason of the end, and what became of the wish to roll back. */
  readonly description: string;
  /** The stored version to register anew; null: none. */
  readonly job: Job | null;
  /** The loop breaker held it back: somebody should look. */
  readonly stormy: boolean;
}

export function rollbackOf(view: {
  readonly job: Job;
  /** Newest first. */
  readonly versions: readonly Job[];
  /** All of the job. */
  readonly deployments: readonly Deployment[];
  readonly reason: string;
  readonly nowMs: number;
}): Rollback {
  const { job, versions, reason } = view;
  const stay = (why: string, stormy = false): Rollback => ({ description: `${reason} - ${why}`, job: null, stormy });
  const stable = versions.find((version) => version.Stable);
  if (stable === undefined) return stay("no stable job version to auto revert to");
  if (stable.Version === job.Version || sameJobSpec(stable, job)) {
    return stay(`not rolling back to stable job version ${stable.Version} as current job has same specification`);
  }
  if (rollbacksOf(view) >= ROLLBACKS_MAX) {
    return stay(
      `not rolling back to stable job version ${stable.Version}: the job was rolled back ${ROLLBACKS_MAX} times within an hour`,
      true,
    );
  }
  return { description: `${reason}${ROLLED_BACK}${stable.Version}`, job: stable, stormy: false };
}

function rollbacksOf({ job, deployments, nowMs }: { job: Job; deployments: readonly Deployment[]; nowMs: number }): number {
  const sinceNs = (nowMs - ROLLBACKS_WITHIN_MS) * 1e6;
  const rolledBack = (deployment: Deployment): boolean =>
    deployment.JobCreateIndex === job.CreateIndex &&
    deployment.Status === "failed" &&
    deployment.ModifyTime > sinceNs &&
    deployment.StatusDescription.includes(ROLLED_BACK);
  return deployments.filter(rolledBack).length;
}
