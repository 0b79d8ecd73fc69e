/**
 * Nodes report what became of their allocations. Ignored, one by one: unknown allocations, those of another node, and a new status
 * for one that is over (F9: what ended stays ended; its last task events may still arrive). A verdict on its health is taken once.
 */
import {
  type Allocation,
  type AllocationClientUpdate,
  type AllocationHealth,
  type AllocNetworkStatus,
  clientTerminal,
  sameValue,
} from "#model";
import { withState } from "../allocation-states.ts";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { compactStates } from "../task-states.ts";

type ClientUpdate = Extract<Command, { type: "allocations-client-update" }>;

export function applyAllocationsClientUpdate(draft: Draft, command: ClientUpdate): Refusal | undefined {
  for (const update of command.Updates) {
    const allocation = draft.tables.allocations.get(update.ID);
    if (allocation !== undefined && accepts(allocation, update)) draft.putAllocation(reported(draft, allocation, update));
  }
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

function accepts(allocation: Allocation, update: AllocationClientUpdate): boolean {
  if (allocation.NodeID !== update.NodeID) return false;
  if (clientTerminal(allocation) && allocation.ClientStatus !== update.ClientStatus) return false;
  return (
    allocation.ClientStatus !== update.ClientStatus ||
    allocation.ClientDescription !== update.ClientDescription ||
    verdictOf(allocation, update) !== undefined ||
    networkOf(allocation, update) !== (allocation.NetworkStatus ?? null) ||
    !sameValue(allocation.TaskStates, update.TaskStates)
  );
}

/** AllocModifyIndex stays: a node does not wait for its own words. */
function reported(draft: Draft, allocation: Allocation, update: AllocationClientUpdate): Allocation {
  const verdict = verdictOf(allocation, update);
  const comesBack = allocation.ClientStatus === "unknown" && update.ClientStatus !== "unknown";
  return {
    ...allocation,
    DeploymentStatus: verdict === undefined ? allocation.DeploymentStatus : withVerdict(draft, allocation, verdict),
    AllocStates: comesBack ? withState(draft, allocation, "reconnected") : allocation.AllocStates,
    ClientStatus: draft.interned.text(update.ClientStatus),
    ClientDescription: draft.interned.text(update.ClientDescription),
    TaskStates: compactStates(update.TaskStates, allocation, draft.interned),
    ...networkStatus(allocation, networkOf(allocation, update)),
    ModifyIndex: draft.index,
    ModifyTime: draft.time,
  };
}

/** Left out: as it was told last. */
function networkOf(allocation: Allocation, update: AllocationClientUpdate): AllocNetworkStatus | null {
  const known = allocation.NetworkStatus ?? null;
  return update.NetworkStatus === undefined || sameValue(update.NetworkStatus, known) ? known : update.NetworkStatus;
}

/** Most allocations never have one, and need no room for it. */
function networkStatus(allocation: Allocation, network: AllocNetworkStatus | null): Pick<Allocation, "NetworkStatus"> {
  return network === null && allocation.NetworkStatus === undefined ? {} : { NetworkStatus: network };
}

/** The first word counts: a node that starts again may judge again, and what a person said stands (deployment-allocation-health). */
function verdictOf(allocation: Allocation, update: AllocationClientUpdate): AllocationHealth | undefined {
  const judged = typeof allocation.DeploymentStatus?.Healthy === "boolean";
  return judged ? undefined : (update.DeploymentStatus ?? undefined);
}

function withVerdict(draft: Draft, { DeploymentStatus }: Allocation, verdict: AllocationHealth): Allocation["DeploymentStatus"] {
  return {
    Healthy: verdict.Healthy,
    Canary: DeploymentStatus?.Canary === true,
    Timestamp: draft.interned.text(verdict.Timestamp),
    ModifyIndex: draft.index,
  };
}
