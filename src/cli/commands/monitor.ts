/** `drover monitor`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { resolveNode } from "../resolve.ts";

export const monitor: Command = {
  usage: "monitor [options]",
  about: "Prints an agent's log as it is written, until Ctrl-C.",
  connects: true,
  flags: {
    "log-level": { kind: "text", value: "level", about: "TRACE, DEBUG, INFO (default), WARN or ERROR" },
    "log-include-location": { kind: "boolean", about: "Taken, without effect: the log names no places in the program" },
    json: { kind: "boolean", about: "As JSON" },
    "node-id": { kind: "text", value: "node", about: "The agent with this node" },
    "server-id": { kind: "text", value: "server", about: "The agent that is this server" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    if (context.arguments.length > 0) {
      // `monitor export` is a command of its own, which is not there yet.
      const { explainAwaited } = await import("./awaited.ts");
      const awaited = explainAwaited(["monitor", ...context.arguments], []);
      if (awaited === undefined) throw new UsageError("This command takes no arguments");
      terminal.complain(awaited.trimEnd());
      return 1;
    }
    const node = flags.text("node-id");
    const stream = await api.agent.monitor(
      { logLevel: flags.text("log-level") ?? "INFO", logJson: flags.flag("json") },
      {
        signal: context.interrupted,
        parameters: { node_id: node === undefined ? undefined : (await resolveNode(context, node)).ID, server_id: flags.text("server-id") },
      },
    );
    try {
      for await (const data of stream) terminal.write(data);
    } catch (error) {
      if (!context.interrupted.aborted) throw error;
    }
    return 0;
  },
};
