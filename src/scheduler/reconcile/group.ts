/**
 * One group: what it has, what it should have, and so what to stop, update and place. Pure; nodes are chosen later.
 * nomad.md §6.5 items 10 to 17, without deployments.
 *
 *   1  sort the allocations by their standing (classify.ts)
 *   2  too many? stop some: doubles of a name, then those about to move, then the highest indexes
 *   3  of the rest, what does the new version mean: nothing, in place, or a new one in its place (at most `limit`)
 *   4  those that move, are lost or retried get a successor with the same name, as long as the group is not full
 *   5  new names up to the count
 */
import { allocationIndex, clientTerminal, type GroupChange, groupChange, serverTerminal } from "#model";
import type { Allocation, Job, Node, TaskGroup } from "#model";
import { classify, type Standing } from "./classify.ts";
import { DESCRIPTIONS, type GroupDecision, NO_UPDATES, type Place, type Stop } from "./decision.ts";
import { Names } from "./names.ts";

export interface GroupInput {
  readonly job: Job;
  readonly group: TaskGroup;
  /** All of the group's, whatever their state. */
  readonly allocations: readonly Allocation[];
  readonly nodeOf: (id: string) => Node | undefined;
  /** May an allocation be updated where it is: does its node still pass the new version's checks? */
  readonly mayStay: (allocation: Allocation) => boolean;
  /** At most so many destructive updates now. Infinity: all at once. */
  readonly limit: number;
}

export function reconcileGroup(input: GroupInput): GroupDecision {
  const { job, group } = input;
  const count = group.Count ?? 1;
  const standing = sortByStanding(input);
  const { excess, held, migrating, indexes } = shrink(standing, count);
  const updates = compareVersions(input, held);
  const names = new Names(job.ID, group.Name, indexes);
  const place = (fields: Partial<Place> & Pick<Place, "name">): Place => ({
    group,
    previous: null,
    stop: null,
    avoidPreviousNode: false,
    ...fields,
  });
  const after = (allocation: Allocation, name: string, when: "tried" | "placed", description: string): Place =>
    place({ name, previous: allocation, stop: { stop: stopOf(allocation, description), when } });

  let present = held.length + migrating.length;
  const replaced: Place[] = [];
  const stops: Stop[] = excess.map((allocation) => stopOf(allocation, DESCRIPTIONS.notNeeded));
  for (const allocation of byIndex(standing.lost)) {
    if (present >= count) stops.push(stopOf(allocation, DESCRIPTIONS.lost, "lost"));
    else {
      replaced.push(
        place({
          name: names.again(allocation.Name),
          previous: allocation,
          stop: { stop: stopOf(allocation, DESCRIPTIONS.lost, "lost"), when: "tried" },
        }),
      );
      present++;
    }
  }
  for (const allocation of byIndex(standing.retry)) {
    if (present < count) {
      const next = after(allocation, names.again(allocation.Name), "placed", DESCRIPTIONS.rescheduled);
      replaced.push({ ...next, avoidPreviousNode: true });
      present++;
    }
  }
  const moved = migrating.map((allocation) => after(allocation, allocation.Name, "tried", DESCRIPTIONS.migrating));
  const fresh = Math.max(0, count - present);
  const destroyed = updates.destroy.slice(0, input.limit);
  const renewed = destroyed.map((allocation) => after(allocation, allocation.Name, "placed", DESCRIPTIONS.updating));
  // Those that give room back come first. New ones are made one by one: a pass ends long before ten thousand are.
  function* places(): Generator<Place> {
    yield* renewed;
    yield* moved;
    yield* replaced;
    for (let made = 0; made < fresh; made++) yield place({ name: names.next() });
  }
  return {
    name: group.Name,
    stops,
    inPlace: updates.inPlace,
    places: places(),
    updates: {
      ...NO_UPDATES,
      Ignore: updates.same + updates.destroy.length - destroyed.length,
      Place: replaced.length + fresh,
      Migrate: moved.length,
      Stop: stops.length + standing.lost.length - lostStops(stops),
      InPlaceUpdate: updates.inPlace.length,
      DestructiveUpdate: destroyed.length,
    },
  };
}

type Sorted = Readonly<Record<Standing, readonly Allocation[]>>;

function sortByStanding({ allocations, job, nodeOf }: GroupInput): Sorted {
  const sorted: Record<Standing, Allocation[]> = { gone: [], lost: [], migrating: [], retry: [], held: [] };
  for (const allocation of allocations) sorted[classify(allocation, job, nodeOf)].push(allocation);
  return sorted;
}

interface Shrunk {
  readonly excess: readonly Allocation[];
  readonly held: readonly Allocation[];
  readonly migrating: readonly Allocation[];
  /** Of the names of those held and migrating. */
  readonly indexes: ReadonlySet<number>;
}

/** Step 2. Two of one name should never be; if they are, the newer goes. */
function shrink(sorted: Sorted, count: number): Shrunk {
  const { held, migrating } = sorted;
  const indexes = indexesOf(held, migrating);
  if (indexes.size === held.length + migrating.length && indexes.size <= count) return { excess: [], held, migrating, indexes };
  const seen = new Set<string>();
  const isFirst = (allocation: Allocation) => !seen.has(allocation.Name) && seen.add(allocation.Name) !== undefined;
  const single = { held: byIndex(held).filter(isFirst), migrating: byIndex(migrating).filter(isFirst) };
  while (single.held.length + single.migrating.length > count) (single.migrating.length > 0 ? single.migrating : single.held).pop();
  const kept = new Set([...single.held, ...single.migrating]);
  const excess = [...held, ...migrating].filter((allocation) => !kept.has(allocation) && !serverTerminal(allocation));
  return { excess: byIndex(excess), ...single, indexes: indexesOf(single.held, single.migrating) };
}

/** Step 3. One comparison per old version, not per allocation. */
function compareVersions({ job, group, mayStay }: GroupInput, held: readonly Allocation[]) {
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

function stopOf(allocation: Allocation, description: string, clientStatus: Stop["clientStatus"] = ""): Stop {
  return { allocation, description, clientStatus };
}

function lostStops(stops: readonly Stop[]): number {
  return stops.filter((stop) => stop.clientStatus === "lost").length;
}

function indexesOf(...lists: readonly (readonly Allocation[])[]): Set<number> {
  const indexes = new Set<number>();
  for (const list of lists) for (const allocation of list) indexes.add(allocationIndex(allocation.Name));
  return indexes;
}

/** Lowest index first; of one name the older first. */
function byIndex(allocations: readonly Allocation[]): Allocation[] {
  return allocations
    .map((allocation) => ({ allocation, index: allocationIndex(allocation.Name) }))
    .sort(
      (a, b) => a.index - b.index || a.allocation.CreateIndex - b.allocation.CreateIndex || (a.allocation.ID < b.allocation.ID ? -1 : 1),
    )
    .map(({ allocation }) => allocation);
}
