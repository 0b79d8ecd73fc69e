/**
 * What a draining node needs next: a pure step over the node and what is on it. nomad.md §6.11.
 *
 *   draining ──► services leave as fast as their groups allow (group-budget.ts), batch work may end by itself
 *      │                                   │
 *      │ deadline (or forced)              │ only system jobs are left
 *      ▼                                   ▼
 *   everything leaves at once          system jobs leave (never, when they are ignored)
 *      │   batch: nothing replaces it      │
 *      └───────────────┬───────────────────┘
 *                      ▼
 *   the node has said of every allocation that it is over ──► complete        never sooner (F56)
 */
import { type Allocation, clientTerminal, type Node } from "#model";

export interface NodeDrainView {
  readonly node: Pick<Node, "DrainStrategy">;
  readonly allocations: readonly Allocation[];
  readonly nowMs: number;
}

export interface NodeDrainStep {
  /** Nothing runs here any more: the drain is over. */
  readonly complete: boolean;
  /** To be marked now, whatever its group can spare. */
  readonly migrate: readonly Allocation[];
  /** Services that leave when their group can spare them. */
  readonly byBudget: readonly Allocation[];
  readonly deadlinePassed: boolean;
  /** When to look again though nothing happened: the deadline. null: none, or it is past. */
  readonly wakeAtMs: number | null;
}

const NO_DRAIN: NodeDrainStep = { complete: false, migrate: [], byBudget: [], deadlinePassed: false, wakeAtMs: null };

export function stepNodeDrain({ node, allocations, nowMs }: NodeDrainView): NodeDrainStep {
  const strategy = node.DrainStrategy;
  if (strategy === null) return NO_DRAIN;
  const living = allocations.filter((each) => !clientTerminal(each) && !(strategy.IgnoreSystemJobs && ofSystemJob(each)));
  const deadlineMs = forcedAtMs(strategy);
  const deadlinePassed = deadlineMs !== null && deadlineMs <= nowMs;
  if (living.length === 0) return { ...NO_DRAIN, complete: true, deadlinePassed };
  const unmarked = living.filter(mayLeave);
  if (deadlinePassed) return { ...NO_DRAIN, migrate: unmarked, deadlinePassed };
  return {
    ...NO_DRAIN,
    migrate: living.every(ofSystemJob) ? unmarked : [],
    byBudget: unmarked.filter(({ Job }) => Job.Type === "service"),
    wakeAtMs: deadlineMs,
  };
}

/** It is to run, and has not been told to leave yet. */
export function mayLeave(allocation: Allocation): boolean {
  return allocation.DesiredStatus === "run" && allocation.DesiredTransition.Migrate !== true && !clientTerminal(allocation);
}

/** A batch allocation is only ever told to leave when its time is up: its work is cut off, not moved. */
export function leavesForGood(allocation: Pick<Allocation, "Job">): boolean {
  return allocation.Job.Type === "batch";
}

/** System and sysbatch: on this machine for its own sake. */
function ofSystemJob({ Job }: Pick<Allocation, "Job">): boolean {
  return Job.Type === "system" || Job.Type === "sysbatch";
}

/** Unix milliseconds; 0 for a forced drain; null: never. */
function forcedAtMs(strategy: { readonly Deadline: number; readonly ForceDeadline: string }): number | null {
  if (strategy.Deadline < 0) return 0;
  if (strategy.Deadline === 0) return null;
  const at = Date.parse(strategy.ForceDeadline);
  return Number.isNaN(at) ? 0 : at;
}
