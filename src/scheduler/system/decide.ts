/**
 * One group of a system job: one allocation on every node that can have one. What to stop, note, update and place; room is looked at
 * later. Pure. nomad.md §6.6.
 *
 *   1  say what each allocation is to its node (standing.ts); of two on one node the newer goes
 *   2  of the changed ones: in place, or a new one in its place; of those as many as the deployment leaves room for (room.ts)
 *   3  every node that is a target, could run the group and has none: place
 *
 * The name is always `<job>.<group>[0]`: what makes it unique is its node.
 */
import { type GroupChange, groupChange } from "#model";
import type { Allocation, DesiredUpdates, Job, Node, TaskGroup } from "#model";
import { DESCRIPTIONS, NO_UPDATES, type Note, type Stop } from "../reconcile/decision.ts";
import { patienceOf, silentSince, type Standing, type StandingInput, standingOf } from "./standing.ts";

export interface SystemInput extends StandingInput {
  /** All of the group's, whatever their state. */
  readonly allocations: readonly Allocation[];
  /** Slots of targets, ascending, and their nodes. */
  readonly targets: readonly { readonly slot: number; readonly node: Node }[];
}

export interface Spot {
  readonly slot: number;
  /** What was there before: to be stopped for it (`isUpdate`), or over already. */
  readonly previous: Allocation | null;
}

export interface SystemDecision {
  readonly group: TaskGroup;
  readonly stops: readonly Stop[];
  readonly notes: readonly Note[];
  readonly inPlace: readonly Allocation[];
  /** All that need a new one in their place, in the order of their nodes. */
  readonly destructive: readonly Spot[];
  readonly places: readonly Spot[];
  /** Slots of targets that could run the group, whether they have one or not. */
  readonly feasible: number;
  /** Allocations that are there and stay. */
  readonly kept: number;
  readonly lost: number;
  readonly migrated: number;
}

export function decideGroup(input: SystemInput): SystemDecision {
  const sorted = sortByStanding(input);
  const stop = (standing: Standing, description: string, clientStatus: Stop["clientStatus"] = ""): Stop[] =>
    sorted[standing].map((allocation) => ({ allocation, description, clientStatus }));
  const { changed, doubles } = withoutDoubles(sorted);
  const known = new Map<Job, GroupChange>();
  const changeOf = ({ Job }: Allocation): GroupChange => {
    let change = known.get(Job);
    if (change === undefined) known.set(Job, (change = groupChange(Job, input.job, input.group.Name)));
    return change;
  };
  const inPlace = changed.filter((allocation) => changeOf(allocation) !== "destroy");
  const byNode = new Map(changed.filter((allocation) => changeOf(allocation) === "destroy").map((each) => [each.NodeID, each]));

  // Nodes that have one, have had their turn, or are being left are not placed on now.
  const taken = new Set<string>();
  for (const standing of ["done", "leaving", "current", "changed"] as const) for (const each of sorted[standing]) taken.add(each.NodeID);
  const before = newestByNode(sorted.over);
  const destructive: Spot[] = [];
  const places: Spot[] = [];
  let feasible = 0;
  for (const { slot, node } of input.targets) {
    const isFeasible = input.isFeasible(node);
    if (isFeasible) feasible++;
    const old = byNode.get(node.ID);
    if (old !== undefined) destructive.push({ slot, previous: old });
    else if (!taken.has(node.ID)) places.push({ slot, previous: before.get(node.ID) ?? null });
  }
  return {
    group: input.group,
    stops: [
      ...sorted.forgotten.map((allocation): Stop => ({ allocation, description: allocation.DesiredDescription, clientStatus: "lost" })),
      ...stop("lost", DESCRIPTIONS.lost, "lost"),
      ...stop("leaving", DESCRIPTIONS.migrating),
      ...stop("outdated", DESCRIPTIONS.tainted),
      ...stop("unwanted", DESCRIPTIONS.notNeeded),
      ...doubles.map((allocation): Stop => ({ allocation, description: DESCRIPTIONS.notNeeded, clientStatus: "" })),
    ],
    notes: sorted.silent.filter((allocation) => silentSince(allocation) === undefined).map((allocation) => noteOf(allocation, input)),
    inPlace,
    destructive,
    places,
    feasible,
    kept: sorted.current.length + sorted.frozen.length + sorted.silent.length + sorted.done.length,
    lost: sorted.lost.length,
    migrated: sorted.leaving.length,
  };
}

/** Everything of a group that is not wanted any more. */
export function abandonGroup(allocations: readonly Allocation[], nodeOf: StandingInput["nodeOf"]): readonly Stop[] {
  const stops: Stop[] = [];
  for (const allocation of allocations) {
    const over = allocation.ClientStatus === "complete" || allocation.ClientStatus === "failed" || allocation.ClientStatus === "lost";
    const isGone = (nodeOf(allocation.NodeID)?.Status ?? "down") === "down";
    if (over || (allocation.DesiredStatus !== "run" && !isGone)) continue;
    const description =
      allocation.DesiredStatus === "run" ? (isGone ? DESCRIPTIONS.lost : DESCRIPTIONS.notNeeded) : allocation.DesiredDescription;
    stops.push({ allocation, description, clientStatus: isGone ? "lost" : "" });
  }
  return stops;
}

/** As `job plan` counts them. */
export function updatesOf(decision: SystemDecision, destroyed: number, canaries: number, placeable: number): DesiredUpdates {
  return {
    ...NO_UPDATES,
    Ignore: decision.kept + decision.destructive.length - destroyed - canaries,
    Place: placeable,
    Migrate: decision.migrated,
    Stop: decision.stops.length - decision.migrated,
    InPlaceUpdate: decision.inPlace.length,
    DestructiveUpdate: destroyed,
    Canary: canaries,
  };
}

type Sorted = Readonly<Record<Standing, readonly Allocation[]>>;

function sortByStanding(input: SystemInput): Sorted {
  const sorted: Record<Standing, Allocation[]> = {
    over: [],
    done: [],
    forgotten: [],
    lost: [],
    silent: [],
    leaving: [],
    frozen: [],
    outdated: [],
    unwanted: [],
    changed: [],
    current: [],
  };
  const oldestFirst = input.allocations.toSorted((a, b) => a.CreateIndex - b.CreateIndex || (a.ID < b.ID ? -1 : 1));
  for (const allocation of oldestFirst) sorted[standingOf(allocation, input)].push(allocation);
  return sorted;
}

/** Two on one node should never be; if they are, one of this version stays, else the oldest (F7). */
function withoutDoubles(sorted: Sorted): { readonly changed: readonly Allocation[]; readonly doubles: readonly Allocation[] } {
  const seen = new Set<string>();
  const doubles: Allocation[] = [];
  const first = (allocation: Allocation): boolean => {
    if (!seen.has(allocation.NodeID)) return seen.add(allocation.NodeID) !== undefined;
    doubles.push(allocation);
    return false;
  };
  sorted.current.forEach(first);
  return { changed: sorted.changed.filter(first), doubles };
}

function newestByNode(allocations: readonly Allocation[]): ReadonlyMap<string, Allocation> {
  const newest = new Map<string, Allocation>();
  for (const allocation of allocations) if (allocation.NextAllocation === "") newest.set(allocation.NodeID, allocation);
  return newest;
}

function noteOf(allocation: Allocation, { group, nowNs }: SystemInput): Note {
  const wake = { atNs: nowNs + patienceOf(group), trigger: "max-disconnect-timeout", description: DESCRIPTIONS.unknown } as const;
  return { allocation, clientStatus: "unknown", description: DESCRIPTIONS.unknown, wakes: [wake] };
}
