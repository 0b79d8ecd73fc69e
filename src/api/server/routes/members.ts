/** Which servers there are, who joins them and who is told to be gone; the keys of their gossip. nomad.md §3.2, /v1/agent. */
import type { Membership, ServerMember } from "#ports";
import { NamedError } from "#std";
import type { AgentMember } from "../../contract/mod.ts";
import { value, type Call, type Context, type Handler, type Result } from "../call.ts";
import { badRequest, serverOnly } from "../refusal.ts";
import { requireServer } from "../require.ts";

export const listMembers: Handler = async (_call, context) => {
  // An agent without a server passes the question on where it can.
  if (context.server === null && context.serverApi !== undefined) throw serverOnly();
  return value({
    ServerName: context.agent.member().Name,
    ServerRegion: context.region,
    ServerDC: context.datacenter,
    Members: await membersOf(context),
  });
};

/** In the order of their names. A server that stands alone knows itself. */
export async function membersOf(context: Context): Promise<readonly AgentMember[]> {
  const { membership } = context;
  if (membership === undefined || membership === null) return context.agent.members();
  const own = context.agent.member();
  const members = (await membership.members()).map((member) => agentMember(member, own));
  return members.toSorted((a, b) => (a.Name < b.Name ? -1 : a.Name > b.Name ? 1 : 0));
}

/** What is the same of all servers is taken of this one's own. */
export function agentMember(member: ServerMember, own: AgentMember): AgentMember {
  const rpc = placeOf(member.RpcAddress);
  return {
    ...own,
    Name: member.Name,
    Addr: rpc.host === "" ? member.Address : rpc.host,
    Port: member.Port,
    Status: member.Status,
    Tags: {
      ...own.Tags,
      region: member.Region,
      dc: member.Datacenter,
      id: member.ServerId,
      port: rpc.port,
      rpc_addr: rpc.host,
      drover: member.Version,
    },
  };
}

function placeOf(address: string): { readonly host: string; readonly port: string } {
  const at = address.lastIndexOf(":");
  return at < 0 ? { host: "", port: "" } : { host: address.slice(0, at).replace(/^\[(.*)\]$/, "$1"), port: address.slice(at + 1) };
}

/** ?address=…&address=…; at least one. */
export const joinServers: Handler = async (call, context) => {
  // Not passed on: it is the server here that would join.
  if (context.server === null) throw badRequest("Cannot join servers: this agent runs no server; ask one that does");
  const addresses = call.query.all("address").filter((each) => each !== "");
  if (addresses.length === 0) throw badRequest("missing address to join");
  const outcome = await requireMembership(context, "join").join(addresses);
  return value({ num_joined: outcome.Joined, error: outcome.Joined === addresses.length ? "" : outcome.Problems.join("; ") });
};

/** ?node=name, ?prune. */
export const forceLeave: Handler = async (call, context) => {
  const node = call.query.text("node");
  if (node === "") throw badRequest("missing node to force leave");
  const membership = requireMembership(context, "force-leave");
  await requireGone(membership, (member) => member.Name === node || member.Name === `${node}.${member.Region}`);
  await membership.forceLeave(node, call.query.flag("prune", false, true));
  return { kind: "empty", meta: {} };
};

/** Taken out by the others while it runs, it votes, or even leads, unseen: they look for it, and nobody orders writes. */
export async function requireGone(membership: Membership, isMeant: (member: ServerMember) => boolean): Promise<void> {
  const alive = (await membership.members()).find((member) => isMeant(member) && member.Status === "alive");
  if (alive === undefined) return;
  throw new NamedError("SERVER_ALIVE", `Cannot take server "${alive.Name}" out: it is alive, wanted one that has failed or left`, {
    statusCode: 400,
    fix: "To let it go, set leave_on_terminate = true there and stop its agent. If it has just died, ask again in some seconds.",
  });
}

export const listGossipKeys: Handler = async (_call, context) => gossipKeys(requireMembership(context, "list gossip keys of"));

export const changeGossipKey =
  (change: "install" | "use" | "remove"): Handler =>
  async (call, context) => {
    const membership = requireMembership(context, `${change} gossip key of`);
    await membership.changeGossipKey(change, keyOf(call));
    return gossipKeys(membership);
  };

async function gossipKeys(membership: Membership): Promise<Result> {
  const { Keys, PrimaryKeys, Members } = await membership.gossipKeys();
  return value({ Messages: {}, Keys, PrimaryKeys, NumNodes: Members });
}

/** { Key }, as Nomad's clients send it. */
function keyOf(call: Call): string {
  const key = call.body().text("Key");
  if (![16, 24, 32].includes(Buffer.from(key, "base64").length)) {
    throw badRequest("Cannot read key: wanted base64 of 16, 24 or 32 bytes");
  }
  return key;
}

function requireMembership(context: Context, verb: string): Membership {
  requireServer(context);
  const { membership } = context;
  if (membership !== undefined && membership !== null) return membership;
  throw new NamedError("SERVER_ALONE", `Cannot ${verb} servers: this server stands alone, its log is on its own disk`, {
    statusCode: 400,
    fix: 'For a cluster: stop it, move its state with "drover operator raft migrate-backend -to=consul", and start it with bootstrap_expect = 3 and server_join { retry_join }.',
  });
}
