/** `drover node eligibility`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { resolveNode, selfNode } from "../resolve.ts";

export const nodeEligibility: Command = {
  usage: "node eligibility [options] <node>",
  about: "Takes a node out of scheduling (what runs there goes on), or puts it back.",
  connects: true,
  flags: {
    enable: { kind: "boolean", about: "New allocations may be placed there" },
    disable: { kind: "boolean", about: "No new allocations are placed there" },
    self: { kind: "boolean", about: "The node of the agent asked" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    if (flags.flag("enable") === flags.flag("disable")) throw new UsageError("Either the -enable or the -disable flag must be set");
    const typed = context.arguments[0];
    if (typed !== undefined && flags.flag("self")) throw new UsageError("-self is the node already: leave <node> out");
    if (typed === undefined && !flags.flag("self")) throw new UsageError("Node ID must be specified if -self isn't being used");
    const id = typed === undefined ? await selfNode(context) : (await resolveNode(context, typed)).ID;
    const eligibility = flags.flag("enable") ? "eligible" : "ineligible";
    await api.nodes.setEligibility(id, eligibility);
    terminal.print(
      `Node ${JSON.stringify(id)} scheduling eligibility set: ${eligibility === "eligible" ? "eligible for scheduling" : "ineligible for scheduling"}`,
    );
    return 0;
  },
};
