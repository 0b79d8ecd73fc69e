/**
 * A disconnected node is one that something on it may still come back with. When the last of that is given up (its time is over, it was
 * stopped), the node is down like any other that is not heard of: so its record ends too.
 *
 *   disconnected ──► an allocation of it changed ──► (gathered) ──► none left that may come back? ──► down
 */
import type { NodeId } from "#model";
import type { Timer } from "#ports";
import { messageOf } from "#std";
import type { Change } from "#state";
import type { ServerContext } from "../context.ts";
import { mayComeBack, setNodeStatus } from "./lost-nodes.ts";

const GATHER_MS = 1_000;
const RETRY_MS = 5_000;

export interface DisconnectedNodes {
  close(): void;
}

export function createDisconnectedNodes(context: ServerContext): DisconnectedNodes {
  const { state } = context.cluster;
  const disconnected = new Set<NodeId>();
  const marked = new Set<NodeId>();
  let gathering: Timer | undefined;
  let closed = false;

  function mark(id: NodeId): void {
    marked.add(id);
    gather(GATHER_MS);
  }

  function gather(delayMs: number): void {
    if (closed) return;
    gathering ??= context.clock.after(delayMs, () => void look());
  }

  async function look(): Promise<void> {
    const snapshot = state.snapshot();
    const over = [...marked].filter((id) => {
      if (snapshot.node(id)?.Status !== "disconnected") return false;
      return ![...snapshot.allocationsByNode(id)].some(mayComeBack);
    });
    marked.clear();
    try {
      if (over.length > 0) await setNodeStatus(context, over, "down", "Node heartbeat missed: nothing on it is waited for any more");
      gathering = undefined;
      if (marked.size > 0) gather(GATHER_MS);
    } catch (thrown) {
      for (const id of over) marked.add(id);
      gathering = undefined;
      if (closed) return;
      const fields = { nodes: over, error: messageOf(thrown) };
      context.report({ level: "error", message: "cannot record lost nodes: trying again", fields });
      gather(RETRY_MS);
    }
  }

  function observe(change: Change): void {
    for (const node of change.nodes) {
      if (node.Status !== "disconnected") disconnected.delete(node.ID);
      else {
        disconnected.add(node.ID);
        mark(node.ID);
      }
    }
    for (const id of change.goneNodes) disconnected.delete(id);
    if (disconnected.size === 0) return;
    for (const { NodeID } of [...change.allocations, ...change.goneAllocations]) if (disconnected.has(NodeID)) mark(NodeID);
  }

  // Listening before reading: no change falls between.
  const unsubscribe = state.watch.subscribe(observe);
  for (const node of state.snapshot().nodes()) {
    if (node.Status !== "disconnected") continue;
    disconnected.add(node.ID);
    mark(node.ID);
  }
  return {
    close() {
      closed = true;
      unsubscribe();
      gathering?.cancel();
    },
  };
}
