/** `drover job periodic force`: nomad.md §4.3. */
import type { Command } from "../command.ts";
import { FOLLOW_FLAGS, followEvaluation } from "../follow.ts";
import { namedJob } from "../named-job.ts";

export const jobPeriodicForce: Command = {
  usage: "job periodic force [options] <job>",
  about: "Launches a periodic job now, whatever its schedule says.",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    const { namespace, id } = await namedJob(context);
    const { value: answer } = await context.api.jobs.forcePeriodic(id, { namespace });
    const done = "Force periodic successful";
    if (context.flags.flag("detach")) context.terminal.print(done);
    return followEvaluation(context, answer.EvalID, { without: done });
  },
};
