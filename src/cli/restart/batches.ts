/** Which allocations `job restart` takes, and how many at a time. Pure. nomad.md §4.3. */
import { UsageError } from "../flags.ts";

/** "3", or "25%" of `count` (at least one). */
export function batchSize(text: string, count: number): number {
  const match = /^(\d+)(%?)$/.exec(text.trim());
  const value = Number(match?.[1] ?? 0);
  if (match === null || value < 1 || (match[2] === "%" && value > 100))
    throw new UsageError(`Invalid -batch-size value ${JSON.stringify(text)}: want a whole number of 1 or more, or 1% to 100%`);
  return match[2] === "%" ? Math.max(1, Math.ceil((count * value) / 100)) : value;
}

/** 1st, 2nd, 3rd, 4th, 11th, 21st. */
export function ordinal(position: number): string {
  const teen = position % 100 >= 11 && position % 100 <= 13;
  return `${position}${teen ? "th" : (["th", "st", "nd", "rd"][position % 10] ?? "th")}`;
}

export function inBatches<T>(all: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let at = 0; at < all.length; at += size) batches.push(all.slice(at, at + size));
  return batches;
}

export interface Restartable {
  readonly ID: string;
  readonly Name: string;
  readonly TaskGroup: string;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<Record<string, { readonly State: string }>> | null;
}

/**
 * Those that run, of the groups and with the tasks asked for (none asked for: all), by name. `anyTask`: tasks that have ended count too.
 */
export function restartable<T extends Restartable>(
  all: readonly T[],
  asked: { readonly groups: readonly string[]; readonly tasks: readonly string[]; readonly anyTask: boolean },
): T[] {
  return all
    .filter((each) => each.ClientStatus === "running" && each.DesiredStatus === "run")
    .filter((each) => asked.groups.length === 0 || asked.groups.includes(each.TaskGroup))
    .filter((each) => asked.tasks.length === 0 || tasksToRestart(each, asked).length > 0)
    .toSorted((left, right) => (left.Name < right.Name ? -1 : left.Name > right.Name ? 1 : left.ID < right.ID ? -1 : 1));
}

export function tasksToRestart(
  allocation: Pick<Restartable, "TaskStates">,
  asked: { readonly tasks: readonly string[]; readonly anyTask: boolean },
): string[] {
  return asked.tasks.filter((task) => {
    const state = allocation.TaskStates?.[task];
    return state !== undefined && (asked.anyTask || state.State === "running");
  });
}
