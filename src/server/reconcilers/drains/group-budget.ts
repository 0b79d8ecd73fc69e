/**
 * How many of a service group may leave draining nodes now, whichever nodes these are. Pure. nomad.md §6.11.
 *
 *   spare = well − (count − migrate.max_parallel)
 *
 * `well`: to stay, alive, and with a verdict on its health, good or bad: a replacement counts once it has shown what it is, so a
 * drain goes on as fast as the replacements come up, and a group that was never well is not kept on the node for ever.
 */
import { type Allocation, terminal, type TaskGroup } from "#model";
import { mayLeave } from "./node-step.ts";

export interface GroupBudgetView {
  /** As its job wants it now; undefined: the group is no longer wanted, so nothing holds its allocations. */
  readonly group: Pick<TaskGroup, "Count" | "Migrate"> | undefined;
  /** All of the group, on whatever node. */
  readonly allocations: readonly Allocation[];
  readonly draining: (nodeId: string) => boolean;
}

const MAX_PARALLEL_DEFAULT = 1;

/** Those to be told to leave now, in the order of their names. */
export function leavingOf({ group, allocations, draining }: GroupBudgetView): readonly Allocation[] {
  const candidates = allocations.filter((each) => mayLeave(each) && draining(each.NodeID)).sort(byName);
  if (group === undefined) return candidates;
  const well = allocations.filter(isWell).length;
  const spare = well - ((group.Count ?? 1) - (group.Migrate?.MaxParallel ?? MAX_PARALLEL_DEFAULT));
  return candidates.slice(0, Math.max(0, spare));
}

function isWell(allocation: Allocation): boolean {
  const judged = allocation.DeploymentStatus !== null && allocation.DeploymentStatus.Healthy !== null;
  return judged && !terminal(allocation) && allocation.DesiredTransition.Migrate !== true;
}

function byName(a: Allocation, b: Allocation): number {
  return a.Name < b.Name ? -1 : a.Name > b.Name ? 1 : a.ID < b.ID ? -1 : 1;
}
