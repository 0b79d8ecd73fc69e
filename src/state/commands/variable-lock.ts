/** Somebody takes a variable's lock; one that is not there is made for it. nomad.md §7, §3.2. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { putVariable, refuseWrite, variableOf } from "../variables.ts";

type VariableLock = Extract<Command, { type: "variable-lock" }>;

export function applyVariableLock(draft: Draft, { Variable, Overwrite, Lock }: VariableLock): Refusal | undefined {
  const refusal = refuseWrite(draft, "lock", Variable);
  if (refusal !== undefined) return refusal;
  const before = variableOf(draft, Variable);
  const cannot = `Cannot lock variable "${Variable.Path}"`;
  if (before !== undefined && before.Lock !== null) return { code: "conflict", reason: `${cannot}: it is locked` };
  if (before !== undefined && before.LockFreeAt > draft.time) {
    return { code: "conflict", reason: `${cannot}: who held it was lost, and the delay after that is not over` };
  }
  const { KeyID, Data } = before === undefined || Overwrite ? Variable : before;
  putVariable(draft, { Namespace: Variable.Namespace, Path: Variable.Path, KeyID, Data, Lock, LockFreeAt: 0 });
  return undefined;
}
