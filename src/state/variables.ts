/**
 * Writing variables, sealed as they are: a record and, by root key, what that key seals. Who holds a lock is the record's to say; when it
 * is lost, a server's.
 */
import type { SealedVariable } from "#model";
import type { VariableWrite } from "./contract.ts";
import type { Entry, Refusal } from "./entry.ts";
import type { Tables } from "./tables/tables.ts";

type Named = Pick<SealedVariable, "Namespace" | "Path">;

/** Lists are read in this order. */
export function variableKey({ Namespace, Path }: { readonly Namespace: string; readonly Path: string }): string {
  return `${Namespace}\u0000${Path}`;
}

export function variableOf(entry: Entry, named: Named): SealedVariable | undefined {
  return entry.tables.variables.get(variableKey(named));
}

/** Stamped as written now. */
export function putVariable(entry: Entry, given: VariableWrite & Pick<SealedVariable, "Lock" | "LockFreeAt">): void {
  const before = variableOf(entry, given);
  storeVariable(entry, {
    Namespace: given.Namespace,
    Path: given.Path,
    KeyID: given.KeyID,
    Data: given.Data,
    CreateIndex: before?.CreateIndex ?? entry.index,
    ModifyIndex: entry.index,
    CreateTime: before?.CreateTime ?? entry.time,
    ModifyTime: entry.time,
    Lock: given.Lock,
    LockFreeAt: given.LockFreeAt,
  });
  const key = variableKey(given);
  entry.variables.set(key, entry.tables.variables.get(key) as SealedVariable);
  entry.goneVariables.delete(key);
  entry.touchTable("variables");
}

/** As it is, and nobody is told. */
export function storeVariable(entry: Entry, variable: SealedVariable): void {
  const { tables, journal } = entry;
  const key = variableKey(variable);
  const before = tables.variables.get(key);
  // The texts the tables hold already.
  const Namespace = tables.namespaces.get(variable.Namespace)?.Name ?? variable.Namespace;
  const KeyID = tables.rootKeys.get(variable.KeyID)?.KeyID ?? variable.KeyID;
  entry.set(tables.variables, key, { ...variable, Namespace: Namespace as SealedVariable["Namespace"], KeyID });
  if (before?.KeyID === KeyID) return;
  if (before !== undefined) journal.deleteIn(tables.variablesByRootKey, before.KeyID, key);
  journal.setIn(tables.variablesByRootKey, KeyID, key, key);
}

export function dropVariable(entry: Entry, variable: SealedVariable): void {
  const { tables, journal } = entry;
  const key = variableKey(variable);
  entry.delete(tables.variables, key, "variables");
  journal.deleteIn(tables.variablesByRootKey, variable.KeyID, key);
  entry.variables.delete(key);
  entry.goneVariables.set(key, variable);
}

/** One that is read back. */
export function indexVariable(tables: Tables, variable: SealedVariable): void {
  const key = variableKey(variable);
  tables.variables.set(key, variable);
  tables.variablesByRootKey.set(variable.KeyID, key, key);
}

/** What a write needs, whatever it writes. `verb`: "store", "lock". */
export function refuseWrite(entry: Entry, verb: string, { Namespace, Path, KeyID }: VariableWrite): Refusal | undefined {
  const cannot = `Cannot ${verb} variable "${Path}"`;
  if (!entry.tables.namespaces.has(Namespace)) return { code: "invalid", reason: `${cannot}: there is no namespace "${Namespace}"` };
  // Else a key that a full rotation has emptied would seal something again.
  if (entry.tables.rootKeys.get(KeyID)?.State !== "active")
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
