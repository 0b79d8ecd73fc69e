/**
 * Writing variables, sealed as they are: a record and, by root key, what that key seals. Who holds a lock is the record's to say; when it
 * is lost, a server's.
 */
import type { SealedVariable } from "#model";
import type { VariableWrite } from "./contract.ts";
import type { Draft, Refusal } from "./draft.ts";
import type { Tables } from "./tables/tables.ts";

type Named = Pick<SealedVariable, "Namespace" | "Path">;

/** Lists are read in this order. */
export function variableKey({ Namespace, Path }: { readonly Namespace: string; readonly Path: string }): string {
  return `${Namespace}\u0000${Path}`;
}

export function variableOf(draft: Draft, named: Named): SealedVariable | undefined {
  return draft.tables.variables.get(variableKey(named));
}

/** Stamped as written now. */
export function putVariable(draft: Draft, given: VariableWrite & Pick<SealedVariable, "Lock" | "LockFreeAt">): void {
  const before = variableOf(draft, given);
  storeVariable(draft, {
    Namespace: given.Namespace,
    Path: given.Path,
    KeyID: given.KeyID,
    Data: given.Data,
    CreateIndex: before?.CreateIndex ?? draft.index,
    ModifyIndex: draft.index,
    CreateTime: before?.CreateTime ?? draft.time,
    ModifyTime: draft.time,
    Lock: given.Lock,
    LockFreeAt: given.LockFreeAt,
  });
  const key = variableKey(given);
  draft.variables.set(key, draft.tables.variables.get(key) as SealedVariable);
  draft.goneVariables.delete(key);
  draft.touchTable("variables");
}

/** As it is, and nobody is told. */
export function storeVariable(draft: Draft, variable: SealedVariable): void {
  const { tables, journal } = draft;
  const key = variableKey(variable);
  const before = tables.variables.get(key);
  // The texts the tables hold already.
  const Namespace = tables.namespaces.get(variable.Namespace)?.Name ?? variable.Namespace;
  const KeyID = tables.rootKeys.get(variable.KeyID)?.KeyID ?? variable.KeyID;
  draft.set(tables.variables, key, { ...variable, Namespace: Namespace as SealedVariable["Namespace"], KeyID });
  if (before?.KeyID === KeyID) return;
  if (before !== undefined) journal.deleteIn(tables.variablesByRootKey, before.KeyID, key);
  journal.setIn(tables.variablesByRootKey, KeyID, key, key);
}

export function dropVariable(draft: Draft, variable: SealedVariable): void {
  const { tables, journal } = draft;
  const key = variableKey(variable);
  draft.delete(tables.variables, key, "variables");
  journal.deleteIn(tables.variablesByRootKey, variable.KeyID, key);
  draft.variables.delete(key);
  draft.goneVariables.set(key, variable);
}

/** One that is read back. */
export function indexVariable(tables: Tables, variable: SealedVariable): void {
  const key = variableKey(variable);
  tables.variables.set(key, variable);
  tables.variablesByRootKey.set(variable.KeyID, key, key);
}

/** What a write needs, whatever it writes. `verb`: "store", "lock". */
export function refuseWrite(draft: Draft, verb: string, { Namespace, Path, KeyID }: VariableWrite): Refusal | undefined {
  const cannot = `Cannot ${verb} variable "${Path}"`;
  if (!draft.tables.namespaces.has(Namespace)) return { code: "invalid", reason: `${cannot}: there is no namespace "${Namespace}"` };
  // Else a key that a full rotation has emptied would seal something again.
  if (draft.tables.rootKeys.get(KeyID)?.State !== "active")
    return { code: "invalid", reason: `${cannot}: the root key it is sealed with is not active any more` };
  return undefined;
}

/** Is it as whoever writes believes it to be, and not another's? Outcome "conflict" else. */
export function refuseConflict(
  before: SealedVariable | undefined,
  { Path, CheckIndex, LockID }: { readonly Path: string; readonly CheckIndex: number | null; readonly LockID: string },
): Refusal | undefined {
  const lock = before?.Lock ?? null;
  if (lock !== null && lock.ID !== LockID) return { code: "conflict", reason: `Cannot change variable "${Path}": it is locked` };
  const index = before?.ModifyIndex ?? 0;
  if (CheckIndex === null || CheckIndex === index) return undefined;
  return { code: "conflict", reason: `Cannot change variable "${Path}": its index is ${index}, wanted ${CheckIndex}` };
}
