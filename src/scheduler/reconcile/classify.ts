/**
 * What one allocation is to its group now. First rule that applies. nomad.md §6.5 items 1, 2, 4, 5, 7.
 *
 *   gone       over, or replaced, and not to be counted: another may take its name
 *   lost       its node is down or gone, or silent for too long: mark it, replace it
 *   silent     its node does not answer: mark it unknown
 *   away       unknown, and another stands in for it: wait
 *   vanished   unknown, and nobody stands in for it yet: replace it, leave it be
 *   migrating  somebody asked it to move (`alloc stop`, drain)
 *   retry      it failed and its time has come to be tried again
 *   later      it failed, or is unknown, and its time will come: held until then
 *   held       counts towards the group's count; that it failed or finished does not change that
 */
import { clientTerminal, serverTerminal } from "#model";
import type { Allocation, Job, Node } from "#model";
import { disconnectOf, isExpired, placedGroup, unknownSinceNs } from "./disconnect.ts";
import { retryAfter, retryOf, type Retry, type RescheduleMoment } from "./reschedule.ts";

export type Standing = "gone" | "lost" | "silent" | "away" | "vanished" | "migrating" | "retry" | "later" | "held";

export interface Surroundings {
  readonly job: Job;
  readonly nodeOf: (id: string) => Node | undefined;
  readonly moment: RescheduleMoment;
  /** Another does its work. */
  readonly isReplaced: (allocation: Allocation) => boolean;
}

export function classify(allocation: Allocation, around: Surroundings): Standing {
  const batch = around.job.Type === "batch";
  // A finished run of an older version says nothing of the new one: batch jobs run again.
  if (batch && (clientTerminal(allocation) || serverTerminal(allocation)) && isOlder(allocation.Job, around.job)) return "gone";
  if (serverTerminal(allocation)) return batch && countsThoughStopped(allocation) ? "held" : "gone";
  if (clientTerminal(allocation)) return classifyEnded(allocation, batch, around);
  const node = around.nodeOf(allocation.NodeID);
  if (allocation.ClientStatus === "unknown") return classifyUnknown(allocation, node, around);
  if (node === undefined) return "lost";
  if (node.Status === "down" || node.Status === "disconnected") return classifyUnreachable(allocation, node);
  return allocation.DesiredTransition.Migrate === true ? "migrating" : "held";
}

/** Its node is down or gone, and it has not said that it is over: nobody will ever say it. What is stopped there is lost. */
export function isOutOfReach(allocation: Allocation, nodeOf: Surroundings["nodeOf"]): boolean {
  return !clientTerminal(allocation) && (nodeOf(allocation.NodeID)?.Status ?? "down") === "down";
}

/** What becomes of an allocation that is silent since now: is it replaced, and when? */
export function afterSilence(allocation: Allocation, moment: RescheduleMoment): Retry {
  if (!disconnectOf(placedGroup(allocation)).replace) return { when: "never" };
  const since = allocation.ClientStatus === "unknown" ? unknownSinceNs(allocation) : undefined;
  return retryAfter(allocation, since ?? moment.nowNs, moment);
}

/** It was stopped, but had finished by itself: done, unless another already does its work. Or it was drained for good. */
function countsThoughStopped(allocation: Allocation): boolean {
  if (allocation.NextAllocation !== "" || allocation.DesiredTransition.Reschedule === true) return false;
  return ranSuccessfully(allocation) || allocation.DesiredTransition.MigrateDisablePlacement === true;
}

function classifyEnded(allocation: Allocation, batch: boolean, { moment, isReplaced }: Surroundings): Standing {
  if (allocation.ClientStatus === "complete") return batch ? "held" : "gone";
  // One that was tried again already counts no more: old failures spawn nothing (F10).
  if (allocation.ClientStatus === "lost" || isReplaced(allocation)) return "gone";
  // A drained node's failed canary would otherwise be waited for in vain (F15).
  if (allocation.DesiredTransition.Migrate === true && allocation.DeploymentStatus?.Canary === true) return "migrating";
  return standingOf(retryOf(allocation, moment), "retry");
}

function classifyUnknown(allocation: Allocation, node: Node | undefined, { moment, isReplaced }: Surroundings): Standing {
  if (node === undefined || isExpired(allocation, moment.nowNs)) return "lost";
  const { replace } = disconnectOf(placedGroup(allocation));
  if (node.Status === "down" && replace) return "lost";
  if (isReplaced(allocation)) return "away";
  // Its node is back and about to say how it is.
  if (node.Status === "ready" || !replace) return "held";
  return standingOf(afterSilence(allocation, moment), "vanished");
}

function classifyUnreachable(allocation: Allocation, node: Node): Standing {
  const { lostAfterNs, replace } = disconnectOf(placedGroup(allocation));
  if (allocation.ClientStatus !== "running") return "lost";
  if (!replace) return "silent";
  return node.Status === "disconnected" && lostAfterNs > 0 ? "silent" : "lost";
}

function standingOf(retry: Retry, now: Standing): Standing {
  return retry.when === "now" ? now : retry.when === "later" ? "later" : "held";
}

/** Every task ended, none failed. */
function ranSuccessfully(allocation: Allocation): boolean {
  if (allocation.ClientStatus === "complete") {
    const states = Object.values(allocation.TaskStates);
    return states.length === 0 ? allocation.DesiredStatus === "run" : states.every((state) => state.State === "dead" && !state.Failed);
  }
  return false;
}

function isOlder(placed: Job, wanted: Job): boolean {
  return placed.Version < wanted.Version || placed.CreateIndex < wanted.CreateIndex;
}
