/** `drover job plan`: nomad.md §4.2 (exit codes), §4.4. */
import type { JobPlanAnswer } from "#api/contract";
import type { PreemptedAllocation } from "#model";
import { ENTERPRISE_FLAGS, tellEnterprise } from "../accepted-flags.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../flags.ts";
import { pointing, readJob, SOURCE_FLAGS } from "../job-source.ts";
import { launchText } from "../next-launch.ts";
import { table } from "../render/columns.ts";
import { renderJobDiff } from "../render/diff.ts";
import { renderMetric } from "../render/metric.ts";
import { printData, DATA_FLAGS } from "../data-output.ts";
import { marksOf, ownNamespace } from "./job-run.ts";

export const jobPlan: Command = {
  usage: "job plan [options] <path>",
  about: `Shows what running the job file would change, and whether it could be placed, without changing anything.
Exit code 0: nothing would change; 1: something would; 255: an error.`,
  connects: true,
  flags: {
    ...SOURCE_FLAGS,
    "json-output": { kind: "boolean", about: "Print the answer as JSON" },
    t: DATA_FLAGS["t"] as NonNullable<(typeof DATA_FLAGS)["t"]>,
    diff: { kind: "boolean", about: "Show the difference to what is there (default true)" },
    ...ENTERPRISE_FLAGS,
    verbose: { kind: "boolean", about: "Every field of what is new or gone" },
  },
  failureCode: () => 255,
  async run(context) {
    const { flags, terminal, api } = context;
    const template = flags.text("t");
    if (flags.flag("json-output") && template !== undefined) throw new UsageError("-json-output and -t cannot both be given");
    tellEnterprise(context);
    const source = await readJob(context);
    const wantsDiff = !flags.given("diff") || flags.flag("diff");
    const { value: body } = await pointing(
      source,
      api.jobs.plan(source.id, { Job: source.job, ...marksOf(source), Diff: wantsDiff }, ownNamespace(source)),
    );
    if (flags.flag("json-output") || template !== undefined) {
      printData(terminal, body, template);
      return exitCode(body);
    }
    if (body.Diff !== null && wantsDiff) {
      terminal.print(renderJobDiff(body.Diff, { colours: terminal.colours, verbose: flags.flag("verbose") }));
    }
    printDryRun(body, source.job["Type"] === "system" || source.job["Type"] === "sysbatch");
    if (body.Warnings !== "") terminal.print(terminal.colours.bold(terminal.colours.yellow(`Job Warnings:\n${body.Warnings}\n`)));
    printModifyIndex(body.JobModifyIndex, source.path, source.sensitiveVariables);
    return exitCode(body);

    function printDryRun(answer: JobPlanAnswer, everyNode: boolean): void {
      const failures = Object.entries(answer.FailedTGAllocs ?? {});
      const lines = [terminal.colours.bold("Scheduler dry-run:")];
      if (failures.length === 0) {
        lines.push(terminal.colours.green("- All tasks successfully allocated."));
      } else {
        lines.push(terminal.colours.yellow(`- WARNING: Failed to place ${everyNode ? "allocations on all nodes" : "all allocations"}.`));
        for (const [group, metric] of failures) {
          const count = metric.CoalescedFailures + 1;
          lines.push(`  Task Group ${JSON.stringify(group)} (failed to place ${count} allocation${count === 1 ? "" : "s"}):`);
          lines.push(renderMetric(metric, { scores: flags.flag("verbose"), indent: "    " }));
        }
      }
      if (answer.NextPeriodicLaunch !== null) {
        const next = launchText(Date.parse(answer.NextPeriodicLaunch), context.nowMs());
        lines.push(terminal.colours.green(`- If submitted now, next periodic launch would be at ${next}.`));
      }
      const preempted = answer.Annotations?.PreemptedAllocs ?? [];
      if (preempted.length > 0) lines.push("", terminal.colours.bold("Preemptions:"), "", preemptionTable(preempted));
      terminal.print(`${lines.join("\n")}\n`);
    }

    function printModifyIndex(index: number, path: string, sensitive: readonly string[]): void {
      const shown = (pair: string) => (sensitive.includes(pair.split("=")[0]?.trim() ?? "") ? pair.replace(/=.*/s, "=…") : pair);
      const variables = [
        ...flags.list("var").map((pair) => ` -var=${JSON.stringify(shown(pair))}`),
        ...flags.list("var-file").map((file) => ` -var-file=${file}`),
      ].join("");
      terminal.print(`${terminal.colours.bold(`Job Modify Index: ${index}`)}
To submit the job with version verification run:

drover job run -check-index ${index}${variables} ${path}

The job is then run only if its modify index is still ${index} when it reaches the servers; if it is not,
somebody changed the job in the meantime and this plan may no longer hold.`);
    }
  },
};

const PREEMPTED_LISTED_MAX = 10;

/** One by one when they are few, else counted by job. */
export function preemptionTable(all: readonly Pick<PreemptedAllocation, "ID" | "JobID" | "TaskGroup" | "Namespace">[]): string {
  if (all.length <= PREEMPTED_LISTED_MAX) {
    return table([["Alloc ID", "Job ID", "Task Group"], ...all.map((each) => [each.ID, each.JobID, each.TaskGroup])]);
  }
  const counts = Map.groupBy(all, (each) => `${each.JobID}\u0000${each.Namespace}`);
  return table([
    ["Job ID", "Namespace", "Preemptions"],
    ...[...counts]
      .toSorted(([left, { length: fewer }], [right, { length: more }]) => more - fewer || (left < right ? -1 : 1))
      .map(([key, { length }]) => [...key.split("\u0000"), String(length)]),
  ]);
}

/** 1 when anything would be created, stopped or replaced. */
function exitCode(answer: JobPlanAnswer): number {
  if (answer.Diff !== null && answer.Diff.Type === "None") return 0;
  const changes = Object.values(answer.Annotations?.DesiredTGUpdates ?? {});
  const moving = changes.reduce((sum, each) => sum + each.Stop + each.Place + each.Migrate + each.DestructiveUpdate + each.Canary, 0);
  return moving > 0 ? 1 : 0;
}
