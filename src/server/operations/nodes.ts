/** What an operator does to a node: have it looked at, open or close it for new allocations, forget it. */
import type { Eligibility, Evaluation, EvaluationId, Node, NodeId } from "#model";
import { commit, evaluationsForNode, type ServerContext } from "../context.ts";
import { badRequest, nodeNotFound } from "../errors.ts";
import { nodeEvent } from "../nodes/admit.ts";

export interface NodeResponse {
  readonly EvalIDs: readonly EvaluationId[];
  readonly Index: number;
}

export async function evaluateNode(context: ServerContext, id: NodeId): Promise<NodeResponse> {
  const node = requireNode(context, id);
  const evaluations = evaluationsForNode(context, id, node.ModifyIndex);
  if (evaluations.length === 0) return { EvalIDs: [], Index: context.cluster.state.index };
  const index = await commit(context, { type: "evaluations-upsert", Evaluations: evaluations });
  return response(evaluations, index);
}

export async function setNodeEligibility(context: ServerContext, id: NodeId, eligibility: Eligibility): Promise<NodeResponse> {
  const node = requireNode(context, id);
  if (eligibility !== "eligible" && eligibility !== "ineligible") {
    throw badRequest(`Cannot set eligibility of node "${id}": "${String(eligibility)}" is not one of "eligible", "ineligible"`);
  }
  if (node.SchedulingEligibility === eligibility) return { EvalIDs: [], Index: context.cluster.state.index };
  const evaluations = eligibility === "eligible" ? evaluationsForNode(context, id, node.ModifyIndex) : [];
  const index = await commit(context, {
    type: "node-eligibility",
    NodeID: id,
    Eligibility: eligibility,
    Event: nodeEvent(`Node marked as ${eligibility} for scheduling`, "Cluster", context.clock.nowMs()),
    Evaluations: evaluations,
  });
  return response(evaluations, index);
}

/** Its allocations count as lost from then on. A node that is alive registers again. */
export async function purgeNode(context: ServerContext, id: NodeId): Promise<NodeResponse> {
  const node = requireNode(context, id);
  const evaluations = evaluationsForNode(context, id, node.ModifyIndex);
  const index = await commit(context, { type: "node-purge", NodeIDs: [id], Evaluations: evaluations });
  return response(evaluations, index);
}

function requireNode(context: ServerContext, id: NodeId): Node {
  const node = context.cluster.state.snapshot().node(id);
  if (node === undefined) throw nodeNotFound(id);
  return node;
}

function response(evaluations: readonly Evaluation[], index: number): NodeResponse {
  return { EvalIDs: evaluations.map((evaluation) => evaluation.ID), Index: index };
}
