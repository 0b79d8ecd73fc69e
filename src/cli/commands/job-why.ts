/** `drover job why`: what of a job is wanted and not running, and why. Drover's own. */
import type { JobWhy, Reason } from "#model";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { namedJob } from "../named-job.ts";
import type { Palette } from "../render/colour.ts";
import { ago, spell } from "../render/time.ts";

export const jobWhy: Command = {
  usage: "job why [options] <job>",
  about: `Says why what a job should have is not running: a sentence for each cause, worst first.
Tells also what was wrong before, of jobs that have been collected since, too.`,
  connects: true,
  flags: { ...DATA_FLAGS, verbose: { kind: "boolean", about: "Full ids, and the figures behind the sentences" } },
  async run(context) {
    const { flags, terminal } = context;
    const { value: why } = await ask(context);
    if (flags.flag("json") || flags.given("t")) printData(terminal, why, flags.text("t"));
    else terminal.print(whyText(why, { nowMs: context.nowMs(), verbose: flags.flag("verbose"), colours: terminal.colours }));
    return 0;
  },
};

/** A job that is gone has no prefix to be found by: it is asked for by the word as it was typed. */
async function ask(context: Context): Promise<{ readonly value: JobWhy }> {
  const [typed] = context.arguments;
  const known = typed === undefined || (await context.api.jobs.list({ prefix: typed })).value.length > 0;
  const { namespace, id } = known ? await namedJob(context) : { namespace: context.namespace, id: typed };
  return await context.api.jobs.why(id, namespace === "" ? {} : { namespace });
}

interface WhyStyle {
  readonly nowMs: number;
  readonly verbose: boolean;
  readonly colours: Palette;
}

export function whyText(why: JobWhy, style: WhyStyle): string {
  // The summary ends with the worst reason's sentence (its first letter as that of any word): it is not said twice.
  const [worst, ...others] = why.Reasons;
  const told = worst !== undefined && why.Summary.endsWith(worst.Sentence.slice(1));
  const blocks = [style.colours.bold(why.Summary) + (told ? `\n${about(worst, style, true)}` : "")];
  for (const reason of told ? others : why.Reasons) {
    blocks.push(`${stageText(reason, style)}: ${reason.Sentence}\n${about(reason, style, false)}`);
  }
  if (why.Past.length > 0) {
    const lines = why.Past.map((reason) => `  ${[ago(reason.Since, style.nowMs), ...place(reason)].join(", ")}: ${reason.Sentence}`);
    blocks.push(`${style.colours.bold("Before")}\n${lines.join("\n")}`);
  }
  return blocks.join("\n\n");
}

function stageText(reason: Reason, style: WhyStyle): string {
  return paintStage(reason.Stage, style.colours)(reason.Count > 1 ? `${reason.Stage} (${reason.Count})` : reason.Stage);
}

function about(reason: Reason, style: WhyStyle, withStage: boolean): string {
  const ids = [
    ...(reason.AllocationID === "" ? [] : [`allocation ${short(reason.AllocationID, style)}`]),
    ...(reason.NodeID === "" ? [] : [`node ${short(reason.NodeID, style)}`]),
  ];
  const since = reason.Since === 0 ? [] : [`for ${spell(Math.max(0, style.nowMs - reason.Since / 1e6))}`];
  const line = [...place(reason), ...ids, ...since].join(", ");
  const details = style.verbose
    ? Object.entries(reason.Details).map(([key, value]) => `\n  ${key} = ${typeof value === "string" ? value : JSON.stringify(value)}`)
    : [];
  return `  ${withStage ? `${stageText(reason, style)}: ` : ""}${style.colours.grey(line)}${details.join("")}`;
}

/** The allocation's name, the group when it is about several, nothing when it is about the job. */
function place(reason: Reason): string[] {
  const what = reason.Name === "" ? (reason.Group === "" ? [] : [`group ${JSON.stringify(reason.Group)}`]) : [reason.Name];
  return reason.Task === "" ? what : [...what, `task ${JSON.stringify(reason.Task)}`];
}

function short(id: string, style: WhyStyle): string {
  return style.verbose ? id : id.slice(0, 8);
}

function paintStage(stage: Reason["Stage"], colours: Palette): (text: string) => string {
  switch (stage) {
    case "failed":
    case "blocked":
    case "unknown":
      return colours.red;
    case "rejected":
    case "held":
      return colours.yellow;
    case "queued":
    case "starting":
      return colours.blue;
  }
}
