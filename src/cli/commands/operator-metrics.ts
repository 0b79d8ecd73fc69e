/** `drover operator metrics`: what an agent counts, as it counts it. nomad.md §3.5, §4.3. */
import { endpointPath } from "#api/contract";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { noArguments } from "../only-argument.ts";

export const operatorMetrics: Command = {
  usage: "operator metrics [options]",
  about: "Prints the agent's metrics: as JSON, or as Prometheus' text when its telemetry block allows that.",
  connects: true,
  flags: {
    pretty: { kind: "boolean", about: "JSON for people" },
    format: { kind: "text", value: "prometheus|pretty", about: "Another form" },
    ...DATA_FLAGS,
  },
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const format = flags.text("format");
    if (format !== undefined && format !== "prometheus" && format !== "pretty")
      throw new UsageError(`invalid value ${JSON.stringify(format)} for flag -format: want prometheus or pretty`);
    if (format === "prometheus") {
      const text = await api.request.bytes(endpointPath("metrics", {}), { parameters: { format }, signal: context.interrupted });
      for await (const data of text) terminal.write(data);
      return 0;
    }
    const { value } = await api.agent.metrics();
    if (flags.given("t") || flags.flag("json") || flags.flag("pretty") || format === "pretty") printData(terminal, value, flags.text("t"));
    else terminal.print(JSON.stringify(value));
    return 0;
  },
};
