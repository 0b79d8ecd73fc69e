/** A variable goes, and its lock and the delay after one with it. nomad.md §7. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { dropVariable, refuseConflict, variableOf } from "../variables.ts";

type VariableDelete = Extract<Command, { type: "variable-delete" }>;

export function applyVariableDelete(draft: Draft, command: VariableDelete): Refusal | undefined {
  const before = variableOf(draft, command);
  const conflict = refuseConflict(before, command);
  if (conflict !== undefined) return conflict;
  if (before !== undefined) dropVariable(draft, before);
  return undefined;
}
