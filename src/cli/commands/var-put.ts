/** `drover var put`: makes a variable, or replaces what it holds. nomad.md §4.3. */
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { explainConflict } from "../variable-conflict.ts";
import { OUTPUT_FLAGS, outputFormat, printVariable } from "../variable-output.ts";
import {
  EMPTY_SPECIFICATION,
  readItemWords,
  readVariableSpecification,
  type SpecificationFormat,
  type VariableSpecification,
} from "../variable-specification.ts";

export const varPut: Command = {
  usage: "var put [options] <path or specification> [<specification>] [<key>=<value> …]",
  about:
    'Makes a variable, or replaces it. A specification is a file, "@spec.nv.hcl", or standard input, "-". A value may be @file, or "-" for standard input. Items of the command line win over those of a specification. A variable that exists is only replaced with its check index, from the specification or -check-index, or with -force.',
  connects: true,
  flags: {
    "check-index": { kind: "whole", value: "index", about: "Only if the variable's index is this; 0: only if there is none" },
    force: { kind: "boolean", about: "Whatever is there now" },
    in: {
      kind: "text",
      value: "format",
      about: "What a specification is written in, hcl or json, where its name does not say (default json)",
    },
    verbose: { kind: "boolean", about: "Say more, on standard error" },
    v: { kind: "boolean", about: "As -verbose" },
    ...OUTPUT_FLAGS,
  },
  async run(context) {
    const { flags, terminal, api } = context;
    // Not JSON when redirected: what was just typed would stand in some log.
    const format = outputFormat(context, ["go-template", "hcl", "json", "none", "table"], "none");
    if (flags.flag("force") && flags.given("check-index")) throw new UsageError("-force and -check-index: want one of them");
    const { path, specification, words } = await readWords(context, context.arguments);
    const Items = { ...specification.Items, ...(await readItemWords(context, words)) };
    if (Object.keys(Items).length === 0) throw new UsageError("There is nothing to store: want items in a specification or as key=value");
    const namespace = context.namespace || specification.Namespace || undefined;
    const checkIndex = flags.flag("force") ? undefined : (flags.whole("check-index") ?? specification.ModifyIndex);
    const options = namespace === undefined ? {} : { namespace };
    let stored;
    try {
      stored = (await api.variables.write({ Path: path, Items }, checkIndex, options)).value;
    } catch (error) {
      throw await explainConflict(context, error, { verb: "store", path, namespace, checkIndex });
    }
    const said = `Successfully ${stored.CreateIndex === stored.ModifyIndex ? "created" : "updated"} variable ${JSON.stringify(path)}!`;
    if (format === "none" || format === "table") terminal.print(said);
    else if (flags.flag("verbose") || flags.flag("v")) terminal.complain(said);
    printVariable(context, stored, format);
    return 0;
  },
};

/** The words of `var put` and `var lock` up to the items, or the child. */
export async function readWords(
  context: Context,
  given: readonly string[],
): Promise<{ readonly path: string; readonly specification: VariableSpecification; readonly words: readonly string[] }> {
  const format = (context.flags.text("in") ?? "json") as SpecificationFormat;
  if (format !== "hcl" && format !== "json") throw new UsageError(`invalid value ${JSON.stringify(format)} for flag -in: want hcl or json`);
  const isSpecification = (word: string | undefined): boolean => word !== undefined && (word === "-" || word.startsWith("@"));
  const [first, second, ...others] = given;
  if (first === undefined) throw new UsageError("This command takes a path, or a specification: @file, or - for standard input");
  const reference = isSpecification(first) ? first : isSpecification(second) ? second : undefined;
  const words = isSpecification(first) || !isSpecification(second) ? given.slice(1) : others;
  if (reference === "-" && words.some((word) => word.endsWith("=-"))) throw new UsageError("Standard input can be read once only");
  const specification = reference === undefined ? EMPTY_SPECIFICATION : await readVariableSpecification(context, reference, format);
  const path = isSpecification(first) ? specification.Path : first.replace(/^\/+|\/+$/g, "");
  if (path === "") throw new UsageError("The specification has no path: write it there, or before the specification");
  if (path.includes("=") && reference === undefined) throw new UsageError("The first argument is a path: want <path> <key>=<value> …");
  return { path, specification, words };
}
