/** A deployment ends, pauses or goes on; with auto_revert the job goes back to an older version in the same entry. */
import {
  type Deployment,
  DEPLOYMENT_DESCRIPTIONS,
  deploymentActive,
  type DeploymentId,
  type DeploymentUpdate,
  type Job,
  jobKey,
} from "#model";
import type { Command } from "../contract.ts";
import { deadlineFrom, putDeployment } from "../deployments.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { mark } from "./mark.ts";
import { registerVersion, storeEvaluation } from "./job-register.ts";

type DeploymentStatusCommand = Extract<Command, { type: "deployment-status" }>;

export function applyDeploymentStatus(draft: Draft, command: DeploymentStatusCommand): Refusal | undefined {
  const found = activeDeployment(draft, command.Update.DeploymentID, "change");
  if ("refusal" in found) return found.refusal;
  return moveOn(draft, found.deployment, command);
}

/** The new status, with it the rollback, and the evaluations tied to the version that is wanted then. */
export function moveOn(
  draft: Draft,
  deployment: Deployment,
  { Update, Rollback: to, Evaluations }: Pick<DeploymentStatusCommand, "Update" | "Rollback" | "Evaluations">,
): Refusal | undefined {
  if (to !== null && (to.ID !== deployment.JobID || to.Namespace !== deployment.Namespace)) {
    return { code: "invalid", reason: `Cannot roll back job "${deployment.JobID}": it is to become job "${to.ID}"` };
  }
  setStatus(draft, deployment, Update);
  const rolledBack = to === null ? undefined : rollBack(draft, deployment, to);
  for (const evaluation of Evaluations) {
    storeEvaluation(draft, evaluation, rolledBack?.ID === evaluation.JobID ? rolledBack : undefined);
  }
  return undefined;
}

/** The deployment, if it still goes on. */
export function activeDeployment(
  draft: Draft,
  id: DeploymentId,
  verb: string,
): { readonly deployment: Deployment } | { readonly refusal: Refusal } {
  const deployment = draft.tables.deployments.get(id);
  if (deployment === undefined) return { refusal: { code: "missing", reason: `Cannot ${verb} deployment "${id}": no such deployment` } };
  if (deploymentActive(deployment)) return { deployment };
  return {
    refusal: {
      code: "conflict",
      reason: `Cannot ${verb} deployment "${id}": it is ${deployment.Status}, only a running or paused one can be`,
    },
  };
}

/** A job that goes takes its active deployment along, so `deployment` is of the job as it is. Success makes the version one to come back to. Time spent paused does not count towards the progress deadlines. */
export function setStatus(draft: Draft, deployment: Deployment, { Status, StatusDescription }: DeploymentUpdate): void {
  const resumes = deployment.Status === "paused" && Status === "running";
  const TaskGroups = resumes ? withNewDeadlines(draft, deployment.TaskGroups) : deployment.TaskGroups;
  putDeployment(draft, { ...deployment, TaskGroups, Status, StatusDescription });
  if (Status !== "successful") return;
  const record = draft.record(deployment.Namespace, deployment.JobID);
  if (record !== undefined) mark(draft, record, deployment.JobVersion, { Stable: true });
}

/** A job that goes takes its deployment along: nobody would end it. */
export function cancelDeployment(draft: Draft, job: Job): void {
  const id = draft.tables.activeDeploymentByJob.get(jobKey(job));
  const deployment = id === undefined ? undefined : draft.tables.deployments.get(id);
  if (deployment === undefined) return;
  setStatus(draft, deployment, {
    DeploymentID: deployment.ID,
    Status: "cancelled",
    StatusDescription: DEPLOYMENT_DESCRIPTIONS.stoppedJob,
  });
}

/** Each deadline that runs starts anew. */
export function withNewDeadlines(draft: Draft, groups: Deployment["TaskGroups"]): Deployment["TaskGroups"] {
  return Object.fromEntries(
    Object.entries(groups).map(([name, group]) => {
      const runs = group.ProgressDeadline > 0 && group.RequireProgressBy !== null;
      return [name, runs ? { ...group, RequireProgressBy: deadlineFrom(draft, group.ProgressDeadline) } : group] as const;
    }),
  );
}

/** Not if somebody registered something newer meanwhile. */
function rollBack(draft: Draft, deployment: Deployment, to: Job): Job | undefined {
  const record = draft.record(deployment.Namespace, deployment.JobID);
  // A stop is a newer version too.
  if (record === undefined || record.job.Version !== deployment.JobVersion) return undefined;
  const submission = record.versions.find(({ spec }) => spec.Version === to.Version)?.submission ?? null;
  return registerVersion(draft, record, to, submission);
}
