/**
 * What the wanted version means for those that stay: nothing, an update where they are, or a new one in their place.
 * nomad.md §6.5 item 11; the fields are judged in model/change.ts.
 */
import { clientTerminal, type GroupChange, groupChange } from "#model";
import type { Allocation, Job, TaskGroup } from "#model";
import { byIndex } from "./shrink.ts";

export interface Versions {
  /** Nothing to do: of this version, or over and not worth a new one. */
  readonly same: number;
  readonly inPlace: readonly Allocation[];
  /** Lowest index first. */
  readonly destroy: readonly Allocation[];
}

/** `mayStay`: does its node still pass the new version's checks? One comparison per old version, not per allocation. */
export function compareVersions(
  job: Job,
  group: TaskGroup,
  held: readonly Allocation[],
  mayStay: (allocation: Allocation) => boolean,
): Versions {
  const known = new Map<Job, GroupChange>();
  const inPlace: Allocation[] = [];
  const destroy: Allocation[] = [];
  let same = 0;
  for (const allocation of held) {
    if (isCurrent(allocation.Job, job)) {
      same++;
      continue;
    }
    let change = known.get(allocation.Job);
    if (change === undefined) known.set(allocation.Job, (change = groupChange(allocation.Job, job, group.Name)));
    if (change === "destroy" || (!clientTerminal(allocation) && !mayStay(allocation))) destroy.push(allocation);
    else if (clientTerminal(allocation)) same++;
    else inPlace.push(allocation);
  }
  return { same, inPlace, destroy: byIndex(destroy) };
}

function isCurrent(placed: Job, wanted: Job): boolean {
  return placed === wanted || (placed.JobModifyIndex === wanted.JobModifyIndex && placed.CreateIndex === wanted.CreateIndex);
}
