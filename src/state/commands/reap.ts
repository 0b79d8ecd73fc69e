/**
 * Garbage collection's decision, carried out. It was made from an older snapshot: what has come back to life since is left alone
 * (a job registered again, an evaluation opened again, an allocation that is not over, a deployment that goes on).
 */
import { deploymentActive, evaluationOpen, terminal } from "#model";
import type { Command } from "../contract.ts";
import { dropDeployment } from "../deployments.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { addPast, forgetOldPast } from "../past.ts";
import { cancelDeployment } from "./deployment-status.ts";

type Reap = Extract<Command, { type: "reap" }>;

export function applyReap(draft: Draft, command: Reap): Refusal | undefined {
  for (const id of command.Allocations) {
    const allocation = draft.tables.allocations.get(id);
    if (allocation !== undefined && terminal(allocation)) draft.dropAllocation(allocation);
  }
  for (const id of command.Evaluations) {
    const evaluation = draft.tables.evaluations.get(id);
    if (evaluation !== undefined && !evaluationOpen(evaluation)) draft.dropEvaluation(evaluation);
  }
  for (const { Namespace, ID } of command.Jobs) {
    const record = draft.record(Namespace, ID);
    if (record === undefined || !(record.job.Stop || record.job.Status === "dead")) continue;
    cancelDeployment(draft, record.job);
    draft.dropRecord(record);
  }
  for (const id of command.Deployments ?? []) {
    const deployment = draft.tables.deployments.get(id);
    if (deployment !== undefined && !deploymentActive(deployment)) dropDeployment(draft, deployment);
  }
  for (const past of command.Past ?? []) addPast(draft, past);
  forgetOldPast(draft);
  return undefined;
}
