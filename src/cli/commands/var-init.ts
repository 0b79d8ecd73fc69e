/** `drover var init`: writes an example of a variable. nomad.md §4.3. */
import { existsSync, writeFileSync } from "node:fs";
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";

const EXAMPLE_HCL = `# A variable: a few texts under a path, kept sealed by the servers.
# Store it with: drover var put @spec.nv.hcl

# Left out: the namespace asked for.
# namespace = "default"

# What a job's tasks may read without further rights: nomad/jobs, nomad/jobs/<job>, …/<group>, …/<task>.
path = "path/to/variable"

# When set, it is stored only if the stored one has this index (as drover var get prints it).
# modify_index = 0

items {
  key1 = "value 1"
  key2 = "value 2"
}
`;

const EXAMPLE_JSON = `${JSON.stringify({ Path: "path/to/variable", Items: { key1: "value 1", key2: "value 2" } }, null, 2)}\n`;

export const varInit: Command = {
  usage: "var init [options] [<file>]",
  about: "Writes an example of a variable, spec.nv.hcl (or spec.nv.json) unless another name is given. A file that is there is left alone.",
  connects: false,
  flags: {
    out: { kind: "text", value: "format", about: "hcl or json (default hcl)" },
    quiet: { kind: "boolean", about: "Without the explanations" },
  },
  async run({ flags, terminal, arguments: words }) {
    const format = flags.text("out") ?? "hcl";
    if (format !== "hcl" && format !== "json")
      throw new UsageError(`invalid value ${JSON.stringify(format)} for flag -out: want hcl or json`);
    const file = words[0] ?? `spec.nv.${format}`;
    if (existsSync(file)) {
      throw new NamedError("VARIABLE_FILE_EXISTS", `Cannot write ${JSON.stringify(file)}: it already exists`, {
        fix: "Name another file, or remove it first.",
      });
    }
    // Its items may become secrets.
    const hcl = flags.flag("quiet")
      ? EXAMPLE_HCL.replace(/^#.*\n/gm, "")
          .replace(/\n{3,}/g, "\n\n")
          .trimStart()
      : EXAMPLE_HCL;
    writeFileSync(file, format === "hcl" ? hcl : EXAMPLE_JSON, { flag: "wx", mode: 0o600 });
    terminal.print(`Example variable specification written to ${file}`);
    return 0;
  },
};
