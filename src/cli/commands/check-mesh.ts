/** `drover check mesh`: what networks and the mesh need of a node's machine, and the command that mends what it lacks. Drover's own. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { noArguments } from "../only-argument.ts";
import { preflightText } from "../render/mesh.ts";
import { resolveNode } from "../resolve.ts";

export const checkMesh: Command = {
  usage: "check mesh [options]",
  about: `Says what networks of allocations and the mesh need of a node's machine, and how to mend what is missing.
The node of the agent asked is looked at, unless -node names another. Exits 1 when something is missing.`,
  connects: true,
  flags: { node: { kind: "text", value: "node", about: "Another node: its id or a unique prefix" }, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const typed = flags.text("node");
    const id = typed === undefined ? "" : (await resolveNode(context, typed)).ID;
    const { value: findings } = await api.nodes.preflight(id);
    if (flags.flag("json") || flags.given("t")) printData(terminal, findings, flags.text("t"));
    else terminal.print(preflightText(findings, terminal.colours));
    return findings.some((each) => each.standing === "missing") ? 1 : 0;
  },
};
