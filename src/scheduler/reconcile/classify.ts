/**
 * What one allocation is to its group now. First rule that applies. nomad.md §6.5 items 1, 2, 4, 5.
 *
 *   gone       over, and not to be counted: another may take its name
 *   lost       its node is down or gone: mark it, replace it
 *   migrating  somebody asked it to move (`alloc stop`, drain)
 *   retry      it failed and somebody asked for another try
 *   held       counts towards the group's count; that it failed or finished does not change that
 *
 * Failed allocations are held until a reschedule is asked for by DesiredTransition; rescheduling by policy decides that elsewhere.
 */
import { clientTerminal, serverTerminal } from "#model";
import type { Allocation, Job, Node } from "#model";

export type Standing = "gone" | "lost" | "migrating" | "retry" | "held";

export function classify(allocation: Allocation, job: Job, nodeOf: (id: string) => Node | undefined): Standing {
  const batch = job.Type === "batch";
  const succeeded = ranSuccessfully(allocation);
  // A finished run of an older version says nothing of the new one: batch jobs run again.
  if (batch && (clientTerminal(allocation) || serverTerminal(allocation)) && isOlder(allocation.Job, job)) return "gone";
  // It was stopped, but had finished by itself: done, unless another already does its work.
  if (serverTerminal(allocation)) return batch && succeeded && allocation.NextAllocation === "" ? "held" : "gone";
  if (clientTerminal(allocation)) {
    if (allocation.ClientStatus === "failed") return wantsRetry(allocation) ? "retry" : "held";
    if (allocation.ClientStatus === "lost") return "gone";
    return batch ? "held" : "gone";
  }
  if (isDown(nodeOf(allocation.NodeID))) return "lost";
  return allocation.DesiredTransition.Migrate === true ? "migrating" : "held";
}

/** Every task ended, none failed. */
function ranSuccessfully(allocation: Allocation): boolean {
  if (allocation.ClientStatus === "complete") {
    const states = Object.values(allocation.TaskStates);
    return states.length === 0 ? allocation.DesiredStatus === "run" : states.every((state) => state.State === "dead" && !state.Failed);
  }
  return false;
}

function wantsRetry(allocation: Allocation): boolean {
  return allocation.DesiredTransition.ForceReschedule === true || allocation.DesiredTransition.Reschedule === true;
}

function isOlder(placed: Job, wanted: Job): boolean {
  return placed.Version < wanted.Version || placed.CreateIndex < wanted.CreateIndex;
}

function isDown(node: Node | undefined): boolean {
  return node === undefined || node.Status === "down" || node.Status === "disconnected";
}
