/** Keys of the keyring come in or change state. Once there is one, exactly one is active: what would leave none is refused. nomad.md §7. */
import type { RootKey } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type RootKeysUpsert = Extract<Command, { type: "root-keys-upsert" }>;

export function applyRootKeysUpsert(draft: Draft, command: RootKeysUpsert): Refusal | undefined {
  for (const key of command.Keys) put(draft, key);
  const active = [...draft.tables.rootKeys.values()].filter(({ State }) => State === "active");
  if (active.length === 0) return { code: "invalid", reason: "Cannot store root keys: none would be active" };
  // Of several that were active before or are made so here, the last one named is meant.
  const newest = command.Keys.findLast(({ KeyID }) => active.some((key) => key.KeyID === KeyID)) ?? active[0];
  for (const key of active) if (key.KeyID !== newest?.KeyID) put(draft, { ...key, State: "inactive" });
  return undefined;
}

function put(draft: Draft, given: RootKey): void {
  const CreateIndex = draft.tables.rootKeys.get(given.KeyID)?.CreateIndex ?? draft.index;
  const key: RootKey = { ...given, CreateIndex, ModifyIndex: draft.index };
  draft.set(draft.tables.rootKeys, key.KeyID, key, "root-keys");
}
