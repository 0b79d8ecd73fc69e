/**
 * What the wanted version means for those that stay: nothing, an update where they are, or a new one in their place.
 * nomad.md §6.5 item 11; the fields are judged in model/change.ts.
 *
 * One that is out of sight is not updated where it is before it is back: its node would not hear of it.
 */
import { clientTerminal, type GroupChange, groupChange, sameJobSpec } from "#model";
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
  const known = new Map<Job, Change>();
  const inPlace: Allocation[] = [];
  const destroy: Allocation[] = [];
  let same = 0;
  for (const allocation of held) {
    if (isCurrent(allocation.Job, job)) {
      same++;
      continue;
    }
    let change = known.get(allocation.Job);
    if (change === undefined) known.set(allocation.Job, (change = changeFrom(allocation.Job, job, group.Name)));
    const { effect, looksAtNode } = change;
    if (effect === "destroy" || (looksAtNode && !clientTerminal(allocation) && !mayStay(allocation))) destroy.push(allocation);
    else if (clientTerminal(allocation) || isSilent(allocation)) same++;
    else inPlace.push(allocation);
  }
  return { same, inPlace, destroy: byIndex(destroy) };
}

interface Change {
  readonly effect: GroupChange;
  /** Whether its node may have it is asked anew; not when nothing but max_run_duration changed. */
  readonly looksAtNode: boolean;
}

function changeFrom(old: Job, wanted: Job, name: string): Change {
  const effect = groupChange(old, wanted, name);
  return { effect, looksAtNode: effect !== "destroy" && !onlyRunsLonger(old, wanted) };
}

function onlyRunsLonger(old: Job, wanted: Job): boolean {
  const limits = new Map(wanted.TaskGroups.map((group) => [group.Name, group.MaxRunDuration]));
  const changed = old.TaskGroups.some((group) => limits.get(group.Name) !== group.MaxRunDuration);
  const TaskGroups = old.TaskGroups.map((group) => ({ ...group, MaxRunDuration: limits.get(group.Name) ?? group.MaxRunDuration }));
  return changed && sameJobSpec({ ...old, TaskGroups }, wanted);
}

function isCurrent(placed: Job, wanted: Job): boolean {
  return placed === wanted || (placed.JobModifyIndex === wanted.JobModifyIndex && placed.CreateIndex === wanted.CreateIndex);
}
