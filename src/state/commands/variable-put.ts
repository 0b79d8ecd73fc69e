/** A variable is made, or what it holds is replaced. Its lock stays with who has it. nomad.md §7. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { putVariable, refuseConflict, refuseWrite, variableOf } from "../variables.ts";

type VariablePut = Extract<Command, { type: "variable-put" }>;

export function applyVariablePut(draft: Draft, { Variable, CheckIndex, LockID }: VariablePut): Refusal | undefined {
  const refusal = refuseWrite(draft, "store", Variable);
  if (refusal !== undefined) return refusal;
  const before = variableOf(draft, Variable);
  const conflict = refuseConflict(before, { Path: Variable.Path, CheckIndex, LockID });
  if (conflict !== undefined) return conflict;
  // A lock that is given to a variable without one is no lock: it may have been lost meanwhile.
  if (LockID !== "" && (before?.Lock ?? null) === null) {
    return { code: "conflict", reason: `Cannot change variable "${Variable.Path}": its lock is not held any more` };
  }
  putVariable(draft, { ...Variable, Lock: before?.Lock ?? null, LockFreeAt: before?.LockFreeAt ?? 0 });
  return undefined;
}
