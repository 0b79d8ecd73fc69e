/** `drover job schema`: for editors and for programs that write jobs. */
import { UsageError } from "../flags.ts";
import type { Command } from "../command.ts";

const KINDS = ["api", "hcl"];

export const jobSchema: Command = {
  usage: "job schema [options]",
  about: `Prints the JSON Schema (draft 2020-12) of a job, made from the same model the servers read jobs with:
-kind api (default): as the HTTP API and job run -json take it. -kind hcl: a job file in HCL's JSON form, {"job": {"name": {…}}}.`,
  connects: false,
  flags: { kind: { kind: "text", value: "api|hcl", about: "Which form of a job (default api)" } },
  async run({ flags, terminal, arguments: words }) {
    const kind = flags.text("kind") ?? "api";
    if (words.length > 0) throw new UsageError("This command takes no arguments");
    if (!KINDS.includes(kind)) throw new UsageError(`invalid value ${JSON.stringify(kind)} for flag -kind: want ${KINDS.join(" or ")}`);
    const { apiJobSchema, hclJobSchema } = await import("#jobspec");
    terminal.print(JSON.stringify(kind === "api" ? apiJobSchema() : hclJobSchema(), null, 2));
    return 0;
  },
};
