/** How the servers look after themselves from now on. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { deepFreeze } from "../freeze.ts";

type Configure = Extract<Command, { type: "autopilot-configuration" }>;

export function applyAutopilotConfiguration(draft: Draft, command: Configure): Refusal | undefined {
  const stored = draft.tables.autopilotConfiguration;
  if (command.EnforceIndex !== null && command.EnforceIndex !== stored.ModifyIndex) {
    return {
      code: "conflict",
      reason: `Cannot set autopilot configuration: it is at modify index ${stored.ModifyIndex}, ${command.EnforceIndex} is enforced`,
    };
  }
  draft.tables.autopilotConfiguration = deepFreeze({
    ...command.Configuration,
    CreateIndex: stored.CreateIndex === 0 ? draft.index : stored.CreateIndex,
    ModifyIndex: draft.index,
  });
  return undefined;
}
