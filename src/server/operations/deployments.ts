/**
 * What people do to a deployment: promote its canaries, pause it and let it go on, fail it, judge its allocations. nomad.md §6.10.
 * Only an active one can be moved; the words of a refusal are those users know.
 */
import { type AllocationId, type Deployment, deploymentActive, DEPLOYMENT_DESCRIPTIONS, type DeploymentId, type Evaluation } from "#model";
import type { Command } from "#state";
import { commit, type ServerContext } from "../context.ts";
import type { DeploymentResponse } from "../contract.ts";
import { badRequest, deploymentNotFound, deploymentTerminal } from "../errors.ts";
import { endingOf, evaluationOfDeployment } from "../reconcilers/deployments/ending.ts";
import { restoreGateways } from "./mesh-gateways.ts";

/** `groups` null: all. */
export async function promoteDeployment(
  context: ServerContext,
  id: DeploymentId,
  groups: readonly string[] | null,
): Promise<DeploymentResponse> {
  const deployment = requireActive(context, id, "promote");
  const unknown = (groups ?? []).find((name) => !Object.hasOwn(deployment.TaskGroups, name));
  if (unknown !== undefined) throw badRequest(`Cannot promote deployment "${id}": it has no group "${unknown}"`);
  return move(context, deployment, (Evaluations) => ({ type: "deployment-promote", DeploymentID: id, Groups: groups, Evaluations }));
}

export async function pauseDeployment(context: ServerContext, id: DeploymentId, pause: boolean): Promise<DeploymentResponse> {
  const deployment = requireActive(context, id, pause ? "pause" : "resume");
  if ((deployment.Status === "paused") === pause) return unchanged(context, deployment);
  const Update = {
    DeploymentID: id,
    Status: pause ? "paused" : "running",
    StatusDescription: pause ? DEPLOYMENT_DESCRIPTIONS.paused : DEPLOYMENT_DESCRIPTIONS.running,
  } as const;
  // Paused, there is nothing to look for.
  return move(context, deployment, (all) => ({ type: "deployment-status", Update, Rollback: null, Evaluations: pause ? [] : all }));
}

export async function failDeployment(context: ServerContext, id: DeploymentId): Promise<DeploymentResponse> {
  const deployment = requireActive(context, id, "fail");
  const rollback = Object.values(deployment.TaskGroups).some((group) => group.AutoRevert);
  return end(context, deployment, DEPLOYMENT_DESCRIPTIONS.failedByUser, rollback);
}

/** A person's word goes over the nodes'. An unhealthy one fails the deployment. */
export async function setDeploymentHealth(
  context: ServerContext,
  id: DeploymentId,
  healthy: readonly AllocationId[],
  unhealthy: readonly AllocationId[],
): Promise<DeploymentResponse> {
  if (healthy.length + unhealthy.length === 0) throw badRequest("must specify at least one healthy/unhealthy allocation ID");
  const both = healthy.find((each) => unhealthy.includes(each));
  if (both !== undefined) throw badRequest(`Cannot set health of allocation "${both}": it is listed as healthy and as unhealthy`);
  const deployment = requireActive(context, id, "set health of allocations for");
  requireOwn(context, deployment, [...healthy, ...unhealthy]);
  const judgement = { type: "deployment-allocation-health", DeploymentID: id, Healthy: healthy, Unhealthy: unhealthy } as const;
  if (unhealthy.length === 0) return move(context, deployment, (Evaluations) => ({ ...judgement, Evaluations }));
  const groups = unhealthy.map((each) => context.cluster.state.snapshot().allocation(each)?.TaskGroup ?? "");
  const rollback = groups.some((name) => Object.hasOwn(deployment.TaskGroups, name) && deployment.TaskGroups[name]?.AutoRevert === true);
  const reason = DEPLOYMENT_DESCRIPTIONS.failedAllocations;
  const { command, revertedVersion } = endingOf(context, deployment, { status: "failed", reason, rollback });
  const { Update, Rollback, Evaluations } = command;
  // One entry: no crash leaves an allocation judged and its deployment going on.
  const index = await commit(context, { ...judgement, End: { Update, Rollback }, Evaluations });
  if (Rollback !== null) restoreGateways(context, deployment.Namespace, deployment.JobID);
  return response(Evaluations, index, revertedVersion);
}

async function end(context: ServerContext, deployment: Deployment, reason: string, rollback: boolean): Promise<DeploymentResponse> {
  const { command, revertedVersion } = endingOf(context, deployment, { status: "failed", reason, rollback });
  const index = await commit(context, command);
  if (command.Rollback !== null) restoreGateways(context, deployment.Namespace, deployment.JobID);
  return response(command.Evaluations, index, revertedVersion);
}

async function move(
  context: ServerContext,
  deployment: Deployment,
  command: (evaluations: readonly Evaluation[]) => Extract<Command, { readonly Evaluations: readonly Evaluation[] }>,
): Promise<DeploymentResponse> {
  const job = context.cluster.state.snapshot().job(deployment.Namespace, deployment.JobID);
  const proposed = command(job === undefined ? [] : [evaluationOfDeployment(context, deployment, job)]);
  const index = await commit(context, proposed);
  return response(proposed.Evaluations, index, null);
}

function response(evaluations: readonly Evaluation[], index: number, revertedVersion: number | null): DeploymentResponse {
  const evaluation = evaluations[0];
  return {
    EvalID: evaluation?.ID ?? "",
    EvalCreateIndex: evaluation === undefined ? 0 : index,
    DeploymentModifyIndex: index,
    RevertedJobVersion: revertedVersion,
    Index: index,
  };
}

function unchanged(context: ServerContext, deployment: Deployment): DeploymentResponse {
  return {
    EvalID: "",
    EvalCreateIndex: 0,
    DeploymentModifyIndex: deployment.ModifyIndex,
    RevertedJobVersion: null,
    Index: context.cluster.state.index,
  };
}

function requireActive(context: ServerContext, id: DeploymentId, verb: string): Deployment {
  const deployment = context.cluster.state.snapshot().deployment(id);
  if (deployment === undefined) throw deploymentNotFound(id);
  if (!deploymentActive(deployment)) throw deploymentTerminal(verb, deployment);
  return deployment;
}

function requireOwn(context: ServerContext, deployment: Deployment, ids: readonly AllocationId[]): void {
  const snapshot = context.cluster.state.snapshot();
  const foreign = ids.find((id) => snapshot.allocation(id)?.DeploymentID !== deployment.ID);
  if (foreign !== undefined) {
    throw badRequest(`Cannot set health of allocation "${foreign}": it does not belong to deployment "${deployment.ID}"`);
  }
}
