/**
 * Nodes that were not heard of in time, and every job with something on them is looked at again: as few entries of the log for each of
 * the two ends as their size allows, however many nodes went silent together. nomad.md §7 "Heartbeat".
 *
 *   silent ──► something runs there that may come back (disconnect.lost_after) ──► disconnected ──► heard of again ──► ready
 *         └──► nothing of that kind ─────────────────────────────────────────────► down              (nodes/sessions.ts)
 *                                                      disconnected, its time over ──┘ (disconnected-nodes.ts)
 */
import { type Allocation, jobKey, type Node, type NodeId, type NodeStatus } from "#model";
import { messageOf } from "#std";
import type { Snapshot } from "#state";
import { commit, evaluationsForNodes, type ServerContext } from "../context.ts";
import { nodeEvent } from "../nodes/admit.ts";

const RETRY_MS = 1_000;
/** An evaluation each, some 300 bytes. */
const JOBS_PER_COMMAND_MAX = 1_000;

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
  for (const part of nodesByJobs(snapshot, nodes, JOBS_PER_COMMAND_MAX)) {
    await commit(context, {
      type: "node-status",
      NodeIDs: part.map(({ ID }) => ID),
      Status: status,
      Event: nodeEvent(why, "Cluster", context.clock.nowMs()),
      Evaluations: evaluationsForNodes(context, part),
    });
  }
}

/** In order, each part of no more jobs than `most`, or of one node. A job on nodes of two parts is looked at for each. */
export function* nodesByJobs(snapshot: Snapshot, nodes: readonly Node[], most: number): Generator<readonly Node[]> {
  let part: Node[] = [];
  let jobs = new Set<string>();
  for (const node of nodes) {
    const own = new Set<string>();
    for (const { Namespace, JobID } of snapshot.allocationsByNode(node.ID)) own.add(jobKey({ Namespace, ID: JobID }));
    const fresh = own.difference(jobs);
    if (part.length > 0 && jobs.size + fresh.size > most) {
      yield part;
      part = [];
      jobs = own;
    } else for (const job of fresh) jobs.add(job);
    part.push(node);
  }
  if (part.length > 0) yield part;
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
