/** `drover job allocs`, `job eval`: what belongs to a job. nomad.md §4.3. */
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { monitorEvaluation } from "../monitor-evaluation.ts";
import { namedJob } from "../named-job.ts";
import { allocationTable } from "../render/allocations.ts";

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
    else terminal.print(allocationTable(body, { nowMs: context.nowMs(), verbose: flags.flag("verbose"), colours: terminal.colours }));
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
