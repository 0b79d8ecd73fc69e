/**
 * A node came back, and what it runs has been replaced meanwhile: who stays? nomad.md §6.5 item 8.
 *
 *   original ──NextAllocation──► replacement ──► … ──► the last in line that lives
 *
 *   the original is to move, or is of an older version     the replacement stays
 *   keep_original, keep_replacement                        as they say
 *   best_score                                             the replacement only if it scored higher, and it runs or the original does not
 *   longest_running                                        whose main task started first; when that is not known, best_score
 *
 * Nobody living in its place: the original is an allocation like any other (it is updated, counted, stopped like any other).
 */
import { terminal } from "#model";
import type { Allocation, Job } from "#model";
import { DESCRIPTIONS, type Stop } from "./decision.ts";
import { disconnectOf, placedGroup, unknownSinceNs } from "./disconnect.ts";

/** The group's allocations, to be found by id. The index is only made when somebody is looked for. */
export class Lines {
  readonly #allocations: readonly Allocation[];
  #byId: ReadonlyMap<string, Allocation> | undefined;

  constructor(allocations: readonly Allocation[]) {
    this.#allocations = allocations;
  }

  /** Those that took over from it, one after the other. */
  *after(original: Allocation): Generator<Allocation> {
    if (original.NextAllocation === "") return;
    this.#byId ??= new Map<string, Allocation>(this.#allocations.map((allocation) => [allocation.ID, allocation]));
    const seen = new Set<string>([original.ID]);
    for (let at = this.#byId.get(original.NextAllocation); at !== undefined && !seen.has(at.ID); at = this.#byId.get(at.NextAllocation)) {
      seen.add(at.ID);
      yield at;
    }
  }

  /** Another does its work. One that came back and was kept is not replaced by the one that had to go for it. */
  readonly isReplaced = (allocation: Allocation): boolean => {
    if (allocation.NextAllocation === "") return false;
    if (unknownSinceNs(allocation) === undefined) return true;
    return this.after(allocation).some((each) => each.DesiredStatus === "run");
  };
}

/** `allocations`: of one group, all of them. Answers who has to go, and why. */
export function settleReconnected(allocations: readonly Allocation[], lines: Lines, job: Job): readonly Stop[] {
  const returned = allocations.filter(hasReturned);
  if (returned.length === 0) return [];
  const stops = new Map<string, Stop>();
  // Newest first: the survivor of a longer line then meets its elders.
  for (const original of returned.toSorted((a, b) => b.CreateIndex - a.CreateIndex)) {
    for (const replacement of lines.after(original).filter(isThere)) {
      if (stops.has(replacement.ID)) continue;
      const { loser, description } = compare(original, replacement, job);
      stops.set(loser.ID, { allocation: loser, description, clientStatus: "" });
      if (loser === original) break;
    }
  }
  return [...stops.values()];
}

/** It was out of sight, another was put in its place, and it is there again. */
function hasReturned(allocation: Allocation): boolean {
  if (allocation.NextAllocation === "" || terminal(allocation) || allocation.ClientStatus === "unknown") return false;
  return unknownSinceNs(allocation) !== undefined;
}

function isThere(allocation: Allocation): boolean {
  return !terminal(allocation) && allocation.ClientStatus !== "unknown";
}

function compare(original: Allocation, replacement: Allocation, job: Job): { readonly loser: Allocation; readonly description: string } {
  const { Migrate, Reschedule, ForceReschedule } = original.DesiredTransition;
  const outdated = original.Job.CreateIndex !== job.CreateIndex || original.Job.Version < replacement.Job.Version;
  if (outdated) return { loser: original, description: DESCRIPTIONS.notNeeded };
  const moves = Migrate === true || Reschedule === true || ForceReschedule === true;
  const keepOriginal = !moves && originalWins(original, replacement);
  return { loser: keepOriginal ? replacement : original, description: DESCRIPTIONS.reconnected };
}

function originalWins(original: Allocation, replacement: Allocation): boolean {
  switch (disconnectOf(placedGroup(original)).reconcile) {
    case "keep_original":
      return true;
    case "keep_replacement":
      return false;
    case "longest_running": {
      const [older, newer] = [startedMs(original), startedMs(replacement)];
      return older === undefined || newer === undefined ? scoresBetter(original, replacement) : older <= newer;
    }
    default:
      return scoresBetter(original, replacement);
  }
}

function scoresBetter(original: Allocation, replacement: Allocation): boolean {
  if (scoreOf(replacement) <= scoreOf(original)) return true;
  return replacement.ClientStatus !== "running" && original.ClientStatus === "running";
}

/** What its node scored when it was placed. */
function scoreOf(allocation: Allocation): number {
  const scores = allocation.Metrics?.ScoreMetaData ?? [];
  return scores.find((score) => score.NodeID === allocation.NodeID)?.NormScore ?? 0;
}

/** When its leader started; without one, the task of its main ones that started first. */
function startedMs(allocation: Allocation): number | undefined {
  const tasks = (placedGroup(allocation)?.Tasks ?? []).filter((task) => task.Lifecycle === null || task.Lifecycle === undefined);
  const leaders = tasks.filter((task) => task.Leader);
  const starts = (leaders.length > 0 ? leaders : tasks)
    .map((task) => allocation.TaskStates[task.Name])
    .filter((state) => state?.State === "running")
    .map((state) => Date.parse(state?.StartedAt ?? ""))
    .filter((ms) => ms > 0);
  return starts.length === 0 ? undefined : Math.min(...starts);
}
