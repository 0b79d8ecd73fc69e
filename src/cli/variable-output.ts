/** `-out` and `-template` of the var commands. nomad.md §4.3. */
import type { Variable } from "#model";
import type { Context } from "./command.ts";
import { renderTemplate } from "./data-output.ts";
import { UsageError, type FlagTable } from "./flags.ts";
import { variableHcl, variableTable } from "./render/variable.ts";

export const OUTPUT_FLAGS: FlagTable = {
  out: { kind: "text", value: "format", about: "How to print it: go-template, hcl, json, none or table" },
  template: {
    kind: "text",
    value: "template",
    about: "The template of -out=go-template: paths such as {{.Path}}, {{range .Items}}…{{end}}",
  },
};

/** What -out says; throws UsageError for what it cannot, and for -template without it. */
export function outputFormat<Format extends string>(context: Context, formats: readonly Format[], fallback: Format): Format {
  const { flags } = context;
  const asked = flags.text("out") ?? (flags.given("template") ? "go-template" : fallback);
  const format = (asked === "pretty-json" ? "json" : asked) as Format;
  if (!formats.includes(format)) throw new UsageError(`invalid value ${JSON.stringify(asked)} for flag -out: want ${formats.join(", ")}`);
  const templated = format === "go-template";
  if (templated && !flags.given("template")) throw new UsageError("-out=go-template needs -template");
  if (!templated && flags.given("template")) throw new UsageError(`-template goes with -out=go-template, not with -out=${format}`);
  return format;
}

export function printVariable(context: Context, variable: Variable, format: "go-template" | "hcl" | "json" | "none" | "table"): void {
  const { terminal, flags } = context;
  if (format === "json") terminal.print(JSON.stringify(variable, null, 2));
  else if (format === "hcl") terminal.print(variableHcl(variable));
  else if (format === "table") terminal.print(variableTable(variable, terminal.colours.bold));
  else if (format === "go-template") terminal.print(renderTemplate(flags.text("template") ?? "", variable));
}
