/** `drover job status`: nomad.md §4.4. */
import type { JobStub } from "#api/contract";
import { isParameterized, type Evaluation, type Job, type JobSummary } from "#model";
import { tellNoUi, UI_FLAG } from "../accepted-flags.ts";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { jobsData } from "../job-data.ts";
import { launchText, nextLaunchMs } from "../next-launch.ts";
import { allocationTable } from "../render/allocations.ts";
import { keyValues, table } from "../render/columns.ts";
import { deploymentText } from "../render/deployment.ts";
import { renderMetric } from "../render/metric.ts";
import { reschedulesAhead } from "../render/reschedules.ts";
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
    ...UI_FLAG,
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
    printData(terminal, await jobsData(context, body), flags.text("t"));
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
    printData(terminal, await jobsData(context, [job]), flags.text("t"));
    return 0;
  }
  tellNoUi(context);
  const { colours } = terminal;
  terminal.print(keyValues(jobFacts(job, context.nowMs())));
  if (flags.flag("short")) return 0;
  if (job.Periodic !== null || isParameterized(job)) return showLaunching(context, job);

  const verbose = flags.flag("verbose");
  const [summary, evaluations, allocations, deployment] = await Promise.all([
    api.jobs.summary(stub.ID, inNamespace),
    api.jobs.evaluations(stub.ID, inNamespace),
    api.jobs.allocations(stub.ID, { ...inNamespace, ...(flags.flag("all-allocs") ? { parameters: { all: true } } : {}) }),
    api.jobs.deployment(stub.ID, inNamespace),
  ]);
  const section = (title: string, text: string) => terminal.print(`\n${colours.bold(title)}\n${text}`);
  section("Summary", summaryTable(summary.value));
  if (flags.flag("evals") || verbose) section("Evaluations", evaluationTable(evaluations.value, verbose));
  const failure = placementFailure(evaluations.value);
  if (failure !== undefined) section("Placement Failure", failure);
  const reschedules = reschedulesAhead(allocations.value, evaluations.value, { nowMs: context.nowMs(), verbose });
  if (reschedules !== undefined) section("Future Rescheduling Attempts", reschedules);
  if (deployment.value !== null) section("Latest Deployment", deploymentText(deployment.value, { verbose, colours, ofJob: false }));
  const actions = actionTable(job);
  if (actions !== undefined) section("Actions", actions);
  section("Allocations", allocationTable(allocations.value, { nowMs: context.nowMs(), verbose, colours, groups: job.TaskGroups }));
  return 0;
}

export function jobFacts(job: Job, nowMs: number): [string, string][] {
  const next = nextLaunchMs(job, nowMs);
  const [periodic, parameterized] = [job.Periodic !== null, isParameterized(job)];
  return [
    ["ID", job.ID],
    ["Name", job.Name],
    ["Submit Date", timestamp(job.SubmitTime)],
    ["Type", job.Type],
    ["Priority", String(job.Priority)],
    ["Datacenters", job.Datacenters.join(",")],
    ["Namespace", job.Namespace],
    ["Node Pool", job.NodePool],
    ["Status", statusOf(job)],
    ["Periodic", String(periodic)],
    ["Parameterized", String(parameterized)],
    ...(job.DispatchIdempotencyToken === "" ? [] : ([["Idempotency Token", job.DispatchIdempotencyToken]] as [string, string][])),
    ...(periodic && !parameterized
      ? ([["Next Periodic Launch", next === undefined ? `none${job.Stop ? " (job stopped)" : ""}` : launchText(next, nowMs)]] as [
          string,
          string,
        ][])
      : []),
    ...(job.UI === null || job.UI.Description === "" ? [] : ([["Description", job.UI.Description]] as [string, string][])),
    ...(job.UI?.Links ?? []).map((link): [string, string] => [`Link ${JSON.stringify(link.Label)}`, link.URL]),
  ];
}

/** A job that runs nothing itself: what it asks for, and its children. */
async function showLaunching(context: Context, job: Job): Promise<number> {
  const { api, terminal } = context;
  const inNamespace = { namespace: job.Namespace };
  const section = (title: string, text: string) => terminal.print(`\n${terminal.colours.bold(title)}\n${text}`);
  const [summary, found] = await Promise.all([
    api.jobs.summary(job.ID, inNamespace),
    api.jobs.list({ ...inNamespace, prefix: `${job.ID}/` }),
  ]);
  const rules = job.ParameterizedJob;
  if (isParameterized(job) && rules !== null) {
    section(
      "Parameterized Job",
      keyValues([
        ["Payload", rules.Payload],
        ["Required Metadata", rules.MetaRequired.join(", ")],
        ["Optional Metadata", rules.MetaOptional.join(", ")],
      ]),
    );
  }
  const { Pending, Running, Dead } = summary.value.Children;
  section("Children Job Summary", table([["Pending", "Running", "Dead"], [Pending, Running, Dead].map(String)]));
  const children = found.value.filter((each) => each.ParentID === job.ID);
  const kind = isParameterized(job) ? "dispatched instances of parameterized" : "instances of periodic";
  if (children.length === 0) terminal.print(`\nNo ${kind} job found`);
  else section(isParameterized(job) ? "Dispatched Jobs" : "Previously Launched Jobs", childTable(children));
  return 0;
}

function childTable(children: readonly JobStub[]): string {
  return table([
    ["ID", "Status"],
    ...children.toSorted((left, right) => (left.ID < right.ID ? -1 : 1)).map((each) => [each.ID, statusOf(each)]),
  ]);
}

/** Undefined: no task offers one. */
function actionTable(job: Job): string | undefined {
  const rows = job.TaskGroups.flatMap((group) =>
    group.Tasks.flatMap((task) => task.Actions.map((action) => [action.Name, group.Name, task.Name])),
  );
  return rows.length === 0 ? undefined : table([["Action Name", "Task Group", "Task"], ...rows]);
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
