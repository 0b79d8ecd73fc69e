/** Nodes that were taken for lost are heard of again: they are back, and what is on them, or may belong there, is looked at. nomad.md §7. */
import type { Node } from "#model";
import { commit, evaluationsForNodes, type ServerContext } from "../context.ts";
import { nodesByJobs } from "../reconcilers/lost-nodes.ts";
import { nodeEvent } from "./admit.ts";

/** An evaluation each, some 300 bytes. */
const JOBS_PER_COMMAND_MAX = 1_000;

export function isLost(node: Pick<Node, "Status">): boolean {
  return node.Status === "down" || node.Status === "disconnected";
}

export async function takeBack(context: ServerContext, nodes: readonly Node[]): Promise<void> {
  const snapshot = context.cluster.state.snapshot();
  for (const status of ["ready", "initializing"] as const) {
    const these = nodes.filter(({ Drivers }) => (Object.keys(Drivers).length > 0 ? "ready" : "initializing") === status);
    for (const part of nodesByJobs(snapshot, these, JOBS_PER_COMMAND_MAX)) {
      await commit(context, {
        type: "node-status",
        NodeIDs: part.map(({ ID }) => ID),
        Status: status,
        Event: nodeEvent("Node reregistered by heartbeat", "Cluster", context.clock.nowMs()),
        Evaluations: evaluationsForNodes(context, part),
      });
    }
  }
}
