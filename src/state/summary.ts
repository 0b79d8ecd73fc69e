/**
 * Counts of a job's allocations per group, moved along as allocations change. nomad.md §6.9.
 *
 * Complete, Failed and Lost are history: they stay when garbage collection takes the allocation. Queued is what the latest evaluation said.
 */
import { type Allocation, clientTerminal, type ClientStatus, type GroupSummary, type JobSummary } from "#model";

const EMPTY_GROUP: Readonly<GroupSummary> = { Queued: 0, Complete: 0, Failed: 0, Running: 0, Starting: 0, Lost: 0, Unknown: 0 };

/** Under which count an allocation stands. */
export const COUNTED_AS: Readonly<Record<ClientStatus, Exclude<keyof GroupSummary, "Queued">>> = {
  pending: "Starting",
  running: "Running",
  complete: "Complete",
  failed: "Failed",
  lost: "Lost",
  unknown: "Unknown",
};

export type GroupSummaries = Record<string, GroupSummary>;

/** A copy that may be written to. */
export function openSummary(summary: JobSummary["Summary"]): GroupSummaries {
  const groups: GroupSummaries = {};
  for (const name of Object.keys(summary)) Object.assign(groupOf(groups, name), summary[name]);
  return groups;
}

/** One allocation came (`before` undefined), changed, or was reaped (`after` undefined). */
export function countAllocation(groups: GroupSummaries, before: Allocation | undefined, after: Allocation | undefined): void {
  if (before !== undefined && after !== undefined && before.ClientStatus === after.ClientStatus) return;
  if (before !== undefined && (after !== undefined || !clientTerminal(before))) {
    const group = groupOf(groups, before.TaskGroup);
    const count = COUNTED_AS[before.ClientStatus];
    group[count] = Math.max(0, group[count] - 1);
  }
  if (after !== undefined) groupOf(groups, after.TaskGroup)[COUNTED_AS[after.ClientStatus]]++;
}

/** The group's counts, made when it has none. Names are users' words: what an object inherits ("constructor") is no group. */
export function groupOf(groups: GroupSummaries, name: string): GroupSummary {
  const known = knownGroup(groups, name);
  if (known !== undefined) return known;
  const made: GroupSummary = { ...EMPTY_GROUP };
  Object.defineProperty(groups, name, { value: made, writable: true, enumerable: true, configurable: true });
  return made;
}

export function knownGroup(groups: Readonly<Record<string, Readonly<GroupSummary>>>, name: string): GroupSummary | undefined {
  return Object.hasOwn(groups, name) ? (groups[name] as GroupSummary) : undefined;
}
