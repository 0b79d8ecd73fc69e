/** Nodes are forgotten, and what was registered from them. The evaluations that ride along make their allocations lost. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { dropTurnsOfNode } from "../restart-turns.ts";
import { dropServicesOf } from "../services.ts";

type NodePurge = Extract<Command, { type: "node-purge" }>;

export function applyNodePurge(draft: Draft, command: NodePurge): Refusal | undefined {
  const nodes = command.NodeIDs.map((id) => draft.tables.nodes.get(id)).filter((node) => node !== undefined);
  if (nodes.length === 0) return { code: "missing", reason: "Cannot purge node: no such node" };
  for (const node of nodes) {
    dropServicesOf(draft, { node: node.ID });
    dropTurnsOfNode(draft, node.ID);
    draft.dropNode(node);
  }
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}
