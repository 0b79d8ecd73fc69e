/** `drover var purge`: a variable goes for good. nomad.md §4.3. */
import type { Command } from "../command.ts";
import { onlyArgument } from "../only-argument.ts";
import { explainConflict } from "../variable-conflict.ts";

export const varPurge: Command = {
  usage: "var purge [options] <path>",
  about: "Removes a variable for good. One that is not there is no failure.",
  connects: true,
  flags: {
    "check-index": { kind: "whole", value: "index", about: "Only if the variable's index is this" },
    yes: { kind: "boolean", about: "Taken for scripts of other versions: nothing is asked" },
    y: { kind: "boolean", about: "As -yes" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const path = onlyArgument(context, "<path>").replace(/^\/+|\/+$/g, "");
    const checkIndex = flags.whole("check-index");
    try {
      await api.variables.delete(path, checkIndex);
    } catch (error) {
      throw await explainConflict(context, error, { verb: "purge", path, namespace: undefined, checkIndex });
    }
    terminal.print(`Successfully purged variable ${JSON.stringify(path)}!`);
    return 0;
  },
};
