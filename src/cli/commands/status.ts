/** `drover status`: whatever has this id. nomad.md §4.3. */
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { DATA_FLAGS } from "../data-output.ts";
import { table } from "../render/columns.ts";

export const status: Command = {
  usage: "status [options] [<id>]",
  about: "Lists jobs, or shows the job, allocation, node, evaluation or deployment whose id starts like this.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    verbose: { kind: "boolean", about: "Full ids" },
    short: { kind: "boolean", about: "Only the first block" },
    stats: { kind: "boolean", about: "Use in detail" },
    evals: { kind: "boolean", about: "A job's evaluations too" },
    "all-allocs": { kind: "boolean", about: "Allocations of earlier jobs of this name too" },
  },
  async run(context) {
    const { jobStatus } = await import("./job-status.ts");
    const typed = context.arguments[0];
    if (typed === undefined) return jobStatus.run(context);
    if (typed === "") throw new NamedError("ID_INVALID", 'Nothing has the id "": an id has at least one character');
    const { value } = await context.api.search({ Prefix: typed, Context: "all" });
    const kinds = (["jobs", "allocs", "nodes", "evals", "deployment"] as const).filter((kind) => (value.Matches[kind] ?? []).length > 0);
    const exact = kinds.filter((kind) => (value.Matches[kind] ?? []).includes(typed));
    const meant = exact.length === 1 ? exact : kinds;
    const kind = meant[0];
    if (kind === undefined) throw new NamedError("ID_UNKNOWN", `Unable to resolve ID: ${JSON.stringify(typed)}`);
    if (meant.length > 1) {
      const rows = meant.flatMap((each) => (value.Matches[each] ?? []).map((id) => [each, id]));
      throw new NamedError("ID_AMBIGUOUS", `Multiple things match ${JSON.stringify(typed)}:\n\n${table([["Kind", "ID"], ...rows])}`);
    }
    switch (kind) {
      case "jobs":
        return jobStatus.run(context);
      case "allocs":
        return (await import("./alloc-status.ts")).allocStatus.run(context);
      case "nodes":
        return (await import("./node-status.ts")).nodeStatus.run(context);
      case "evals":
        return (await import("./eval.ts")).evalStatus.run(context);
      case "deployment":
        return (await import("./deployment-status.ts")).deploymentStatus.run(context);
    }
  },
};
