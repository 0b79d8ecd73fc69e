/** `drover var list`: which variables there are, never what they hold. nomad.md §4.3, §4.4. */
import type { Command } from "../command.ts";
import { renderTemplate } from "../data-output.ts";
import { PAGE_FLAGS, pageQuery } from "../paging.ts";
import { table } from "../render/columns.ts";
import { timestamp } from "../render/time.ts";
import { OUTPUT_FLAGS, outputFormat } from "../variable-output.ts";

export const varList: Command = {
  usage: "var list [options] [<prefix>]",
  about: "Lists variables: as a table on a terminal, else as JSON. With a prefix only those whose path begins with it.",
  connects: true,
  flags: {
    ...PAGE_FLAGS,
    ...OUTPUT_FLAGS,
    out: { kind: "text", value: "format", about: "How to print them: go-template, json, table or terse (paths alone)" },
  },
  async run(context) {
    const { terminal, flags, api } = context;
    const format = outputFormat(context, ["go-template", "json", "table", "terse"], terminal.interactive ? "table" : "json");
    const prefix = context.arguments[0] ?? "";
    const { value: all, index, nextToken, knownLeader, lastContactMs } = await api.variables.list({ ...pageQuery(flags), prefix });
    if (format === "json") {
      const QueryMeta = { KnownLeader: knownLeader, LastContact: lastContactMs, LastIndex: index, NextToken: nextToken };
      terminal.print(JSON.stringify(flags.given("per-page") ? { Data: all, QueryMeta } : all, null, 2));
      return 0;
    }
    if (format === "go-template") terminal.print(renderTemplate(flags.text("template") ?? "", all));
    else if (format === "terse") for (const { Path } of all) terminal.print(Path);
    else if (all.length === 0) terminal.print("No variables found");
    else {
      const rows = all.map((each) => [each.Namespace, each.Path, timestamp(each.ModifyTime)]);
      terminal.print(table([["Namespace", "Path", "Last Updated"], ...rows]));
    }
    if (nextToken !== "") terminal.complain(`Next page token: ${nextToken}`);
    return 0;
  },
};
