/** A key of the keyring is forgotten: what it signed is nobody's word any more. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type RootKeyDelete = Extract<Command, { type: "root-key-delete" }>;

export function applyRootKeyDelete(draft: Draft, command: RootKeyDelete): Refusal | undefined {
  const key = draft.tables.rootKeys.get(command.KeyID);
  const cannot = `Cannot remove root key "${command.KeyID}"`;
  if (key === undefined) return { code: "missing", reason: `${cannot}: no such key` };
  if (key.State === "active") return { code: "invalid", reason: `${cannot}: it is active, rotate first` };
  const sealed = draft.tables.variablesByRootKey.count(key.KeyID);
  if (sealed > 0) return { code: "invalid", reason: `${cannot}: it seals ${sealed === 1 ? "a variable" : `${sealed} variables`}` };
  draft.delete(draft.tables.rootKeys, key.KeyID, "root-keys");
  return undefined;
}
