/** `drover system reconcile summaries`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { noArguments } from "../only-argument.ts";

export const systemReconcileSummaries: Command = {
  usage: "system reconcile summaries",
  about: "Counts every job's allocations afresh, for the numbers of job status.",
  connects: true,
  flags: {},
  async run(context) {
    noArguments(context);
    await context.api.system.reconcileSummaries();
    return 0;
  },
};
