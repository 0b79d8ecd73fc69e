/** `drover server members`: nomad.md §4.4. */
import type { AgentMember } from "#api/contract";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { table } from "../render/columns.ts";

export const serverMembers: Command = {
  usage: "server members [options]",
  about: "Lists the servers the agent knows, and which of them leads.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    detailed: { kind: "boolean", about: "Same as -verbose" },
    verbose: { kind: "boolean", about: "Protocol and tags too" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const { value } = await api.agent.members();
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value.Members, flags.text("t"));
      return 0;
    }
    const leader = (await api.status.leader()).value;
    const verbose = flags.flag("verbose") || flags.flag("detailed");
    terminal.print(
      table([
        [
          "Name",
          "Address",
          "Port",
          "Status",
          "Leader",
          "Raft Version",
          "Build",
          "Datacenter",
          "Region",
          ...(verbose ? ["Protocol", "Tags"] : []),
        ],
        ...value.Members.map((member) => [
          member.Name,
          member.Addr,
          String(member.Port),
          member.Status,
          // One that has just failed is still written down as the leader, until the others have agreed on another.
          String(member.Status === "alive" && leader === rpcAddressOf(member)),
          member.Tags["raft_vsn"] ?? "",
          member.Tags["build"] ?? "",
          member.Tags["dc"] ?? "",
          member.Tags["region"] ?? "",
          ...(verbose
            ? [
                String(member.ProtocolCur),
                Object.entries(member.Tags)
                  .map(([key, each]) => `${key}=${each}`)
                  .toSorted()
                  .join(","),
              ]
            : []),
        ]),
      ]),
    );
    return 0;
  },
};

function rpcAddressOf({ Addr, Tags }: AgentMember): string {
  return `${Addr.includes(":") ? `[${Addr}]` : Addr}:${Tags["port"] ?? ""}`;
}
