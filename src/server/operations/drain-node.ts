/**
 * A node is to be emptied, or not any more. The strategy goes on record; reconcilers/drains does the rest. nomad.md §6.11.
 *
 *   no drain ──► draining (a new one while draining replaces it: deadline from now, begun when the first began)
 *   draining ──► cancelled: what was told to leave still leaves, nothing else does
 *
 * Draining closes the node to new allocations; it opens again only when asked to. `MarkEligible` means nothing while a drain is set:
 * existing clients send it with every drain.
 */
import { type DrainStrategy, type EvaluationId, type LastDrain, type NodeId } from "#model";
import { commit, evaluationsForNode, type ServerContext } from "../context.ts";
import type { DrainRequest } from "../contract.ts";
import { badRequest, nodeNotFound } from "../errors.ts";
import { nodeEvent } from "../nodes/admit.ts";
import { endedDrain } from "../reconcilers/drains/drainer.ts";

const ZERO_TIME = "0001-01-01T00:00:00Z";
const EVENTS = { set: "Node drain strategy set", updated: "Node drain strategy updated", disabled: "Node drain disabled" } as const;

export async function drainNode(
  context: ServerContext,
  id: NodeId,
  request: DrainRequest,
): Promise<{ readonly EvalIDs: readonly EvaluationId[]; readonly Index: number }> {
  const node = context.cluster.state.snapshot().node(id);
  if (node === undefined) throw nodeNotFound(id);
  const nowMs = context.clock.nowMs();
  const drains = node.DrainStrategy !== null;
  if (request.Drain !== null) {
    const StartedAt = node.DrainStrategy?.StartedAt ?? new Date(nowMs).toISOString();
    const strategy = strategyFrom(id, request.Drain, StartedAt, nowMs);
    const lastDrain: LastDrain = {
      StartedAt,
      UpdatedAt: new Date(nowMs).toISOString(),
      Status: "draining",
      AccessorID: "",
      Meta: request.Meta,
    };
    const Event = nodeEvent(drains ? EVENTS.updated : EVENTS.set, "Drain", nowMs);
    const command = { type: "node-drain", NodeID: id, DrainStrategy: strategy, MarkEligible: false, LastDrain: lastDrain } as const;
    return { EvalIDs: [], Index: await commit(context, { ...command, Event, Evaluations: [] }) };
  }
  // System jobs may belong on a node that opens again.
  const opens = request.MarkEligible && node.SchedulingEligibility === "ineligible";
  const evaluations = opens ? evaluationsForNode(context, id, node.ModifyIndex) : [];
  const index = await commit(context, {
    type: "node-drain",
    NodeID: id,
    DrainStrategy: null,
    MarkEligible: request.MarkEligible,
    LastDrain: drains ? withMeta(endedDrain(node, "canceled", nowMs), request.Meta) : node.LastDrain,
    Event: drains ? nodeEvent(EVENTS.disabled, "Drain", nowMs) : null,
    Evaluations: evaluations,
  });
  return { EvalIDs: evaluations.map(({ ID }) => ID), Index: index };
}

function strategyFrom(id: NodeId, drain: NonNullable<DrainRequest["Drain"]>, StartedAt: string, nowMs: number): DrainStrategy {
  const { Deadline, IgnoreSystemJobs } = drain;
  if (!Number.isFinite(Deadline)) throw badRequest(`Cannot drain node "${id}": its deadline is no number of nanoseconds`);
  const ForceDeadline = Deadline > 0 ? new Date(nowMs + Deadline / 1e6).toISOString() : ZERO_TIME;
  return { Deadline: Deadline < 0 ? -1 : Deadline, IgnoreSystemJobs, ForceDeadline, StartedAt };
}

function withMeta(drain: LastDrain, meta: Readonly<Record<string, string>>): LastDrain {
  return Object.keys(meta).length === 0 ? drain : { ...drain, Meta: meta };
}
