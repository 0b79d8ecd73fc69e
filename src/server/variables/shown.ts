/** Variables as they are told: pure. The id of a lock is told to who took it, in the answer to that, and to nobody else. */
import type { SealedVariable, VariableLock, VariableMetadata } from "#model";
import { formatDuration } from "#std";
import type { VariableConflict, VariablePlace } from "./contract.ts";

export function metadataOf(variable: SealedVariable, lockId = ""): VariableMetadata {
  const { Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime, Lock } = variable;
  const shown = { Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime };
  return Lock === null ? shown : { ...shown, Lock: lockOf(Lock, lockId) };
}

function lockOf({ ID, TTL, LockDelay }: NonNullable<SealedVariable["Lock"]>, lockId: string): VariableLock {
  return { ID: ID === lockId ? ID : "", TTL: formatDuration(TTL), LockDelay: formatDuration(LockDelay) };
}

/** What stands in the way of a write is that there is nothing. */
export function absent({ Namespace, Path }: VariablePlace): VariableConflict {
  return {
    Namespace: Namespace as SealedVariable["Namespace"],
    Path,
    CreateIndex: 0,
    ModifyIndex: 0,
    CreateTime: 0,
    ModifyTime: 0,
    Items: null,
  };
}
