/** A person says of a deployment's allocations whether they are well; it stands over what their nodes said, and may end the deployment. */
import type { Allocation, AllocationId } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { activeDeployment, moveOn } from "./deployment-status.ts";

type AllocationHealthCommand = Extract<Command, { type: "deployment-allocation-health" }>;

export function applyDeploymentAllocationHealth(draft: Draft, command: AllocationHealthCommand): Refusal | undefined {
  const found = activeDeployment(draft, command.DeploymentID, "set allocation health of");
  if ("refusal" in found) return found.refusal;
  const stranger = [...command.Healthy, ...command.Unhealthy].find((id) => {
    return draft.tables.allocations.get(id)?.DeploymentID !== command.DeploymentID;
  });
  if (stranger !== undefined) {
    return {
      code: "invalid",
      reason: `Cannot set health of allocation "${stranger}": it is not part of deployment "${command.DeploymentID}"`,
    };
  }
  setHealth(draft, command.Healthy, true);
  setHealth(draft, command.Unhealthy, false);
  if (command.End !== undefined) return moveOn(draft, found.deployment, { ...command.End, Evaluations: command.Evaluations });
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

function setHealth(draft: Draft, ids: readonly AllocationId[], Healthy: boolean): void {
  const Timestamp = new Date(draft.time / 1e6).toISOString();
  for (const id of ids) {
    const stored = draft.tables.allocations.get(id) as Allocation;
    draft.putAllocation({
      ...stored,
      DeploymentStatus: { Healthy, Canary: stored.DeploymentStatus?.Canary === true, Timestamp, ModifyIndex: draft.index },
      ModifyIndex: draft.index,
      AllocModifyIndex: draft.index,
      ModifyTime: draft.time,
    });
  }
}
