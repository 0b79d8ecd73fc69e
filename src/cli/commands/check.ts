/** `drover check`: is the agent well, for scripts and monitors. nomad.md §4.2: 0 well, 1 not quite (or misused), 2 not. */
import type { AgentSelfAnswer } from "#api/contract";
import { messageOf } from "#std";
import type { Command } from "../command.ts";
import { noArguments } from "../only-argument.ts";

const CRITICAL = 2;

export const check: Command = {
  usage: "check [options]",
  about: "Exits 0 when the agent is well, 2 when it is not: too few servers for a node, too few peers for a server, or no answer.",
  connects: true,
  flags: {
    "min-peers": { kind: "whole", value: "count", about: "A server wants to know so many other servers (default 0)" },
    "min-servers": { kind: "whole", value: "count", about: "A node wants to know so many servers (default 1)" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    let problems: string[];
    try {
      const { value } = await api.agent.self();
      problems = agentProblems(value.stats, { minPeers: flags.whole("min-peers") ?? 0, minServers: flags.whole("min-servers") ?? 1 });
    } catch (error) {
      problems = [`Unable to query agent info: ${messageOf(error)}`];
    }
    if (problems.length === 0) {
      terminal.print("Agent is healthy");
      return 0;
    }
    for (const problem of problems) terminal.complain(problem);
    return CRITICAL;
  },
};

/** Pure. A count the agent does not tell is no reason to complain. */
export function agentProblems(
  stats: AgentSelfAnswer["stats"],
  wanted: { readonly minPeers: number; readonly minServers: number },
): string[] {
  const problems: string[] = [];
  const count = (group: string, name: string) => Number(stats[group]?.[name] ?? Number.NaN);
  const peers = count("raft", "num_peers");
  if (peers < wanted.minPeers) problems.push(`known peers: ${peers}, less than expected number of peers: ${wanted.minPeers}`);
  const servers = count("client", "known_servers");
  if (servers < wanted.minServers) problems.push(`known servers: ${servers}, less than expected number of servers: ${wanted.minServers}`);
  if (stats["raft"] === undefined && stats["client"] === undefined) problems.push("the agent is neither a server nor a node");
  return problems;
}
