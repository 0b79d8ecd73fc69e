/**
 * What the wanted version means for those that stay: nothing, an update where they are, or a new one in their place.
 * nomad.md §6.5 item 11; the fields are judged in model/change.ts.
 *
 * One that is out of sight is not updated where it is before it is back: its node would not hear of it.
 */
import { clientTerminal, type GroupChange, groupChange } from "#model";
import type { Allocation, Job, TaskGroup } from "#model";
import { byIndex } from "./shrink.ts";

export interface Versions {
  /** Nothing to do: of this version, or over and not worth a new one, or out of sight. */
  readonly same: number;
  readonly inPlace: readonly Allocation[];
  /** Lowest index first. */
  readonly destroy: readonly Allocation[];
}

export interface VersionsInput {
  readonly job: Job;
  readonly group: TaskGroup;
  readonly held: readonly Allocation[];
  /** Does its node still pass the new version's checks? */
  readonly mayStay: (allocation: Allocation) => boolean;
  readonly isSilent: (allocation: Allocation) => boolean;
}

/** One comparison per old version, not per allocation. */
export function compareVersions({ job, group, held, mayStay, isSilent }: VersionsInput): Versions {
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
    else if (clientTerminal(allocation) || isSilent(allocation)) same++;
    else inPlace.push(allocation);
  }
  return { same, inPlace, destroy: byIndex(destroy) };
}

function isCurrent(placed: Job, wanted: Job): boolean {
  return placed === wanted || (placed.JobModifyIndex === wanted.JobModifyIndex && placed.CreateIndex === wanted.CreateIndex);
}
