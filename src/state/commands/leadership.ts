/** A tenure begins: whoever reads the log knows whose entries follow. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

export function applyLeadership(draft: Draft, command: Extract<Command, { type: "leadership" }>): Refusal | undefined {
  const { EpochID, ServerID, Name, FeatureLevel } = command;
  draft.tables.leadership = { EpochID, ServerID, Name, FeatureLevel };
  return undefined;
}
