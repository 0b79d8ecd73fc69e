/** How the servers schedule from now on. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { deepFreeze } from "../freeze.ts";

type Configure = Extract<Command, { type: "scheduler-configuration" }>;

export function applySchedulerConfiguration(draft: Draft, command: Configure): Refusal | undefined {
  const stored = draft.tables.schedulerConfiguration;
  if (command.EnforceIndex !== null && command.EnforceIndex !== stored.ModifyIndex) {
    return {
      code: "conflict",
      reason: `Cannot set scheduler configuration: it is at modify index ${stored.ModifyIndex}, ${command.EnforceIndex} is enforced`,
    };
  }
  draft.tables.schedulerConfiguration = deepFreeze({
    ...command.Configuration,
    CreateIndex: stored.CreateIndex === 0 ? draft.index : stored.CreateIndex,
    ModifyIndex: draft.index,
  });
  draft.touchTable("scheduler-configuration");
  return undefined;
}
