/** Namespaces are created or described anew. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type NamespacesUpsert = Extract<Command, { type: "namespaces-upsert" }>;

export function applyNamespacesUpsert(draft: Draft, command: NamespacesUpsert): Refusal | undefined {
  const { namespaces } = draft.tables;
  for (const record of command.Namespaces) {
    const CreateIndex = namespaces.get(record.Name)?.CreateIndex ?? draft.index;
    draft.set(namespaces, record.Name, { ...record, CreateIndex, ModifyIndex: draft.index }, "namespaces");
  }
  return undefined;
}
