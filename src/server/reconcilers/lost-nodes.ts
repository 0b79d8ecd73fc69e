/**
 * Nodes that were not heard of in time are down, and every job with something on them is looked at again: one entry of the log,
 * however many nodes went silent together. nomad.md §7 "Heartbeat".
 */
import type { Evaluation, NodeId } from "#model";
import { commit, evaluationsForNode, type ServerContext } from "../context.ts";
import { nodeEvent } from "../nodes/admit.ts";
import { messageOf } from "#std";

const RETRY_MS = 1_000;

/** `ids`: their deadlines passed. `rearm` gives one another deadline, when it could not be put on record that it is gone. */
export async function markNodesLost(context: ServerContext, ids: readonly NodeId[], rearm: (id: NodeId) => void): Promise<void> {
  const snapshot = context.cluster.state.snapshot();
  const lost = ids.filter((id) => {
    const node = snapshot.node(id);
    return node !== undefined && node.Status !== "down";
  });
  if (lost.length === 0) return;
  // A job on several of them needs only one look.
  const evaluations = new Map<string, Evaluation>();
  for (const id of lost) {
    for (const evaluation of evaluationsForNode(context, id, snapshot.node(id)?.ModifyIndex ?? 0)) {
      const key = `${evaluation.Namespace}\u0000${evaluation.JobID}`;
      if (!evaluations.has(key)) evaluations.set(key, evaluation);
    }
  }
  try {
    await commit(context, {
      type: "node-status",
      NodeIDs: lost,
      Status: "down",
      Event: nodeEvent("Node heartbeat missed", "Cluster", context.clock.nowMs()),
      Evaluations: [...evaluations.values()],
    });
    context.report({ level: "warn", message: "nodes missed their heartbeat and are down", fields: { nodes: lost } });
  } catch (thrown) {
    context.report({
      level: "error",
      message: "cannot record lost nodes: trying again",
      fields: { nodes: lost, error: messageOf(thrown) },
    });
    context.clock.after(RETRY_MS, () => lost.forEach(rearm));
  }
}
