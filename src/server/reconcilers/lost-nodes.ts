/**
 * Nodes that were not heard of in time, and every job with something on them is looked at again: one entry of the log for each of the
 * two ends, however many nodes went silent together. nomad.md §7 "Heartbeat".
 *
 *   silent ──► something runs there that may come back (disconnect.lost_after) ──► disconnected ──► heard of again ──► ready
 *         └──► nothing of that kind ─────────────────────────────────────────────► down              (nodes/sessions.ts)
 *                                                      disconnected, its time over ──┘ (disconnected-nodes.ts)
 */
import type { Allocation, NodeId, NodeStatus } from "#model";
import { messageOf } from "#std";
import type { Snapshot } from "#state";
import { commit, evaluationsForNodes, type ServerContext } from "../context.ts";
import { nodeEvent } from "../nodes/admit.ts";

const RETRY_MS = 1_000;

/** `ids`: their deadlines passed. `rearm` gives one another deadline, when it could not be put on record that it is gone. */
export async function markNodesLost(context: ServerContext, ids: readonly NodeId[], rearm: (id: NodeId) => void): Promise<void> {
  const snapshot = context.cluster.state.snapshot();
  for (const status of ["disconnected", "down"] as const) {
    const silent = ids.filter((id) => {
      const node = snapshot.node(id);
      return node !== undefined && node.Status !== "down" && node.Status !== status && statusOfSilent(snapshot, id) === status;
    });
    if (silent.length === 0) continue;
    try {
      await setNodeStatus(context, silent, status, "Node heartbeat missed");
      context.report({ level: "warn", message: `nodes missed their heartbeat and are ${status}`, fields: { nodes: silent } });
    } catch (thrown) {
      const fields = { nodes: silent, error: messageOf(thrown) };
      context.report({ level: "error", message: "cannot record lost nodes: trying again", fields });
      context.clock.after(RETRY_MS, () => silent.forEach(rearm));
    }
  }
}

/** The status on record, with one look at each job that has something on one of the nodes, however many of them it is on. */
export async function setNodeStatus(
  context: ServerContext,
  ids: readonly NodeId[],
  status: Extract<NodeStatus, "down" | "disconnected">,
  why: string,
): Promise<void> {
  const snapshot = context.cluster.state.snapshot();
  const nodes = ids.map((id) => snapshot.node(id)).filter((node) => node !== undefined);
  await commit(context, {
    type: "node-status",
    NodeIDs: ids,
    Status: status,
    Event: nodeEvent(why, "Cluster", context.clock.nowMs()),
    Evaluations: evaluationsForNodes(context, nodes),
  });
}

function statusOfSilent(snapshot: Snapshot, id: NodeId): "down" | "disconnected" {
  for (const allocation of snapshot.allocationsByNode(id)) if (mayComeBack(allocation)) return "disconnected";
  return "down";
}

/** It runs, or ran when it was last heard of, and is given time to be heard of again. */
export function mayComeBack(allocation: Allocation): boolean {
  if (allocation.DesiredStatus !== "run") return false;
  if (allocation.ClientStatus === "unknown") return true;
  if (allocation.ClientStatus !== "running") return false;
  const group = allocation.Job.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  return (group?.Disconnect?.LostAfter ?? 0) > 0 || (group?.MaxClientDisconnect ?? 0) > 0;
}
