/** /v1/operator about the servers themselves: who keeps the log, how they are. nomad.md §3.2. */
import type { ServerDescription } from "#cluster";
import type { AutopilotConfiguration } from "#model";
import { formatDuration } from "#std";
import type { AgentMember } from "../../contract/mod.ts";
import { empty, value, type Context, type Handler } from "../call.ts";
import { AnsweredElsewhere, badRequest, noLeader, notFound } from "../refusal.ts";
import { requireCluster, requireServer } from "../require.ts";
import { membersOf, requireGone } from "./members.ts";

/** A server as the log knows it and as its gossip does, put together by its id. */
interface KnownServer {
  readonly log: ServerDescription;
  readonly member: AgentMember | undefined;
}

async function knownServers(context: Context): Promise<readonly KnownServer[]> {
  const [servers, members] = await Promise.all([requireCluster(context).servers(), membersOf(context)]);
  const known = servers.map((log) => ({ log, member: members.find(({ Tags }) => Tags["id"] === log.ServerId) }));
  // One that has not written anything yet is there all the same; one that was forgotten is not.
  const silent = members.filter(
    ({ Status, Tags }) => Status === "alive" && Tags["id"] !== "" && !servers.some(({ ServerId }) => ServerId === Tags["id"]),
  );
  return [...known, ...silent.map((member) => ({ log: describedBy(member), member }))];
}

function describedBy(member: AgentMember): ServerDescription {
  const host = member.Addr.includes(":") ? `[${member.Addr}]` : member.Addr;
  return {
    ServerId: member.Tags["id"] ?? "",
    Name: member.Name,
    RpcAddress: `${host}:${member.Tags["port"] ?? member.Port}`,
    HttpAddress: "",
    Leader: false,
    Version: member.Tags["drover"] ?? "",
    FeatureLevel: 0,
    SyncedIndex: 0,
    Time: 0,
  };
}

export const readRaftConfiguration: Handler = async (_call, context) => {
  const { state } = requireCluster(context);
  const servers = (await knownServers(context)).map(({ log, member }) => ({
    ID: log.ServerId,
    Node: member?.Name ?? log.Name,
    Address: log.RpcAddress,
    Leader: log.Leader,
    Voter: true,
    RaftProtocol: member?.Tags["raft_vsn"] ?? "3",
  }));
  return value({ Index: state.index, Servers: servers }, { index: state.index });
};

/** ?id= or ?address=: a server that is gone for good. */
export const removePeer: Handler = async (call, context) => {
  const [id, address] = [call.query.text("id"), call.query.text("address")];
  if ((id === "") === (address === ""))
    throw badRequest("Must specify either ?id with the server's ID or ?address with IP:port of peer to remove");
  const found = (await knownServers(context)).find(({ log }) => (id === "" ? log.RpcAddress === address : log.ServerId === id));
  if (found === undefined)
    throw notFound(
      `${id === "" ? `address ${JSON.stringify(address)}` : `id ${JSON.stringify(id)}`} was not found in the Raft configuration`,
    );
  const { ServerId } = found.log;
  if (context.membership) await requireGone(context.membership, (member) => member.ServerId === ServerId);
  await requireCluster(context).forgetServer(ServerId);
  if (found.member !== undefined) await context.membership?.forceLeave(found.member.Name, true);
  return empty();
};

/** ?id= or ?address=: the server that is to lead next; none of them: any. Naming the one that leads does nothing (Noop). */
export const transferLeadership: Handler = async (call, context) => {
  const [id, address] = [call.query.text("id"), call.query.text("address")];
  requireServer(context);
  if (id !== "" && address !== "") throw badRequest("must specify either ID or address, not both");
  const found = (await knownServers(context)).find(({ log }) => (id === "" ? log.RpcAddress === address : log.ServerId === id));
  if ((id !== "" || address !== "") && found === undefined)
    throw notFound(`no server ${JSON.stringify(id || address)} in the Raft configuration`);
  const cluster = requireCluster(context);
  // Leadership is the leader's to give.
  if (!cluster.leads) {
    if (cluster.leaderAddress === "") throw noLeader("Ask again in a moment: the servers are agreeing on a leader.");
    throw new AnsweredElsewhere(cluster.leaderAddress);
  }
  const from = { ID: cluster.serverId, Address: cluster.leaderAddress };
  await cluster.transferLeadership(found?.log.ServerId);
  return value({
    From: from,
    To: { ID: found?.log.ServerId ?? "", Address: found?.log.RpcAddress ?? "" },
    Noop: found?.log.ServerId === from.ID,
    Err: null,
  });
};

export const readAutopilotConfiguration: Handler = (_call, context) => {
  const configuration = requireServer(context).autopilotConfiguration();
  return value(configuration, { index: configuration.ModifyIndex });
};

/** Replaced whole; ?cas: only if it has this modify index. Answers whether it was. */
export const writeAutopilotConfiguration: Handler = async (call, context) => {
  const server = requireServer(context);
  const body = call.body();
  const duration = (name: string): string => formatDuration(body.durationNs(name));
  const configuration: AutopilotConfiguration = {
    CleanupDeadServers: body.flag("CleanupDeadServers"),
    LastContactThreshold: duration("LastContactThreshold"),
    MaxTrailingLogs: body.whole("MaxTrailingLogs"),
    MinQuorum: body.whole("MinQuorum"),
    ServerStabilizationTime: duration("ServerStabilizationTime"),
    EnableRedundancyZones: body.flag("EnableRedundancyZones"),
    DisableUpgradeMigration: body.flag("DisableUpgradeMigration"),
    EnableCustomUpgrades: body.flag("EnableCustomUpgrades"),
    CreateIndex: 0,
    ModifyIndex: 0,
  };
  const cas = call.query.has("cas") ? call.query.whole("cas", 0) : null;
  const { Updated, Index } = await server.setAutopilotConfiguration(configuration, cas);
  return value(Updated, { index: Index });
};

/** 429 when it is not well, as a load balancer expects. */
export const readAutopilotHealth: Handler = async (call, context) => {
  const server = requireServer(context);
  const { leads } = requireCluster(context);
  const judgment = {
    configuration: server.autopilotConfiguration(),
    // Who leads knows since when; of another server's own view it is not asked.
    stableSinceMs: call.stale && !leads ? {} : server.serversStableSinceMs(),
  };
  const known = await knownServers(context);
  const servers = known.map((server) => serverHealth(server, context, judgment));
  const well = servers.filter((server) => server.Healthy).length;
  const quorum = Math.floor(servers.length / 2) + 1;
  const leader = servers.find((server) => server.Leader);
  const healthy = leader !== undefined && well === servers.length;
  return value(
    {
      Healthy: healthy,
      FailureTolerance: Math.max(0, well - quorum),
      Servers: servers,
      Leader: leader?.ID ?? "",
      Voters: servers.map((server) => server.ID),
    },
    { status: healthy ? 200 : 429 },
  );
};

interface Judgment {
  readonly configuration: AutopilotConfiguration;
  readonly stableSinceMs: Readonly<Record<string, number>>;
}

/** Go's time of nothing. */
const NEVER = "0001-01-01T00:00:00Z";

/** Well: its machine and its process answer, it follows, and it is not far behind. */
function serverHealth({ log, member }: KnownServer, context: Context, { configuration, stableSinceMs }: Judgment) {
  const cluster = requireCluster(context);
  const own = log.ServerId === cluster.serverId;
  const sinceMs = stableSinceMs[log.ServerId];
  const status = member?.Status ?? (own ? "alive" : "none");
  const lastIndex = own ? cluster.state.index : log.SyncedIndex;
  const contactMs = own ? cluster.lastContactMs() : log.Leader ? 0 : Math.max(0, context.clock.nowMs() - log.Time);
  return {
    ID: log.ServerId,
    Name: member?.Name ?? log.Name,
    Address: log.RpcAddress,
    SerfStatus: status,
    Version: member?.Tags["build"] ?? "",
    Leader: log.Leader,
    LastContact: `${Math.round(contactMs)}ms`,
    LastTerm: 1,
    LastIndex: lastIndex,
    Healthy:
      status === "alive" && cluster.state.index - lastIndex <= configuration.MaxTrailingLogs && (!own || cluster.leaderAddress !== ""),
    Voter: true,
    StableSince: sinceMs === undefined ? NEVER : new Date(sinceMs).toISOString(),
  };
}
