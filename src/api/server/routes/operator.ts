/** /v1/operator about the servers themselves. There is one, and the answers say so. nomad.md §3.2. */
import type { AgentMember, AutopilotConfigurationAnswer } from "../../contract/mod.ts";
import { value, type Context, type Handler } from "../call.ts";
import { requireCluster } from "../require.ts";

/** What Nomad starts with; nothing here acts on it while there is one server. */
const AUTOPILOT: AutopilotConfigurationAnswer = {
  CleanupDeadServers: true,
  LastContactThreshold: "200ms",
  MaxTrailingLogs: 250,
  MinQuorum: 0,
  ServerStabilizationTime: "10s",
  EnableRedundancyZones: false,
  DisableUpgradeMigration: false,
  EnableCustomUpgrades: false,
  CreateIndex: 1,
  ModifyIndex: 1,
};

export const readRaftConfiguration: Handler = (_call, context) => {
  const { state } = requireCluster(context);
  return value({ Index: state.index, Servers: context.agent.members().map(raftServer) }, { index: state.index });
};

function raftServer(member: AgentMember) {
  const address = addressOf(member);
  return { ID: idOf(member), Node: member.Name, Address: address, Leader: true, Voter: true, RaftProtocol: member.Tags["raft_vsn"] ?? "3" };
}

export const readAutopilotConfiguration: Handler = (_call, context) => {
  requireCluster(context);
  return value(AUTOPILOT, { index: 1 });
};

/** 429 when it is not well, as a load balancer expects. */
export const readAutopilotHealth: Handler = (_call, context) => {
  const cluster = requireCluster(context);
  const servers = context.agent.members().map((member) => serverHealth(member, context));
  const healthy = cluster.leads && servers.every((server) => server.Healthy);
  return value(
    { Healthy: healthy, FailureTolerance: 0, Servers: servers, Leader: servers[0]?.ID ?? "", Voters: servers.map((server) => server.ID) },
    { status: healthy ? 200 : 429 },
  );
};

function serverHealth(member: AgentMember, context: Context) {
  const cluster = requireCluster(context);
  return {
    ID: idOf(member),
    Name: member.Name,
    Address: addressOf(member),
    SerfStatus: member.Status,
    Version: member.Tags["build"] ?? "",
    Leader: cluster.leads,
    LastContact: "0s",
    LastTerm: 1,
    LastIndex: cluster.state.index,
    Healthy: cluster.leads && context.agent.health().server?.ok === true,
    Voter: true,
    StableSince: new Date(context.agent.startedAtMs).toISOString(),
  };
}

function idOf(member: AgentMember): string {
  return member.Tags["id"] || member.Name;
}

function addressOf(member: AgentMember): string {
  const port = member.Tags["port"] ?? String(member.Port);
  return member.Addr.includes(":") ? `[${member.Addr}]:${port}` : `${member.Addr}:${port}`;
}
