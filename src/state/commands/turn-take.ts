/**
 * An allocation is given a turn to go down. What was decided elsewhere is decided again here, where there is one order of things: whoever
 * granted, of a group no more than `Max` hold a turn. One that holds its turn already keeps it, with its time.
 */
import { terminal } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { putTurn, turnKey, turnsOfGroup } from "../restart-turns.ts";

type TurnTake = Extract<Command, { type: "turn-take" }>;

export function applyTurnTake(draft: Draft, command: TurnTake): Refusal | undefined {
  const cannot = `Cannot give allocation "${command.AllocationID}" a restart turn`;
  const allocation = draft.tables.allocations.get(command.AllocationID);
  if (allocation === undefined) return { code: "missing", reason: `${cannot}: no such allocation` };
  if (terminal(allocation)) return { code: "invalid", reason: `${cannot}: it has ended or is to stop` };
  const { restartTurns } = draft.tables;
  if (restartTurns.has(turnKey(allocation, allocation.ID))) return undefined;
  const held = [...restartTurns.keys(turnsOfGroup(allocation))].length;
  if (held >= command.Max) {
    return { code: "conflict", reason: `${cannot}: ${held} of ${command.Max} of group "${allocation.TaskGroup}" hold one` };
  }
  putTurn(draft, allocation);
  return undefined;
}
