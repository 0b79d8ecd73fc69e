/** Servers ask for something of allocations (stop and replace, reschedule, no shutdown delay); the scheduler acts on it. */
import type { Allocation, AllocationId, DesiredTransition } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type Transition = Extract<Command, { type: "allocations-desired-transition" }>;

export function applyAllocationsDesiredTransition(draft: Draft, command: Transition): Refusal | undefined {
  const ids = Object.keys(command.Transitions).sort();
  const known = ids.map((id) => draft.tables.allocations.get(id)).filter((each) => each !== undefined);
  if (ids.length > 0 && known.length === 0) {
    return { code: "missing", reason: `Cannot change allocation "${ids[0] as AllocationId}": no such allocation` };
  }
  for (const allocation of known) transition(draft, allocation, command.Transitions[allocation.ID] ?? {});
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

/** What is asked now comes on top of what was asked before. */
export function transition(draft: Draft, allocation: Allocation, asked: DesiredTransition): void {
  draft.putAllocation({
    ...allocation,
    DesiredTransition: { ...allocation.DesiredTransition, ...asked },
    ModifyIndex: draft.index,
    AllocModifyIndex: draft.index,
    ModifyTime: draft.time,
  });
}
