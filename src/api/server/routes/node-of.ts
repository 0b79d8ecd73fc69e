/** Which node answers for an allocation or a node id: the one on this agent, or one the server is connected to. */
import type { AllocationId, NodeId } from "#model";
import type { NodeServices } from "#ports";
import type { Context } from "../call.ts";
import { badRequest, notFound, serverOnly } from "../refusal.ts";

/** Rejects with 404 for an allocation no one knows. */
export async function nodeOfAllocation(context: Context, id: string): Promise<NodeServices> {
  if (id === "") throw badRequest("must provide a valid alloc id");
  if (context.cluster === null || context.server === null) {
    const local = localNode(context);
    if (local === undefined) throw serverOnly();
    return local.services;
  }
  const allocation = (await context.cluster.read()).allocation(id as AllocationId);
  if (allocation === undefined) throw notFound(`Unknown allocation ${JSON.stringify(id)}`);
  return servicesOf(context, allocation.NodeID);
}

/** `id` "": the node on this agent. */
export async function nodeById(context: Context, id: string): Promise<NodeServices> {
  if (id === "") {
    const local = localNode(context);
    if (local === undefined) throw badRequest("Node ID missing: this agent runs no node, ?node_id must say which is meant");
    return local.services;
  }
  if (localNode(context)?.id !== id && context.cluster !== null && (await context.cluster.read()).node(id as NodeId) === undefined) {
    throw notFound(`Unknown node ${JSON.stringify(id)}`);
  }
  return servicesOf(context, id as NodeId);
}

function servicesOf(context: Context, id: NodeId): NodeServices {
  const local = localNode(context);
  if (local?.id === id) return local.services;
  if (context.server === null) throw serverOnly();
  return context.server.nodeServices(id);
}

/** The node on this agent; undefined while it has not started (no id yet). */
function localNode(context: Context) {
  return context.localNode === null || context.localNode.id === "" ? undefined : context.localNode;
}
