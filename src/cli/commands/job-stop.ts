/** `drover job stop`: nomad.md §4.3. */
import { messageOf } from "#std";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { monitorEvaluation } from "../monitor-evaluation.ts";
import { resolveJob } from "../resolve.ts";

export const jobStop: Command = {
  usage: "job stop [options] <job> [<job> …]",
  about: "Stops jobs: their allocations end, the jobs stay (dead) until garbage collection, or are removed at once with -purge.",
  connects: true,
  flags: {
    detach: { kind: "boolean", about: "Return at once and print the evaluation's id" },
    "eval-priority": { kind: "whole", value: "1-100", about: "The evaluation's priority instead of the job's" },
    global: { kind: "boolean", about: "Accepted for compatibility: there is one region" },
    "no-shutdown-delay": { kind: "boolean", about: "Skip the tasks' shutdown_delay" },
    purge: { kind: "boolean", about: "Remove the job from the servers too" },
    yes: { kind: "boolean", about: "Do not ask when a prefix was given" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    if (context.arguments.length === 0) throw new UsageError("This command takes at least one argument: <job>");
    let worst = 0;
    for (const typed of context.arguments) {
      try {
        worst = Math.max(worst, await stop(typed));
      } catch (error) {
        if (context.interrupted.aborted) throw error;
        terminal.complain(`Error stopping job ${JSON.stringify(typed)}: ${messageOf(error)}`);
        worst = Math.max(worst, 1);
      }
    }
    return worst;

    async function stop(typed: string): Promise<number> {
      const job = await resolveJob(context, typed);
      if (job.ID !== typed && !flags.flag("yes")) {
        const answer = await terminal.ask(`Are you sure you want to stop job ${JSON.stringify(job.ID)}? [y/N] `);
        if (answer === undefined) {
          terminal.complain(`${JSON.stringify(typed)} is a prefix of job ${JSON.stringify(job.ID)}: give the whole id, or -yes`);
          return 1;
        }
        if (!/^y(es)?$/i.test(answer)) {
          terminal.print("Cancelling job stop");
          return 0;
        }
      }
      const { value: body } = await api.jobs.deregister(
        job.ID,
        {
          purge: flags.flag("purge"),
          noShutdownDelay: flags.flag("no-shutdown-delay"),
          ...(flags.given("eval-priority") ? { evalPriority: flags.whole("eval-priority") as number } : {}),
        },
        { namespace: job.Namespace },
      );
      if (body.EvalID === "") return 0;
      if (flags.flag("detach")) {
        terminal.print(body.EvalID);
        return 0;
      }
      return monitorEvaluation(context, body.EvalID, { verbose: flags.flag("verbose") });
    }
  },
};
