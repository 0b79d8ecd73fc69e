/** `drover server join` and `server force-leave`: who belongs to the servers. nomad.md §4.3. */
import { endpointPath } from "#api/contract";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { onlyArgument } from "../only-argument.ts";

interface JoinAnswer {
  readonly num_joined: number;
  readonly error: string;
}

export const serverJoin: Command = {
  usage: "server join [options] <address> [<address> …]",
  about: "Joins the server on this agent to others, by the addresses of their gossip (port 4648 where none is said).",
  connects: true,
  flags: {},
  async run({ api, terminal, arguments: addresses }) {
    if (addresses.length === 0) throw new UsageError("One or more node addresses must be given as arguments");
    const { value } = await api.request.put<JoinAnswer>(endpointPath("agent-join", {}), undefined, { parameters: { address: addresses } });
    if (value.num_joined > 0) terminal.print(`Joined ${value.num_joined} servers successfully`);
    if (value.error !== "") terminal.complain(`Error joining: ${value.error}`);
    return value.num_joined > 0 ? 0 : 1;
  },
};

export const serverForceLeave: Command = {
  usage: "server force-leave [options] <name>",
  about: "Tells the others that a server which failed will not come back.",
  connects: true,
  flags: { prune: { kind: "boolean", about: "Take it out of the list of members too" } },
  async run(context) {
    const node = onlyArgument(context, "<name>");
    const prune = context.flags.flag("prune") ? { prune: true } : {};
    const known = (await context.api.agent.members()).value.Members;
    await context.api.request.put(endpointPath("agent-force-leave", {}), undefined, { parameters: { node, ...prune } });
    // Exit code 0 as Nomad's: scripts tell it of servers that are long out of the list. A typing error should not look like success, though.
    if (!known.some(({ Name, Tags }) => Name === node || Name === `${node}.${Tags["region"]}`))
      context.terminal.complain(
        `No server is called ${JSON.stringify(node)}: nothing was done. Known are ${known.map(({ Name }) => Name).join(", ")}`,
      );
    return 0;
  },
};
