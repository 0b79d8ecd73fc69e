/** `drover job run`: nomad.md §4.3, §4.4. */
import { ENTERPRISE_FLAGS, tellEnterprise, tellNoUi, UI_FLAG } from "../accepted-flags.ts";
import type { Command } from "../command.ts";
import { pointing, readJob, SOURCE_FLAGS, type SourceJob } from "../job-source.ts";
import { monitorEvaluation } from "../monitor-evaluation.ts";
import { tellNextLaunch } from "../next-launch.ts";

export const jobRun: Command = {
  usage: "job run [options] <path>",
  about: `Registers the job in the file: a new job, or a new version of one that is there. <path> is a file, or "-" for standard input.
Follows the evaluation until allocations are placed, then the deployment, if there is one, until it has ended.
Exit code 0: done; 2: something could not be placed; 1: an error, or the deployment failed.`,
  connects: true,
  flags: {
    ...SOURCE_FLAGS,
    "check-index": { kind: "whole", value: "index", about: "Run only if the job's modify index is this; 0: only if there is no such job" },
    detach: { kind: "boolean", about: "Return at once and print the evaluation's id" },
    "eval-priority": { kind: "whole", value: "1-100", about: "The evaluation's priority instead of the job's" },
    output: { kind: "boolean", about: "Print the job as JSON instead of running it" },
    "preserve-counts": { kind: "boolean", about: "Keep the counts of groups that are there already" },
    "preserve-resources": { kind: "boolean", about: "Keep the resources of tasks that are there already" },
    ...ENTERPRISE_FLAGS,
    ...UI_FLAG,
    verbose: { kind: "boolean", about: "Full ids, and how nodes were scored" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    tellEnterprise(context);
    const source = await readJob(context);
    if (flags.flag("output")) {
      terminal.print(JSON.stringify({ Job: source.job, ...marksOf(source) }, null, 4));
      return 0;
    }
    const checkIndex = flags.whole("check-index");
    const request = api.jobs.register(
      {
        Job: source.job,
        ...marksOf(source),
        Submission: source.submission,
        ...(checkIndex === undefined ? {} : { EnforceIndex: true, JobModifyIndex: checkIndex }),
        ...(flags.flag("preserve-counts") ? { PreserveCounts: true } : {}),
        ...(flags.flag("preserve-resources") ? { PreserveResources: true } : {}),
        ...(flags.given("eval-priority") ? { EvalPriority: flags.whole("eval-priority") as number } : {}),
      },
      ownNamespace(source),
    );
    const { value: body } = await pointing(source, request);
    if (body.Warnings !== "") terminal.print(terminal.colours.yellow(`Job Warnings:\n${body.Warnings}\n`));
    tellNoUi(context);
    if (body.EvalID === "" || flags.flag("detach")) {
      terminal.print("Job registration successful");
      if (body.EvalID !== "") terminal.print(`Evaluation ID: ${body.EvalID}`);
      else await tellNextLaunch(context, { namespace: ownNamespace(source).namespace ?? context.namespace, id: source.id });
      return 0;
    }
    return monitorEvaluation(context, body.EvalID, { verbose: flags.flag("verbose") });
  },
};

/** What goes along with the job where it holds sensitive values. */
export function marksOf({ sensitive }: SourceJob): { readonly Sensitive?: readonly string[] } {
  return sensitive.length === 0 ? {} : { Sensitive: sensitive };
}

/** The file's word goes over -namespace's, as it does for Nomad's users. */
export function ownNamespace(source: SourceJob): { readonly namespace?: string } {
  const namespace = source.job["Namespace"];
  return typeof namespace === "string" && namespace !== "" ? { namespace } : {};
}
