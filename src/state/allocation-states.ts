/** When an allocation was taken for unknown and when its node came back. nomad.md §6.5 items 4, 7, 8. */
import type { Allocation, AllocationStateChange } from "#model";
import type { Draft } from "./draft.ts";

/** The newest are kept: a node that comes and goes must not make its allocations grow. */
const ALLOCATION_STATES_MAX = 20;

export function withState(draft: Draft, { AllocStates }: Allocation, Value: "unknown" | "reconnected"): readonly AllocationStateChange[] {
  return draft.version === 1
    ? AllocStates
    : [...AllocStates, { Field: "client_status" as const, Value, Time: draft.time }].slice(-ALLOCATION_STATES_MAX);
}
