/**
 * What a plan says of deployments: old ones end, its own is created or counts anew. Its job has one active deployment at most: creating
 * a second one cancels the first, unless the first is of a newer version: then the plan is old, and refused.
 */
import { type Deployment, deploymentActive, DEPLOYMENT_DESCRIPTIONS, type DeploymentGroup, type Job, jobKey, type Plan } from "#model";
import { putDeployment } from "../deployments.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { setStatus } from "./deployment-status.ts";

/** `spec` is the plan's version as it is kept; without it nothing is created. */
export function planDeployments(draft: Draft, plan: Plan, spec: Job | undefined): Refusal | undefined {
  for (const update of plan.DeploymentUpdates) {
    const deployment = draft.tables.deployments.get(update.DeploymentID);
    // Somebody else has ended it meanwhile: that stands.
    if (deployment !== undefined && deploymentActive(deployment)) setStatus(draft, deployment, update);
  }
  if (plan.Deployment === null || spec === undefined) return undefined;
  const stored = draft.tables.deployments.get(plan.Deployment.ID);
  if (stored === undefined) return create(draft, plan.Deployment, spec);
  if (deploymentActive(stored)) putDeployment(draft, recounted(stored, plan.Deployment));
  return undefined;
}

function create(draft: Draft, wanted: Deployment, spec: Job): Refusal | undefined {
  const { tables } = draft;
  const activeId = tables.activeDeploymentByJob.get(jobKey(spec));
  const active = activeId === undefined ? undefined : tables.deployments.get(activeId);
  if (active !== undefined && deploymentActive(wanted)) {
    if (active.JobVersion > spec.Version) {
      return {
        code: "conflict",
        reason: `Cannot deploy version ${spec.Version} of job "${spec.ID}": deployment "${active.ID}" of version ${active.JobVersion} goes on`,
      };
    }
    setStatus(draft, active, { DeploymentID: active.ID, Status: "cancelled", StatusDescription: DEPLOYMENT_DESCRIPTIONS.newerJob });
  }
  const TaskGroups = Object.fromEntries(Object.entries(wanted.TaskGroups).map(([name, group]) => [name, unplaced(group)] as const));
  putDeployment(draft, {
    ...wanted,
    Namespace: spec.Namespace,
    JobID: spec.ID,
    JobVersion: spec.Version,
    JobCreateIndex: spec.CreateIndex,
    TaskGroups,
  });
  return undefined;
}

/** What is wanted is the plan's to say; what has happened is the state's. */
function recounted(stored: Deployment, wanted: Deployment): Deployment {
  const TaskGroups = { ...stored.TaskGroups };
  for (const [name, group] of Object.entries(wanted.TaskGroups)) {
    const known = Object.hasOwn(TaskGroups, name) ? TaskGroups[name] : undefined;
    TaskGroups[name] =
      known === undefined ? unplaced(group) : { ...known, DesiredCanaries: group.DesiredCanaries, DesiredTotal: group.DesiredTotal };
  }
  return { ...stored, TaskGroups };
}

function unplaced(group: DeploymentGroup): DeploymentGroup {
  return { ...group, PlacedCanaries: [], PlacedAllocs: 0, HealthyAllocs: 0, UnhealthyAllocs: 0, RequireProgressBy: null };
}
