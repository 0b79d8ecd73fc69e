/** Tokens of nodes: the identity one is given when it has registered, and what introduces one that is new. nomad.md §3.2, §7 "Node identity". */
import { empty, value, type Handler } from "../call.ts";
import { notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { heldHere } from "./node-of.ts";

const NS_PER_MS = 1e6;

/** ?node_id */
export const readNodeIdentity: Handler = async (call, context) => {
  const { server, id } = await heldHere(context, call.query.text("node_id"));
  const claims = server.nodeIdentity(id);
  if (claims === null) throw notFound(`Node ${JSON.stringify(id)} has not been given an identity yet`);
  return value({ Claims: claims });
};

/** {NodeID} or ?node_id: another one with its next heartbeat. */
export const renewNodeIdentity: Handler = async (call, context) => {
  const { server, id } = await heldHere(context, call.query.text("node_id") || call.body(true).text("NodeID"));
  server.renewNodeIdentity(id);
  return empty();
};

/** {TTL, NodeName, NodePool} */
export const introduceNode: Handler = async (call, context) => {
  const body = call.body(true);
  return value(
    await requireServer(context).introduceNode({
      ttlMs: body.durationNs("TTL") / NS_PER_MS,
      nodeName: body.text("NodeName"),
      nodePool: body.text("NodePool"),
    }),
  );
};
