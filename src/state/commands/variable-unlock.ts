/** A variable's lock is given back, or its holder was not heard of in time. nomad.md §7, §3.2. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { putVariable, variableOf } from "../variables.ts";

type VariableUnlock = Extract<Command, { type: "variable-unlock" }>;

export function applyVariableUnlock(draft: Draft, command: VariableUnlock): Refusal | undefined {
  const before = variableOf(draft, command);
  const cannot = `Cannot unlock variable "${command.Path}"`;
  if (before === undefined) return { code: "missing", reason: `${cannot}: there is none` };
  if (before.Lock === null || before.Lock.ID !== command.LockID)
    return { code: "conflict", reason: `${cannot}: this lock does not hold it` };
  putVariable(draft, { ...before, Lock: null, LockFreeAt: command.Lost ? draft.time + before.Lock.LockDelay : 0 });
  return undefined;
}
