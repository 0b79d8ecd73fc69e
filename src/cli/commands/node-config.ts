/** `drover node config`: which servers a node talks to. nomad.md §4.3. */
import { endpointPath } from "#api/contract";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";

export const nodeConfig: Command = {
  usage: "node config [options] [<address> …]",
  about: "Shows or changes the servers the agent's node talks to.",
  connects: true,
  flags: {
    servers: { kind: "boolean", about: "List them" },
    "update-servers": { kind: "boolean", about: "Talk to the servers at these addresses instead" },
  },
  async run({ flags, terminal, api, arguments: addresses }) {
    if (flags.flag("servers") === flags.flag("update-servers")) throw new UsageError("One of -servers and -update-servers must be set");
    if (flags.flag("update-servers")) {
      if (addresses.length === 0) throw new UsageError("-update-servers needs at least one address");
      await api.request.put(endpointPath("agent-servers", {}), undefined, { parameters: { address: addresses } });
      terminal.print("Updated server list");
      return 0;
    }
    if (addresses.length > 0) throw new UsageError("-servers takes no arguments");
    for (const address of (await api.agent.servers()).value) terminal.print(address);
    return 0;
  },
};
