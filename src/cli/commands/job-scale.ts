/** `drover job scale`, `job scaling-events`: nomad.md §4.3, §1.11. */
import { NamedError } from "#std";
import type { Command } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { FOLLOW_FLAGS, followEvaluation } from "../follow.ts";
import { jobCalled, namedJob } from "../named-job.ts";
import { table } from "../render/columns.ts";
import { timestamp } from "../render/time.ts";

export const jobScale: Command = {
  usage: "job scale [options] <job> [<group>] <count>",
  about: "Changes how many of a group there should be. The group may be left out when the job has only one.",
  connects: true,
  flags: {
    "check-index": { kind: "whole", value: "index", about: "Scale only if the job's modify index is this" },
    ...FOLLOW_FLAGS,
  },
  async run(context) {
    const { flags, api } = context;
    const [typed, ...rest] = context.arguments;
    if (typed === undefined || rest.length < 1 || rest.length > 2)
      throw new UsageError("This command takes two or three arguments: <job> [<group>] <count>");
    const count = rest.at(-1) as string;
    if (!/^\d+$/.test(count)) throw new UsageError(`Failed to parse count ${JSON.stringify(count)}: want a whole number, 0 or more`);
    const { namespace, id } = await jobCalled(context, typed);
    const group = rest.length === 2 ? (rest[0] as string) : onlyGroup(id, (await api.jobs.read(id, { namespace })).value.TaskGroups);
    const checkIndex = flags.whole("check-index");
    const { value: answer } = await api.jobs.scale(
      id,
      {
        Count: Number(count),
        Target: { Group: group },
        Message: "submitted using the Drover CLI",
        ...(checkIndex === undefined ? {} : { JobModifyIndex: checkIndex }),
      },
      { namespace },
    );
    return followEvaluation(context, answer.EvalID, { without: "Job scaled" });
  },
};

export function onlyGroup(job: string, groups: readonly { readonly Name: string }[]): string {
  const [first, ...more] = groups;
  if (first !== undefined && more.length === 0) return first.Name;
  throw new NamedError(
    "GROUP_AMBIGUOUS",
    `Group name required: job ${JSON.stringify(job)} has ${groups.map((each) => each.Name).join(", ")}`,
  );
}

export const jobScalingEvents: Command = {
  usage: "job scaling-events [options] <job>",
  about: "Lists when which group of a job was scaled, newest first.",
  connects: true,
  flags: { ...DATA_FLAGS, verbose: { kind: "boolean", about: "What was said, by which evaluation, full ids" } },
  async run(context) {
    const { flags, terminal, api } = context;
    const { namespace, id } = await namedJob(context);
    const { value: status } = await api.jobs.scaleStatus(id, { namespace });
    if (flags.flag("json") || flags.given("t")) {
      printData(
        terminal,
        Object.fromEntries(Object.entries(status.TaskGroups).map(([group, { Events }]) => [group, Events ?? []])),
        flags.text("t"),
      );
      return 0;
    }
    const events = Object.entries(status.TaskGroups)
      .flatMap(([group, { Events }]) => (Events ?? []).map((event) => ({ group, event })))
      .toSorted((left, right) => right.event.Time - left.event.Time);
    if (events.length === 0) {
      terminal.print("No events found");
      return 0;
    }
    const verbose = flags.flag("verbose");
    terminal.print(
      table([
        ["Task Group", "Count", "PrevCount", ...(verbose ? ["Error", "Message", "Eval ID"] : []), "Date"],
        ...events.map(({ group, event }) => [
          group,
          event.Count === null ? "" : String(event.Count),
          String(event.PreviousCount),
          ...(verbose ? [String(event.Error), event.Message, event.EvalID ?? ""] : []),
          timestamp(event.Time),
        ]),
      ]),
    );
    return 0;
  },
};
