/** Variables under another key: what they say, their indexes and their locks stay. nomad.md §7 "Keyring". */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { storeVariable, variableOf } from "../variables.ts";

type VariablesReseal = Extract<Command, { type: "variables-reseal" }>;

export function applyVariablesReseal(draft: Draft, { KeyID, Variables }: VariablesReseal): Refusal | undefined {
  if (draft.tables.rootKeys.get(KeyID)?.State !== "active")
    return { code: "invalid", reason: `Cannot seal variables anew: root key "${KeyID}" is not active` };
  for (const { FromKeyID, ModifyIndex, Data, ...named } of Variables) {
    const before = variableOf(draft, named);
    if (before?.KeyID !== FromKeyID || before.ModifyIndex !== ModifyIndex) continue;
    storeVariable(draft, { ...before, KeyID, Data });
  }
  return undefined;
}
