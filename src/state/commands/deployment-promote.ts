/** Canaries have shown what they should: the rest may follow. nomad.md §6.10. */
import { type Allocation, awaitsPromotion, type Deployment, DEPLOYMENT_DESCRIPTIONS } from "#model";
import type { Command } from "../contract.ts";
import { putDeployment } from "../deployments.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
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
  for (const canary of names.flatMap((name) => healthyCanaries(draft, deployment, name))) unmark(draft, canary);
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

/** From now on it is like any other; its node is told (services leave their canary tags). */
function unmark(draft: Draft, canary: Allocation): void {
  if (canary.DeploymentStatus?.Canary !== true) return;
  draft.putAllocation({
    ...canary,
    DeploymentStatus: { ...canary.DeploymentStatus, Canary: false, ModifyIndex: draft.index },
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    ModifyTime: draft.time,
  });
}

/** Groups whose canaries have not been promoted. */
function waiting(deployment: Deployment): string[] {
  return Object.entries(deployment.TaskGroups).flatMap(([name, group]) => (group.DesiredCanaries > 0 && !group.Promoted ? [name] : []));
}

function obstacle(draft: Draft, deployment: Deployment, names: readonly string[]): string | undefined {
  if (names.length === 0) return "it has no canaries to promote";
  const unknown = names.find((name) => !Object.hasOwn(deployment.TaskGroups, name));
  if (unknown !== undefined) return `it has no group "${unknown}"`;
  const short = names
    .map((name) => ({
      name,
      has: healthyCanaries(draft, deployment, name).length,
      wants: deployment.TaskGroups[name]?.DesiredCanaries ?? 0,
    }))
    .filter(({ has, wants }) => has < wants)
    .map(({ name, has, wants }) => `group "${name}" has ${has} of ${wants} healthy canaries`);
  return short.length === 0 ? undefined : short.join(", ");
}

/** Those that are well, marked still or promoted before. */
function healthyCanaries({ tables }: Draft, { ID, TaskGroups }: Deployment, group: string): Allocation[] {
  const placed = Object.hasOwn(TaskGroups, group) ? (TaskGroups[group]?.PlacedCanaries ?? []) : [];
  return placed.flatMap((id) => {
    const allocation = tables.allocations.get(id);
    return allocation?.DeploymentID === ID && allocation.DeploymentStatus?.Healthy === true ? [allocation] : [];
  });
}
