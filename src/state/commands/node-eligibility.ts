/** May new allocations be placed on the node? Those it has stay. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { withEvent } from "./node-register.ts";

type NodeEligibility = Extract<Command, { type: "node-eligibility" }>;

export function applyNodeEligibility(draft: Draft, command: NodeEligibility): Refusal | undefined {
  const node = draft.tables.nodes.get(command.NodeID);
  if (node === undefined) return { code: "missing", reason: `Cannot set eligibility of node "${command.NodeID}": no such node` };
  if (command.Eligibility === "eligible" && node.DrainStrategy !== null) {
    return { code: "invalid", reason: `Cannot make node "${node.ID}" eligible: it is draining, stop that first` };
  }
  draft.putNode({
    ...node,
    SchedulingEligibility: command.Eligibility,
    Events: withEvent(draft, node.Events, command.Event),
    ModifyIndex: draft.index,
  });
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}
