/** `drover node meta apply` and `read`: metadata that is set while a node runs. nomad.md §4.3. */
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { keyValues } from "../render/columns.ts";
import { byName } from "../render/node.ts";
import { resolveNode } from "../resolve.ts";

const NODE_FLAG = {
  "node-id": { kind: "text", value: "node", about: "The node (default: that of the agent asked)" },
} as const;

export const nodeMetaApply: Command = {
  usage: "node meta apply [options] <key>=<value> …",
  about:
    "Sets metadata of a node while it runs. It wins over the configuration's, outlives the agent, and is seen by the scheduler at once; jobs that run already are not moved.",
  connects: true,
  flags: {
    ...NODE_FLAG,
    unset: { kind: "text", value: "keys", about: "Keys to take away, with commas between; those of the configuration are taken away too" },
  },
  async run(context) {
    const changes: Record<string, string | null> = {};
    for (const key of (context.flags.text("unset") ?? "").split(",")) if (key.trim() !== "") changes[key.trim()] = null;
    for (const word of context.arguments) {
      const at = word.indexOf("=");
      if (at < 1) throw new UsageError(`Cannot read metadata ${JSON.stringify(word)}: want key=value`);
      changes[word.slice(0, at)] = word.slice(at + 1);
    }
    if (Object.keys(changes).length === 0) throw new UsageError("Must specify -unset or at least 1 key=value pair");
    await context.api.nodes.changeMetadata(await nodeMeant(context), changes);
    return 0;
  },
};

export const nodeMetaRead: Command = {
  usage: "node meta read [options]",
  about: "Shows the metadata of a node: all of it, what was set while it ran, and what its configuration says.",
  connects: true,
  flags: { ...NODE_FLAG, ...DATA_FLAGS },
  async run(context) {
    const { flags, terminal, api } = context;
    if (context.arguments.length > 0) throw new UsageError("This command takes no arguments");
    const { value: meta } = await api.nodes.metadata(await nodeMeant(context));
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, meta, flags.text("t"));
      return 0;
    }
    const show = (map: Readonly<Record<string, string | null>>) =>
      Object.keys(map).length === 0 ? "<none>" : keyValues(byName(map).map(([key, value]) => [key, value ?? "<unset>"]));
    const title = (text: string) => terminal.colours.bold(text);
    terminal.print(`${title("All Meta")}\n${show(meta.Meta)}`);
    terminal.print(`\n${title("Dynamic Meta")}\n${show(meta.Dynamic)}`);
    terminal.print(`\n${title("Static Meta")}\n${show(meta.Static)}`);
    return 0;
  },
};

async function nodeMeant(context: Context): Promise<string> {
  const typed = context.flags.text("node-id");
  return typed === undefined || typed === "" ? "" : (await resolveNode(context, typed)).ID;
}
