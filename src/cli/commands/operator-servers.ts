/** `drover operator raft list-peers`, `operator autopilot get-config` and `health`: nomad.md §4.3, §4.4. */
import { ApiError } from "#api/client";
import type { AutopilotHealthAnswer } from "#api/contract";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { noArguments } from "../only-argument.ts";
import { keyValues, table } from "../render/columns.ts";

const STALE = { stale: { kind: "boolean", about: "Ask any server, even when none leads" } } as const;

export const operatorRaftListPeers: Command = {
  usage: "operator raft list-peers [options]",
  about: "Lists the servers that keep the log, and which of them leads.",
  connects: true,
  flags: STALE,
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value } = await api.system.raftConfiguration({ stale: flags.flag("stale") });
    terminal.print(
      table([
        ["Node", "ID", "Address", "State", "Voter", "RaftProtocol"],
        ...value.Servers.map((server) => [
          server.Node,
          server.ID,
          server.Address,
          server.Leader ? "leader" : "follower",
          String(server.Voter),
          server.RaftProtocol,
        ]),
      ]),
    );
    return 0;
  },
};

export const operatorAutopilotGetConfig: Command = {
  usage: "operator autopilot get-config [options]",
  about: "Shows how the servers look after themselves.",
  connects: true,
  flags: { ...STALE, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value } = await api.system.autopilotConfiguration({ stale: flags.flag("stale") });
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    const names = [
      "CleanupDeadServers",
      "LastContactThreshold",
      "MaxTrailingLogs",
      "MinQuorum",
      "ServerStabilizationTime",
      "EnableRedundancyZones",
      "DisableUpgradeMigration",
      "EnableCustomUpgrades",
    ] as const;
    terminal.print(keyValues(names.map((name) => [name, String(value[name])])));
    return 0;
  },
};

export const operatorAutopilotHealth: Command = {
  usage: "operator autopilot health [options]",
  about: "Shows whether the servers are well, and how many of them may fail.",
  connects: true,
  flags: { ...STALE, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const value = await readHealth(() => api.system.autopilotHealth({ stale: flags.flag("stale") }));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    terminal.print(
      keyValues([
        ["Healthy", String(value.Healthy)],
        ["FailureTolerance", String(value.FailureTolerance)],
        ["Leader", value.Leader],
        ["Voters", value.Voters.join(",")],
      ]),
    );
    const columns = ["ID", "Name", "Address", "SerfStatus", "Version", "Leader", "Voter", "Healthy"] as const;
    const more = ["LastContact", "LastTerm", "LastIndex", "StableSince"] as const;
    const names = [...columns, ...more];
    terminal.print(`\n${table([names, ...value.Servers.map((server) => names.map((name) => String(server[name])))])}`);
    return 0;
  },
};

/** 429 with the same body says that they are not well: that is an answer. */
async function readHealth(ask: () => Promise<{ readonly value: AutopilotHealthAnswer }>): Promise<AutopilotHealthAnswer> {
  try {
    return (await ask()).value;
  } catch (error) {
    if (error instanceof ApiError && error.status === 429) return JSON.parse(error.text) as AutopilotHealthAnswer;
    throw error;
  }
}
