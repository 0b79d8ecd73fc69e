/** The end of a deployment as one command: its status and reason, the rollback if there is one, the evaluation that acts on it. */
import { type Deployment, type Evaluation, type Job } from "#model";
import type { Command } from "#state";
import { evaluationFor, type ServerContext } from "../../context.ts";
import { rollbackOf } from "./rollback.ts";

export interface Ending {
  readonly command: Extract<Command, { type: "deployment-status" }>;
  /** The version that comes back; null: none does. */
  readonly revertedVersion: number | null;
  /** The loop breaker held a rollback back. */
  readonly stormy: boolean;
}

export function endingOf(
  context: ServerContext,
  deployment: Deployment,
  end: { readonly status: "failed" | "cancelled"; readonly reason: string; readonly rollback: boolean },
): Ending {
  const snapshot = context.cluster.state.snapshot();
  const { Namespace, JobID } = deployment;
  const job = snapshot.job(Namespace, JobID);
  const wantsRollback = end.rollback && job !== undefined && !job.Stop && job.Version === deployment.JobVersion;
  const rollback = wantsRollback
    ? rollbackOf({
        job,
        versions: snapshot.jobVersions(Namespace, JobID),
        deployments: snapshot.deploymentsByJob(Namespace, JobID),
        reason: end.reason,
        nowMs: context.clock.nowMs(),
      })
    : { description: end.reason, job: null, stormy: false };
  return {
    command: {
      type: "deployment-status",
      Update: { DeploymentID: deployment.ID, Status: end.status, StatusDescription: rollback.description },
      Rollback: rollback.job,
      Evaluations: job === undefined || job.Stop ? [] : [evaluationOfDeployment(context, deployment, job)],
    },
    revertedVersion: rollback.job?.Version ?? null,
    stormy: rollback.stormy,
  };
}

/** The look at the job that follows whatever happened to its deployment. */
export function evaluationOfDeployment(context: ServerContext, deployment: Deployment, job: Job): Evaluation {
  const priority = deployment.EvalPriority > 0 ? deployment.EvalPriority : job.Priority;
  return evaluationFor(context, { ...job, Priority: priority }, "deployment-watcher", { DeploymentID: deployment.ID });
}
