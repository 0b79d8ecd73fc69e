/** `drover job allocs`, `job eval`, `job history`: what belongs to a job. nomad.md §4.3. */
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { monitorEvaluation } from "../monitor-evaluation.ts";
import { allocationTable } from "../render/allocations.ts";
import { keyValues } from "../render/columns.ts";
import { renderJobDiff } from "../render/diff.ts";
import { timestamp } from "../render/time.ts";
import { resolveJob, versionUnknown } from "../resolve.ts";

async function namedJob(context: Context): Promise<{ namespace: string; id: string }> {
  const typed = context.arguments[0];
  if (typed === undefined || context.arguments.length > 1) throw new UsageError("This command takes one argument: <job>");
  const stub = await resolveJob(context, typed);
  return { namespace: stub.Namespace, id: stub.ID };
}

export const jobAllocs: Command = {
  usage: "job allocs [options] <job>",
  about: "Lists a job's allocations.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    all: { kind: "boolean", about: "Those of earlier jobs of this name too" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const { namespace, id } = await namedJob(context);
    const { value: body } = await context.api.jobs.allocations(id, {
      namespace,
      ...(flags.flag("all") ? { parameters: { all: true } } : {}),
    });
    if (flags.flag("json") || flags.given("t")) printData(terminal, body, flags.text("t"));
    else
      terminal.print(
        allocationTable(body, { nowMs: context.nowMs(), verbose: flags.flag("verbose"), colours: terminal.colours, by: "node" }),
      );
    return 0;
  },
};

export const jobEval: Command = {
  usage: "job eval [options] <job>",
  about: "Has the servers look again at what the job should have.",
  connects: true,
  flags: {
    detach: { kind: "boolean", about: "Return at once and print the evaluation's id" },
    "force-reschedule": { kind: "boolean", about: "Place failed allocations anew now" },
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const { namespace, id } = await namedJob(context);
    const { value: body } = await context.api.jobs.evaluate(id, { forceReschedule: flags.flag("force-reschedule") }, { namespace });
    if (flags.flag("detach")) {
      terminal.print(`Created eval ID: ${JSON.stringify(flags.flag("verbose") ? body.EvalID : body.EvalID.slice(0, 8))}`);
      return 0;
    }
    return monitorEvaluation(context, body.EvalID, { verbose: flags.flag("verbose") });
  },
};

export const jobHistory: Command = {
  usage: "job history [options] <job>",
  about: "Lists the versions of a job that are kept, newest first; -p shows what each changed.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    p: { kind: "boolean", about: "What each version changed" },
    full: { kind: "boolean", about: "With -p: every field" },
    version: { kind: "whole", value: "version", about: "Only this version" },
  },
  async run(context) {
    const { flags, terminal } = context;
    const { namespace, id } = await namedJob(context);
    const { value: body } = await context.api.jobs.versions(id, flags.flag("p"), { namespace });
    const wanted = flags.whole("version");
    const versions = body.Versions.filter((each) => wanted === undefined || each.Version === wanted);
    if (wanted !== undefined && versions.length === 0) throw versionUnknown(id, wanted, body.Versions);
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, versions, flags.text("t"));
      return 0;
    }
    for (const [position, job] of versions.entries()) {
      const diff = body.Diffs?.[body.Versions.indexOf(job)];
      if (position > 0) terminal.print("");
      terminal.print(
        keyValues([
          ["Version", String(job.Version)],
          ["Stable", String(job.Stable)],
          ["Submit Date", timestamp(job.SubmitTime)],
          ...(job.VersionTag === null
            ? []
            : [["Tag Name", job.VersionTag.Name] as const, ["Tag Description", job.VersionTag.Description] as const]),
        ]),
      );
      if (diff !== undefined)
        terminal.print(`Diff        =\n${renderJobDiff(diff, { colours: terminal.colours, verbose: flags.flag("full") })}`);
    }
    return 0;
  },
};
