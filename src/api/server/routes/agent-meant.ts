/** Whose log, machine or profile is asked for: ?node_id, ?server_id. This agent's, or another server's, which answers in its place. */
import type { NodeId } from "#model";
import { NamedError } from "#std";
import type { Call, Context } from "../call.ts";
import { AnsweredElsewhere, badRequest, noLeader, notFound, serverOnly } from "../refusal.ts";
import { membersOf } from "./members.ts";

/** Returns when this agent is meant (neither says otherwise); throws API_ELSEWHERE, which is relayed, or 404. */
export async function requireThisAgent(call: Call, context: Context): Promise<void> {
  const [nodeId, serverId] = [call.query.text("node_id"), call.query.text("server_id")];
  if (nodeId !== "" && serverId !== "") throw badRequest("Cannot target node and server simultaneously");
  if (nodeId !== "" && nodeId !== context.localNode?.id) await requireItsServer(nodeId as NodeId, context);
  if (serverId !== "") await requireServerMeant(serverId, context);
}

async function requireServerMeant(serverId: string, context: Context): Promise<void> {
  const { cluster } = context;
  if (context.server === null || cluster === null) throw serverOnly();
  if (serverId === "leader") {
    if (cluster.leads) return;
    if (cluster.leaderAddress === "") throw noLeader("Ask for a server by its name: drover server members.");
    throw new AnsweredElsewhere(cluster.leaderAddress);
  }
  const found = (await membersOf(context)).find(({ Name, Tags }) => [Name, Name.replace(/\.[^.]*$/, ""), Tags["id"]].includes(serverId));
  if (found === undefined) throw notFound(`Unknown server ${JSON.stringify(serverId)}: it is none of the members`);
  if (found.Name === context.agent.member().Name) return;
  const host = found.Addr.includes(":") ? `[${found.Addr}]` : found.Addr;
  throw new AnsweredElsewhere(`${host}:${found.Tags["port"] ?? ""}`);
}

/** A node beside a server is asked by it; servers never dial the others. */
async function requireItsServer(id: NodeId, context: Context): Promise<never> {
  const { server, cluster } = context;
  if (server === null || cluster === null) throw serverOnly();
  const node = (await cluster.read()).node(id);
  if (node === undefined) throw notFound(`Unknown node ${JSON.stringify(id)}`);
  const holder = server.holdsNode(id) ? "" : await server.whoHoldsNode(id);
  if (holder !== "") throw new AnsweredElsewhere(holder);
  throw new NamedError("API_AGENT_APART", `Cannot ask the agent of node "${node.Name}" from here: servers do not dial nodes`, {
    statusCode: 501,
    fix: `Ask it itself: -address=http://${node.HTTPAddr}`,
  });
}
