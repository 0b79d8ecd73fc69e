/** Which node answers for an allocation or a node id: the one on this agent, one the server is connected to, or one that is connected to another server. */
import type { AllocationId, NodeId } from "#model";
import type { NodeServices } from "#ports";
import type { Server } from "#server";
import type { Context } from "../call.ts";
import { AnsweredElsewhere, badRequest, notFound, serverOnly } from "../refusal.ts";

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

/** Rejects unless the node is connected to this very server; `id` "": the node on this agent. */
export async function heldHere(context: Context, id: string): Promise<{ readonly server: Server; readonly id: NodeId }> {
  const { server } = context;
  const meant = (id === "" ? (localNode(context)?.id ?? "") : id) as NodeId;
  if (meant === "") throw badRequest("Node ID missing: this agent runs no node, ?node_id must say which is meant");
  if (server === null || context.cluster === null) throw serverOnly();
  if ((await context.cluster.read()).node(meant) === undefined) throw notFound(`Unknown node ${JSON.stringify(meant)}`);
  const holder = server.holdsNode(meant) ? "" : await server.whoHoldsNode(meant);
  if (holder !== "") throw new AnsweredElsewhere(holder);
  return { server, id: meant };
}

async function servicesOf(context: Context, id: NodeId): Promise<NodeServices> {
  const local = localNode(context);
  if (local?.id === id) return local.services;
  const { server } = context;
  if (server === null) throw serverOnly();
  if (context.peerApi === undefined || server.holdsNode(id)) return server.nodeServices(id);
  const holder = await server.whoHoldsNode(id);
  if (holder === "") return server.nodeServices(id);
  throw new AnsweredElsewhere(holder);
}

/** The node on this agent; undefined while it has not started (no id yet). */
function localNode(context: Context) {
  return context.localNode === null || context.localNode.id === "" ? undefined : context.localNode;
}
