/** `drover var get`: the one command that prints what a variable holds unasked. nomad.md §4.3, §4.4. */
import { ApiError } from "#api/client";
import type { Command } from "../command.ts";
import { onlyArgument } from "../only-argument.ts";
import { OUTPUT_FLAGS, outputFormat, printVariable } from "../variable-output.ts";

export const varGet: Command = {
  usage: "var get [options] <path>",
  about: "Prints a variable: as a table on a terminal, else as JSON. -item prints one value as it is, with nothing after it.",
  connects: true,
  flags: { item: { kind: "text", value: "key", about: "Print the value of this item alone" }, ...OUTPUT_FLAGS },
  async run(context) {
    const { terminal, flags, api } = context;
    const format = outputFormat(context, ["go-template", "hcl", "json", "none", "table"], terminal.interactive ? "table" : "json");
    const path = onlyArgument(context, "<path>").replace(/^\/+|\/+$/g, "");
    const found = await api.variables.read(path).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    });
    if (found === undefined) {
      terminal.complain(`Variable ${JSON.stringify(path)} not found`);
      return 1;
    }
    const item = flags.text("item");
    if (item === undefined) {
      printVariable(context, found.value, format);
      return 0;
    }
    const value = Object.hasOwn(found.value.Items, item) ? found.value.Items[item] : undefined;
    if (value === undefined) {
      terminal.complain(`Variable ${JSON.stringify(path)} has no item ${JSON.stringify(item)}`);
      return 1;
    }
    terminal.write(value);
    return 0;
  },
};
