/** Restart turns are given back, or taken away because they were held too long. Unknown ones are passed over. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { dropTurn } from "../restart-turns.ts";

type TurnGive = Extract<Command, { type: "turn-give" }>;

export function applyTurnGive(draft: Draft, command: TurnGive): Refusal | undefined {
  for (const id of command.AllocationIDs) {
    const allocation = draft.tables.allocations.get(id);
    if (allocation !== undefined) dropTurn(draft, allocation);
  }
  return undefined;
}
