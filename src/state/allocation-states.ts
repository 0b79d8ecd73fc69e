/** When an allocation was taken for unknown and when its node came back. nomad.md §6.5 items 4, 7, 8. */
import type { Allocation, AllocationStateChange } from "#model";
import type { Entry } from "./entry.ts";

/** The newest are kept: a node that comes and goes must not make its allocations grow. */
const ALLOCATION_STATES_MAX = 20;

export function withState(entry: Entry, { AllocStates }: Allocation, Value: "unknown" | "reconnected"): readonly AllocationStateChange[] {
  return entry.version === 1
    ? AllocStates
    : [...AllocStates, { Field: "client_status" as const, Value, Time: entry.time }].slice(-ALLOCATION_STATES_MAX);
}
