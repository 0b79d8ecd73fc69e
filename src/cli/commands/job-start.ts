/** `drover job start`: nomad.md §4.3. */
import type { JobSubmission } from "#model";
import { messageOf, NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { UsageError } from "../flags.ts";
import { followEvaluation, FOLLOW_FLAGS } from "../follow.ts";
import { jobCalled } from "../named-job.ts";
import { tellNextLaunch } from "../next-launch.ts";

export const jobStart: Command = {
  usage: "job start [options] <job> [<job> …]",
  about: "Starts jobs that were stopped: their latest version runs again, as a new one.",
  connects: true,
  flags: FOLLOW_FLAGS,
  async run(context) {
    if (context.arguments.length === 0) throw new UsageError("This command takes at least one argument: <job>");
    let worst = 0;
    for (const typed of context.arguments) {
      try {
        worst = Math.max(worst, await start(context, typed));
      } catch (error) {
        if (context.interrupted.aborted) throw error;
        context.terminal.complain(`Error starting job ${JSON.stringify(typed)}: ${messageOf(error)}`);
        worst = Math.max(worst, 1);
      }
    }
    return worst;
  },
};

async function start(context: Context, typed: string): Promise<number> {
  const { api } = context;
  const { namespace, id } = await jobCalled(context, typed);
  const { value: job } = await api.jobs.read(id, { namespace });
  if (!job.Stop) throw new NamedError("JOB_NOT_STOPPED", `Cannot start job ${JSON.stringify(id)}: it is not stopped`);
  const { value: answer } = await api.jobs.register(
    {
      Job: { ...job, Stop: false },
      Submission: await sourceOf(context, id, job.Version, namespace),
      EnforceIndex: true,
      JobModifyIndex: job.JobModifyIndex,
    },
    { namespace },
  );
  const code = await followEvaluation(context, answer.EvalID, { without: "Job start successful" });
  if (answer.EvalID === "") await tellNextLaunch(context, { namespace, id });
  return code;
}

/** Of this version, or of the one that was stopped; null: it was not kept. */
async function sourceOf(context: Context, id: string, version: number, namespace: string): Promise<JobSubmission | null> {
  for (const candidate of [version, version - 1].filter((each) => each >= 0)) {
    try {
      return (await context.api.jobs.submission(id, candidate, { namespace })).value;
    } catch (error) {
      if (!(error instanceof NamedError) || error.statusCode !== 404) throw error;
    }
  }
  return null;
}
