/** `drover eval delete`: nomad.md §4.3. */
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { resolveEvaluation } from "../resolve.ts";

export const evalDelete: Command = {
  usage: "eval delete [options] [<evaluation> …]",
  about: `Deletes evaluations, by id or by a filter. For emergencies: the evaluation broker must be paused
(drover operator scheduler set-config -pause-eval-broker=true), and evaluations whose allocations still run are kept.`,
  connects: true,
  flags: {
    filter: { kind: "text", value: "expression", about: "Delete all that this filter expression takes" },
    yes: { kind: "boolean", about: "Do not ask" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const filter = flags.text("filter") ?? "";
    if (filter !== "" && context.arguments.length > 0) throw new UsageError("Evaluations are named by ids or by -filter, not by both");
    if (filter === "" && context.arguments.length === 0) throw new UsageError("This command takes at least one evaluation, or -filter");
    const ids: string[] = [];
    for (const typed of context.arguments) ids.push((await resolveEvaluation(context, typed)).ID);
    const count = filter === "" ? ids.length : (await api.evaluations.count({ filter })).value.Count;
    if (count === 0) {
      terminal.print("No evals matched");
      return 0;
    }
    const noun = `${count} evaluation${count === 1 ? "" : "s"}`;
    if (!flags.flag("yes") && (filter !== "" || count > 1)) {
      const answer = await terminal.ask(`Are you sure you want to delete ${noun}? [y/N] `);
      if (answer === undefined) throw new NamedError("NOT_CONFIRMED", `Cannot delete ${noun}: nobody is there to ask; give -yes`);
      if (!/^y(es)?$/i.test(answer)) {
        terminal.print("Cancelling eval delete");
        return 0;
      }
    }
    const { value } = await api.evaluations.delete(filter === "" ? { EvalIDs: ids } : { Filter: filter });
    terminal.print(`Successfully deleted ${value.Count} evaluation${value.Count === 1 ? "" : "s"}`);
    return 0;
  },
};
