/** `drover eval status`, `eval list`: nomad.md §4.4. */
import type { EvaluationDetail } from "#api/contract";
import type { DesiredUpdates, Evaluation } from "#model";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { monitorEvaluation } from "../monitor-evaluation.ts";
import { PAGE_FLAGS, pageQuery, tellNextPage } from "../paging.ts";
import { allocationTable } from "../render/allocations.ts";
import { keyValues, table } from "../render/columns.ts";
import { renderMetric } from "../render/metric.ts";
import { ago, timestamp } from "../render/time.ts";
import { resolveEvaluation } from "../resolve.ts";

export const evalStatus: Command = {
  usage: "eval status [options] <evaluation>",
  about: "Shows an evaluation: what set it off, what it placed, and why it could not place the rest.",
  connects: true,
  flags: {
    monitor: { kind: "boolean", about: "Follow it until it is done" },
    ...DATA_FLAGS,
    verbose: { kind: "boolean", about: "Full ids, exact times, scores" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const typed = context.arguments[0];
    if (typed === undefined || context.arguments.length > 1) throw new UsageError("This command takes one argument: <evaluation>");
    const { ID: id } = await resolveEvaluation(context, typed);
    if (flags.flag("monitor")) return monitorEvaluation(context, id, { verbose: flags.flag("verbose") });
    const { value: evaluation } = await api.evaluations.read(id, { parameters: { related: true } });
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, evaluation, flags.text("t"));
      return 0;
    }
    const { value: allocations } = await api.evaluations.allocations(id);
    terminal.print(keyValues(facts(context, evaluation)));
    const short = (uuid: string) => (flags.flag("verbose") ? uuid : uuid.slice(0, 8));
    const section = (title: string, text: string) => terminal.print(`\n${terminal.colours.bold(title)}\n${text}`);
    if (evaluation.RelatedEvals !== null && evaluation.RelatedEvals.length > 0) {
      section(
        "Related Evaluations",
        table([
          ["ID", "Priority", "Triggered By", "Node ID", "Status", "Description"],
          ...evaluation.RelatedEvals.map((each) => [
            short(each.ID),
            String(each.Priority),
            each.TriggeredBy,
            short(each.NodeID),
            each.Status,
            each.StatusDescription,
          ]),
        ]),
      );
    }
    if (evaluation.PlanAnnotations !== null) {
      section("Reconciler Annotations", annotationTable(evaluation.PlanAnnotations.DesiredTGUpdates));
      const preempted = evaluation.PlanAnnotations.PreemptedAllocs;
      if (preempted.length > 0) {
        section(
          "Preempted Allocations",
          table([
            ["ID", "Job ID", "Task Group", "Node ID"],
            ...preempted.map((each) => [short(each.ID), each.JobID, each.TaskGroup, short(each.NodeID)]),
          ]),
        );
      }
    }
    if (allocations.length > 0) {
      section(
        "Placed Allocations",
        allocationTable(allocations, { nowMs: context.nowMs(), verbose: flags.flag("verbose"), colours: terminal.colours }),
      );
    }
    const failures = Object.entries(evaluation.FailedTGAllocs ?? {});
    if (failures.length > 0) {
      section(
        "Failed Placements",
        failures
          .map(([group, metric]) => {
            const count = metric.CoalescedFailures + 1;
            return `Task Group ${JSON.stringify(group)} (failed to place ${count} allocation${count === 1 ? "" : "s"}):\n${renderMetric(metric, { scores: flags.flag("verbose"), indent: "  " })}`;
          })
          .join("\n\n"),
      );
      const waiting = (evaluation.RelatedEvals ?? []).find((each) => each.ID === evaluation.BlockedEval);
      if (waiting?.Status === "blocked")
        terminal.print(
          `\nEvaluation ${JSON.stringify(evaluation.BlockedEval.slice(0, 8))} waiting for additional capacity to place remainder`,
        );
    }
    return 0;
  },
};

/** A column nobody uses is left out, but for the first six. */
export function annotationTable(updates: Readonly<Record<string, DesiredUpdates>>): string {
  const groups = Object.entries(updates).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const columns: readonly (readonly [title: string, count: keyof DesiredUpdates, always: boolean])[] = [
    ["Ignore", "Ignore", true],
    ["Place", "Place", true],
    ["Stop", "Stop", true],
    ["InPlace", "InPlaceUpdate", true],
    ["Destructive", "DestructiveUpdate", true],
    ["Migrate", "Migrate", true],
    ["Canary", "Canary", false],
    ["Preemptions", "Preemptions", false],
  ];
  const shown = columns.filter(([, count, always]) => always || groups.some(([, each]) => each[count] > 0));
  return table([
    ["Task Group", ...shown.map(([title]) => title)],
    ...groups.map(([group, each]) => [group, ...shown.map(([, count]) => String(each[count]))]),
  ]);
}

function facts(context: Context, evaluation: EvaluationDetail): [string, string][] {
  const verbose = context.flags.flag("verbose");
  const short = (id: string) => (verbose ? id : id.slice(0, 8));
  const when = (ns: number) => (verbose ? timestamp(ns) : ago(ns, context.nowMs()));
  const pairs: [string, string][] = [
    ["ID", short(evaluation.ID)],
    ["Create Time", when(evaluation.CreateTime)],
    ["Modify Time", when(evaluation.ModifyTime)],
    ["Status", evaluation.Status],
    ["Status Description", evaluation.StatusDescription === "" ? evaluation.Status : evaluation.StatusDescription],
    ["Type", evaluation.Type],
    ["TriggeredBy", evaluation.TriggeredBy],
    ["Job ID", evaluation.JobID],
    ["Namespace", evaluation.Namespace],
  ];
  if (evaluation.NodeID !== "") pairs.push(["Node ID", short(evaluation.NodeID)]);
  pairs.push(["Priority", String(evaluation.Priority)], ["Placement Failures", placementFailures(evaluation)]);
  if (evaluation.DeploymentID !== "") pairs.push(["Deployment ID", short(evaluation.DeploymentID)]);
  if (evaluation.PreviousEval !== "") pairs.push(["Previous Eval", short(evaluation.PreviousEval)]);
  if (evaluation.NextEval !== "") pairs.push(["Next Eval", short(evaluation.NextEval)]);
  if (evaluation.BlockedEval !== "") pairs.push(["Blocked Eval", short(evaluation.BlockedEval)]);
  if (evaluation.WaitUntil !== null) pairs.push(["Wait Until", evaluation.WaitUntil]);
  return pairs;
}

export const evalList: Command = {
  usage: "eval list [options]",
  about: "Lists evaluations, newest first.",
  connects: true,
  flags: {
    ...DATA_FLAGS,
    job: { kind: "text", value: "job", about: "Only this job's" },
    status: { kind: "text", value: "status", about: "Only those with this status" },
    ...PAGE_FLAGS,
    verbose: { kind: "boolean", about: "Full ids" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const { value, nextToken } = await api.evaluations.list({
      reverse: true,
      parameters: { job: flags.text("job"), status: flags.text("status") },
      ...pageQuery(flags),
    });
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, value, flags.text("t"));
      return 0;
    }
    if (value.length === 0) {
      terminal.print("No evals found");
      return 0;
    }
    const short = (id: string) => (flags.flag("verbose") ? id : id.slice(0, 8));
    terminal.print(
      table([
        ["ID", "Priority", "Triggered By", "Job ID", "Namespace", "Node ID", "Status", "Placement Failures"],
        ...value.map((each) => [
          short(each.ID),
          String(each.Priority),
          each.TriggeredBy,
          each.JobID,
          each.Namespace,
          short(each.NodeID),
          each.Status,
          placementFailures(each),
        ]),
      ]),
    );
    tellNextPage(terminal, "eval list", nextToken, flags);
    return 0;
  },
};

function placementFailures(evaluation: Evaluation): string {
  return evaluation.Status === "blocked" ? "N/A - In Progress" : String(Object.keys(evaluation.FailedTGAllocs ?? {}).length > 0);
}
