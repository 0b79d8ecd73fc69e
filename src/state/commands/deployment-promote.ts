/** Canaries have shown what they should: the rest may follow. nomad.md §6.10. */
import { awaitsPromotion, type Deployment, DEPLOYMENT_DESCRIPTIONS } from "#model";
import type { Command } from "../contract.ts";
import { putDeployment } from "../deployments.ts";
import type { Draft, Refusal } from "../draft.ts";
import { activeDeployment, withNewDeadlines } from "./deployment-status.ts";

type DeploymentPromote = Extract<Command, { type: "deployment-promote" }>;

export function applyDeploymentPromote(draft: Draft, command: DeploymentPromote): Refusal | undefined {
  const found = activeDeployment(draft, command.DeploymentID, "promote");
  if ("refusal" in found) return found.refusal;
  const { deployment } = found;
  const names = command.Groups ?? waiting(deployment);
  const why = obstacle(draft, deployment, names);
  if (why !== undefined) return { code: "invalid", reason: `Cannot promote deployment "${deployment.ID}": ${why}` };
  const TaskGroups = { ...withNewDeadlines(draft, deployment.TaskGroups) };
  for (const name of names) TaskGroups[name] = { ...TaskGroups[name]!, Promoted: true };
  const promoted: Deployment = { ...deployment, TaskGroups };
  const done = promoted.Status === "running" && !awaitsPromotion(promoted);
  putDeployment(draft, done ? { ...promoted, StatusDescription: DEPLOYMENT_DESCRIPTIONS.running } : promoted);
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

/** Groups whose canaries have not been promoted. */
function waiting(deployment: Deployment): string[] {
  return Object.entries(deployment.TaskGroups).flatMap(([name, group]) => (group.DesiredCanaries > 0 && !group.Promoted ? [name] : []));
}

function obstacle(draft: Draft, deployment: Deployment, names: readonly string[]): string | undefined {
  if (names.length === 0) return "it has no canaries to promote";
  const unknown = names.find((name) => !Object.hasOwn(deployment.TaskGroups, name));
  if (unknown !== undefined) return `it has no group "${unknown}"`;
  const healthy = healthyCanaries(draft, deployment);
  const short = names
    .map((name) => ({ name, has: healthy.get(name) ?? 0, wants: deployment.TaskGroups[name]?.DesiredCanaries ?? 0 }))
    .filter(({ has, wants }) => has < wants)
    .map(({ name, has, wants }) => `group "${name}" has ${has} of ${wants} healthy canaries`);
  return short.length === 0 ? undefined : short.join(", ");
}

function healthyCanaries({ tables }: Draft, deployment: Deployment): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of tables.allocationsByDeployment.values(deployment.ID)) {
    const allocation = tables.allocations.get(id);
    if (allocation?.DeploymentStatus?.Canary !== true || allocation.DeploymentStatus.Healthy !== true) continue;
    counts.set(allocation.TaskGroup, (counts.get(allocation.TaskGroup) ?? 0) + 1);
  }
  return counts;
}
