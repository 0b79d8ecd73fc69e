/** A node is to be emptied, or no longer. nomad.md §6.11. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { withEvent } from "./node-register.ts";

type NodeDrain = Extract<Command, { type: "node-drain" }>;

export function applyNodeDrain(draft: Draft, command: NodeDrain): Refusal | undefined {
  const node = draft.tables.nodes.get(command.NodeID);
  if (node === undefined) return { code: "missing", reason: `Cannot drain node "${command.NodeID}": no such node` };
  if (command.EnforceIndex !== undefined && command.EnforceIndex !== node.ModifyIndex) {
    return {
      code: "conflict",
      reason: `Cannot change drain of node "${node.ID}": it is at modify index ${node.ModifyIndex}, ${command.EnforceIndex} is enforced`,
    };
  }
  const eligible = command.DrainStrategy === null && command.MarkEligible;
  draft.putNode({
    ...node,
    DrainStrategy: command.DrainStrategy,
    SchedulingEligibility: eligible ? "eligible" : command.DrainStrategy === null ? node.SchedulingEligibility : "ineligible",
    LastDrain: command.LastDrain ?? node.LastDrain,
    Events: withEvent(draft, node.Events, command.Event),
    ModifyIndex: draft.index,
  });
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}
