/** Nodes came up or went away. Their allocations change by the plans of the evaluations that ride along. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { dropTurnsOfNode } from "../restart-turns.ts";
import { seconds, withEvent } from "./node-register.ts";

type NodeStatusCommand = Extract<Command, { type: "node-status" }>;

export function applyNodeStatus(draft: Draft, command: NodeStatusCommand): Refusal | undefined {
  const nodes = command.NodeIDs.map((id) => draft.tables.nodes.get(id)).filter((node) => node !== undefined);
  if (nodes.length === 0) return { code: "missing", reason: `Cannot set node status "${command.Status}": no such node` };
  for (const node of nodes) {
    if (command.Status === "down" || command.Status === "disconnected") dropTurnsOfNode(draft, node.ID);
    draft.putNode({
      ...node,
      Status: command.Status,
      StatusUpdatedAt: seconds(draft),
      Events: withEvent(draft, node.Events, command.Event),
      ModifyIndex: draft.index,
    });
  }
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}
