/** `drover job status`: nomad.md §4.4. */
import type { JobStub } from "#api/contract";
import { isParameterized, type Evaluation, type JobSummary } from "#model";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { allocationTable } from "../render/allocations.ts";
import { keyValues, table } from "../render/columns.ts";
import { renderMetric } from "../render/metric.ts";
import { timestamp } from "../render/time.ts";
import { resolveJob } from "../resolve.ts";

export const jobStatus: Command = {
  usage: "job status [options] [<job>]",
  about: "Lists all jobs, or shows one: its groups' summary, placement failures and allocations. <job> is an id or a unique prefix.",
  connects: true,
  flags: {
    short: { kind: "boolean", about: "Only the first block" },
    evals: { kind: "boolean", about: "The job's evaluations too" },
    "all-allocs": { kind: "boolean", about: "Allocations of earlier jobs of this name too" },
    ...DATA_FLAGS,
    verbose: { kind: "boolean", about: "Full ids, and evaluations" },
  },
  async run(context) {
    const typed = context.arguments[0];
    if (typed === undefined) return listJobs(context);
    const stub = await resolveJob(context, typed);
    return showJob(context, stub);
  },
};

async function listJobs(context: Context): Promise<number> {
  const { flags, terminal } = context;
  const { value: body } = await context.api.jobs.list();
  if (flags.flag("json") || flags.given("t")) {
    printData(terminal, body, flags.text("t"));
    return 0;
  }
  if (body.length === 0) {
    terminal.print("No running jobs");
    return 0;
  }
  const all = context.namespace === "*";
  terminal.print(
    table([
      ["ID", ...(all ? ["Namespace"] : []), "Type", "Priority", "Status", "Submit Date"],
      ...body
        .toSorted((left, right) => (left.ID < right.ID ? -1 : 1))
        .map((job) => [
          job.ID,
          ...(all ? [job.Namespace] : []),
          jobType(job),
          String(job.Priority),
          statusOf(job),
          timestamp(job.SubmitTime),
        ]),
    ]),
  );
  return 0;
}

async function showJob(context: Context, stub: JobStub): Promise<number> {
  const { api, flags, terminal } = context;
  const inNamespace = { namespace: stub.Namespace };
  const { value: job } = await api.jobs.read(stub.ID, inNamespace);
  if (flags.flag("json") || flags.given("t")) {
    printData(terminal, job, flags.text("t"));
    return 0;
  }
  const { colours } = terminal;
  terminal.print(
    keyValues([
      ["ID", job.ID],
      ["Name", job.Name],
      ["Submit Date", timestamp(job.SubmitTime)],
      ["Type", job.Type],
      ["Priority", String(job.Priority)],
      ["Datacenters", job.Datacenters.join(",")],
      ["Namespace", job.Namespace],
      ["Node Pool", job.NodePool],
      ["Status", statusOf(job)],
      ["Periodic", String(job.Periodic !== null)],
      ["Parameterized", String(isParameterized(job))],
      ...(job.UI !== null && job.UI.Description !== "" ? [["Description", job.UI.Description] as const] : []),
    ]),
  );
  if (flags.flag("short")) return 0;

  const [summary, evaluations, allocations] = await Promise.all([
    api.jobs.summary(stub.ID, inNamespace),
    api.jobs.evaluations(stub.ID, inNamespace),
    api.jobs.allocations(stub.ID, { ...inNamespace, ...(flags.flag("all-allocs") ? { parameters: { all: true } } : {}) }),
  ]);
  const section = (title: string, text: string) => terminal.print(`\n${colours.bold(title)}\n${text}`);
  section("Summary", summaryTable(summary.value));
  if (flags.flag("evals") || flags.flag("verbose")) section("Evaluations", evaluationTable(evaluations.value, flags.flag("verbose")));
  const failure = placementFailure(evaluations.value);
  if (failure !== undefined) section("Placement Failure", failure);
  section(
    "Allocations",
    allocationTable(allocations.value, { nowMs: context.nowMs(), verbose: flags.flag("verbose"), colours, by: "node" }),
  );
  return 0;
}

function summaryTable(summary: JobSummary): string {
  return table([
    ["Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown"],
    ...Object.entries(summary.Summary)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([group, counts]) => [
        group,
        ...[counts.Queued, counts.Starting, counts.Running, counts.Failed, counts.Complete, counts.Lost, counts.Unknown].map(String),
      ]),
  ]);
}

function evaluationTable(evaluations: readonly Evaluation[], verbose: boolean): string {
  return table([
    ["ID", "Priority", "Triggered By", "Status", "Placement Failures"],
    ...evaluations
      .toSorted((left, right) => right.CreateIndex - left.CreateIndex)
      .map((each) => [
        verbose ? each.ID : each.ID.slice(0, 8),
        String(each.Priority),
        each.TriggeredBy,
        each.Status,
        each.Status === "blocked" ? "N/A - In Progress" : String(Object.keys(each.FailedTGAllocs ?? {}).length > 0),
      ]),
  ]);
}

/** Why the job is not whole now: the newest evaluation that left something unplaced, while a blocked one still waits for room. */
function placementFailure(evaluations: readonly Evaluation[]): string | undefined {
  if (!evaluations.some((each) => each.Status === "blocked")) return undefined;
  const newest = evaluations
    .filter((each) => Object.keys(each.FailedTGAllocs ?? {}).length > 0)
    .toSorted((left, right) => right.ModifyIndex - left.ModifyIndex)[0];
  if (newest === undefined) return undefined;
  return Object.entries(newest.FailedTGAllocs)
    .map(([group, metric]) => `Task Group ${JSON.stringify(group)}:\n${renderMetric(metric, { scores: false, indent: "  " })}`)
    .join("\n\n");
}

function statusOf(job: { readonly Status: string; readonly Stop: boolean }): string {
  return job.Stop ? `${job.Status} (stopped)` : job.Status;
}

function jobType(job: JobStub): string {
  return `${job.Type}${job.Periodic ? "/periodic" : ""}${job.ParameterizedJob ? "/parameterized" : ""}`;
}
