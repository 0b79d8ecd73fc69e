/**
 * Too many: which ones go? nomad.md §6.5 item 10.
 *
 *   1  of one name one stays: the living one, of the newest version, the older of two alike       (F7; old neighbours of promoted canaries)
 *   2  more than the count: those about to move, then the highest indexes
 */
import { allocationIndex, serverTerminal } from "#model";
import type { Allocation } from "#model";
import { Indexes } from "./names.ts";

export interface Kept {
  readonly held: readonly Allocation[];
  readonly migrating: readonly Allocation[];
  readonly retry: readonly Allocation[];
}

export interface Shrunk extends Kept {
  /** Lowest index first. */
  readonly excess: readonly Allocation[];
  /** Of the names of those that stay. */
  readonly indexes: Indexes;
}

export function shrink({ held, migrating, retry }: Kept, count: number): Shrunk {
  const total = held.length + migrating.length + retry.length;
  const indexes = Indexes.of(held, migrating, retry);
  if (indexes.size === total && total <= count) return { excess: [], held, migrating, retry, indexes };
  const all = [...held, ...migrating, ...retry];
  const moving = new Set(migrating);
  const single = oneOfEachName(all);
  // Last in the list goes first.
  const order = [...byIndex(single.filter((each) => !moving.has(each))), ...byIndex(single.filter((each) => moving.has(each)))];
  const kept = new Set(order.slice(0, count));
  const stays = (list: readonly Allocation[]) => list.filter((allocation) => kept.has(allocation));
  const excess = byIndex(all.filter((allocation) => !kept.has(allocation) && !serverTerminal(allocation)));
  return { excess, held: stays(held), migrating: stays(migrating), retry: stays(retry), indexes: Indexes.of([...kept]) };
}

function oneOfEachName(allocations: readonly Allocation[]): readonly Allocation[] {
  const best = new Map<string, Allocation>();
  for (const allocation of allocations) {
    const other = best.get(allocation.Name);
    if (other === undefined || outranks(allocation, other)) best.set(allocation.Name, allocation);
  }
  return [...best.values()];
}

function outranks(a: Allocation, b: Allocation): boolean {
  if ((a.ClientStatus === "failed") !== (b.ClientStatus === "failed")) return b.ClientStatus === "failed";
  if (a.Job.JobModifyIndex !== b.Job.JobModifyIndex) return a.Job.JobModifyIndex > b.Job.JobModifyIndex;
  if (a.CreateIndex !== b.CreateIndex) return a.CreateIndex < b.CreateIndex;
  return a.ID < b.ID;
}

/** Lowest index first; of one name the older first. */
export function byIndex(allocations: readonly Allocation[]): Allocation[] {
  if (allocations.length < 2) return [...allocations];
  return allocations
    .map((allocation) => ({ allocation, index: allocationIndex(allocation.Name) }))
    .sort(
      (a, b) => a.index - b.index || a.allocation.CreateIndex - b.allocation.CreateIndex || (a.allocation.ID < b.allocation.ID ? -1 : 1),
    )
    .map(({ allocation }) => allocation);
}
