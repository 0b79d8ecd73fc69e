/** `drover alloc status`: nomad.md §4.4. */
import type { AllocationDetail } from "#api/contract";
import { isProxyTask, type Allocation, type AllocationUsage, type Evaluation, type Task, type TaskState } from "#model";
import { tellNoUi, UI_FLAG } from "../accepted-flags.ts";
import { formatDuration, messageOf, NamedError } from "#std";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { deadlineText } from "../render/allocations.ts";
import { keyValues, table } from "../render/columns.ts";
import { allocationMeshSections } from "../render/mesh.ts";
import { renderMetric } from "../render/metric.ts";
import { ago, bytes, fromNow, localRfc3339, timestamp } from "../render/time.ts";
import { resolveAllocation } from "../resolve.ts";

export const allocStatus: Command = {
  usage: "alloc status [options] <allocation>",
  about: "Shows an allocation: where it runs, its tasks' resources and use, addresses and latest events.",
  connects: true,
  flags: {
    short: { kind: "boolean", about: "One line a task" },
    stats: { kind: "boolean", about: "Use in detail" },
    ...DATA_FLAGS,
    ...UI_FLAG,
    verbose: { kind: "boolean", about: "Full ids, exact times, placement scores" },
  },
  async run(context) {
    const { flags, terminal, api } = context;
    const typed = context.arguments[0];
    if (typed === undefined || context.arguments.length > 1) throw new UsageError("This command takes one argument: <allocation>");
    const stub = await resolveAllocation(context, typed);
    const { value: allocation } = await api.allocations.read(stub.ID, { namespace: stub.Namespace });
    if (flags.flag("json") || flags.given("t")) {
      printData(terminal, allocation, flags.text("t"));
      return 0;
    }
    tellNoUi(context);
    const followUp = allocation.FollowupEvalID === "" ? undefined : await followUpOf(context, allocation.FollowupEvalID);
    terminal.print(keyValues(facts(context, allocation, followUp)));
    const { Ports: ports } = allocation.AllocatedResources.Shared;
    if (ports.length > 0) {
      terminal.print(
        `\n${terminal.colours.bold(`Allocation Addresses${networkMode(allocation)}:`)}\n${table([
          ["Label", "Dynamic", "Address"],
          ...ports.map((port) => [
            `*${port.Label}`,
            isDynamic(allocation, port.Label) ? "yes" : "no",
            address(port.HostIP, port.Value) + (port.To > 0 ? ` -> ${port.To}` : ""),
          ]),
        ])}`,
      );
    }
    const checks = await serviceChecks(context, allocation);
    if (checks !== "") terminal.print(`\n${terminal.colours.bold("Nomad Service Checks:")}\n${checks}`);
    for (const [title, text] of await meshSections(context, allocation)) terminal.print(`\n${terminal.colours.bold(title)}\n${text}`);
    if (flags.flag("short")) {
      terminal.print(`\n${terminal.colours.bold("Tasks")}\n${shortTasks(allocation)}`);
      return 0;
    }
    const usage = await currentUsage(context, allocation);
    for (const name of tasksInOrder(allocation)) printTask(context, allocation, name, usage);
    if (flags.flag("verbose") && allocation.Metrics !== null) {
      terminal.print(`\n${terminal.colours.bold("Placement Metrics")}\n${renderMetric(allocation.Metrics, { scores: true, indent: "" })}`);
    }
    return 0;
  },
};

/** Those the node runs itself; "" without any, and when the node cannot be asked. */
async function serviceChecks({ api }: Context, allocation: AllocationDetail): Promise<string> {
  const group = groupOf(allocation);
  const services = [...(group?.Services ?? []), ...(group?.Tasks ?? []).flatMap((task) => task.Services)];
  if (allocation.ClientStatus !== "running" || !services.some((each) => each.Provider === "nomad" && each.Checks.length > 0)) return "";
  try {
    const { value } = await api.allocations.checks(allocation.ID);
    const rows = Object.values(value).map((check) => [
      check.Service,
      check.Task === "" ? "(group)" : check.Task,
      check.Check,
      check.Mode,
      check.Status,
    ]);
    if (rows.length === 0) return "";
    return table([
      ["Service", "Task", "Name", "Mode", "Status"],
      ...rows.toSorted((left, right) => (left.join(" ") < right.join(" ") ? -1 : 1)),
    ]);
  } catch {
    return "";
  }
}

/** ` (mode = "bridge")`; "" where its ports are the machine's own. */
function networkMode(allocation: AllocationDetail): string {
  const mode = groupOf(allocation)?.Networks[0]?.Mode ?? "";
  return mode === "" || mode === "host" ? "" : ` (mode = ${JSON.stringify(mode)})`;
}

/** How its proxies stand; nothing without any. */
async function meshSections({ api, flags, nowMs }: Context, allocation: AllocationDetail): Promise<readonly (readonly [string, string])[]> {
  const over = allocation.ClientStatus !== "running" && allocation.ClientStatus !== "pending";
  if (over || groupOf(allocation)?.Tasks.some(isProxyTask) !== true) return [];
  try {
    const { value } = await api.allocations.mesh(allocation.ID);
    return allocationMeshSections(value, { nowMs: nowMs(), stats: flags.flag("stats") });
  } catch (error) {
    return [["Mesh", `N/A: ${messageOf(error)}`]];
  }
}

function facts(context: Context, allocation: AllocationDetail, followUp: Evaluation | undefined): [string, string][] {
  const verbose = context.flags.flag("verbose");
  const short = (id: string) => (verbose ? id : id.slice(0, 8));
  const when = (ns: number) => (verbose ? timestamp(ns) : ago(ns, context.nowMs()));
  const pairs: [string, string][] = [
    ["ID", verbose ? allocation.ID : allocation.ID.slice(0, 8)],
    ["Eval ID", short(allocation.EvalID)],
    ["Name", allocation.Name],
    ["Node ID", short(allocation.NodeID)],
    ["Node Name", allocation.NodeName],
    ["Job ID", allocation.JobID],
    ["Job Version", String(allocation.Job?.Version ?? allocation.JobVersion)],
    ["Client Status", allocation.ClientStatus],
    ["Client Description", allocation.ClientDescription],
    ["Desired Status", allocation.DesiredStatus],
    ["Desired Description", allocation.DesiredDescription],
    ["Created", when(allocation.CreateTime)],
    ["Modified", when(allocation.ModifyTime)],
  ];
  const group = groupOf(allocation);
  const deadline = deadlineText(allocation, group?.MaxRunDuration ?? 0);
  if (deadline !== "N/A") pairs.push(["Max Run Deadline", deadline]);
  if (allocation.DeploymentID !== "") {
    const healthy = allocation.DeploymentStatus?.Healthy ?? null;
    pairs.push(
      ["Deployment ID", short(allocation.DeploymentID)],
      ["Deployment Health", healthy === null ? "unset" : healthy ? "healthy" : "unhealthy"],
    );
    if (allocation.DeploymentStatus?.Canary === true) pairs.push(["Canary", "true"]);
  }
  if (allocation.PreviousAllocation !== "" && verbose) pairs.push(["Previous Alloc", allocation.PreviousAllocation]);
  if (allocation.NextAllocation !== "") pairs.push(["Replacement Alloc ID", short(allocation.NextAllocation)]);
  if (allocation.PreemptedByAllocation !== "") pairs.push(["Preempted By", short(allocation.PreemptedByAllocation)]);
  const attempts = rescheduleAttempts(allocation, context.nowMs());
  if (attempts !== undefined) pairs.push(["Reschedule Attempts", attempts]);
  if (followUp?.Status === "pending" && followUp.WaitUntil !== null)
    pairs.push(["Reschedule Eligibility", fromNow(Date.parse(followUp.WaitUntil), context.nowMs())]);
  const metric = verbose ? allocation.Metrics : null;
  if (metric !== null) {
    pairs.push(
      ["Evaluated Nodes", String(metric.NodesEvaluated)],
      ["Filtered Nodes", String(metric.NodesFiltered)],
      ["Exhausted Nodes", String(metric.NodesExhausted)],
      ["Allocation Time", formatDuration(metric.AllocationTime)],
      ["Failures", String(metric.CoalescedFailures)],
    );
  }
  return pairs;
}

/** "1/3": used of those its policy allows within its interval; undefined when nothing was tried, or any number is allowed. */
export function rescheduleAttempts(
  allocation: Pick<Allocation, "RescheduleTracker" | "TaskGroup"> & { readonly Job?: Allocation["Job"] | null },
  nowMs: number,
): string | undefined {
  const policy = groupOf(allocation)?.ReschedulePolicy;
  const events = allocation.RescheduleTracker?.Events ?? [];
  const most = policy?.Attempts ?? 0;
  if (policy === null || policy === undefined || policy.Unlimited === true || most === 0 || events.length === 0) return undefined;
  const sinceMs = nowMs - (policy.Interval ?? 0) / 1e6;
  return `${events.filter((event) => event.RescheduleTime / 1e6 > sinceMs).length}/${most}`;
}

function groupOf(allocation: { readonly TaskGroup: string; readonly Job?: Allocation["Job"] | null }) {
  return allocation.Job?.TaskGroups.find((group) => group.Name === allocation.TaskGroup);
}

/** Undefined when it has been collected. */
async function followUpOf(context: Context, id: string): Promise<Evaluation | undefined> {
  try {
    return (await context.api.evaluations.read(id)).value;
  } catch (error) {
    if (error instanceof NamedError && error.statusCode === 404) return undefined;
    throw error;
  }
}

/** As they run: prestart, prestart sidecars, main, poststart, poststop; by name among equals. */
function tasksInOrder(allocation: AllocationDetail): string[] {
  const tasks = groupOf(allocation)?.Tasks ?? [];
  const place = (name: string) => HOOK_ORDER.indexOf(lifecycleWord(tasks.find((task) => task.Name === name)));
  return Object.keys(allocation.AllocatedResources.Tasks).toSorted((left, right) => place(left) - place(right) || (left < right ? -1 : 1));
}

const HOOK_ORDER = [" (prestart)", " (prestart sidecar)", "", " (poststart)", " (poststart sidecar)", " (poststop)"];

function printTask(context: Context, allocation: AllocationDetail, name: string, usage: AllocationUsage | undefined): void {
  const { terminal, flags } = context;
  const task = allocation.Job?.TaskGroups.find((group) => group.Name === allocation.TaskGroup)?.Tasks.find((each) => each.Name === name);
  const state = allocation.TaskStates?.[name];
  const hook = lifecycleWord(task);
  terminal.print(`\n${terminal.colours.bold(`Task ${JSON.stringify(name)}${hook} is ${JSON.stringify(state?.State ?? "pending")}`)}`);

  const resources = allocation.AllocatedResources.Tasks[name];
  const used = usage?.Tasks[name]?.ResourceUsage;
  if (resources !== undefined) {
    const cpu =
      used === undefined ? `${resources.Cpu.CpuShares} MHz` : `${Math.round(used.CpuStats.TotalTicks)}/${resources.Cpu.CpuShares} MHz`;
    const limit = `${resources.Memory.MemoryMB} MiB`;
    const memory =
      used === undefined ? limit : `${bytes(used.MemoryStats.Usage > 0 ? used.MemoryStats.Usage : used.MemoryStats.RSS)}/${limit}`;
    const addresses = allocation.AllocatedResources.Shared.Ports.map((port) => `${port.Label}: ${address(port.HostIP, port.Value)}`);
    const [first = "", ...rest] = addresses;
    terminal.print(
      `Task Resources:\n${table(
        [
          ["CPU", "Memory", "Disk", "Addresses"],
          [cpu, memory, `${allocation.AllocatedResources.Shared.DiskMB} MiB`, first],
          ...rest.map((each) => ["", "", "", each]),
        ],
        { blanks: true },
      )}`,
    );
  }
  if (flags.flag("stats") && used !== undefined) {
    terminal.print(
      `\nMemory Stats\n${table([["RSS", "Cache", "Usage", "Max Usage"], [used.MemoryStats.RSS, used.MemoryStats.Cache, used.MemoryStats.Usage, used.MemoryStats.MaxUsage].map(bytes)])}`,
    );
    terminal.print(
      `\nCPU Stats\n${table([
        ["Percent", "Throttled Periods", "Throttled Time"],
        [`${used.CpuStats.Percent.toFixed(2)}%`, String(used.CpuStats.ThrottledPeriods), String(used.CpuStats.ThrottledTime)],
      ])}`,
    );
  }
  if (state !== undefined) printEvents(context, state);
}

function printEvents(context: Context, state: TaskState): void {
  const { terminal } = context;
  const time = (text: string | null) => (text === null || text.startsWith("0001-") ? "N/A" : localRfc3339(new Date(text)));
  terminal.print(
    `\nTask Events:\n${keyValues([
      ["Started At", time(state.StartedAt)],
      ["Finished At", time(state.FinishedAt)],
      ["Total Restarts", String(state.Restarts)],
      ["Last Restart", time(state.LastRestart)],
    ])}`,
  );
  const events = state.Events.toReversed();
  if (events.length === 0) return;
  terminal.print(
    `\nRecent Events:\n${table([["Time", "Type", "Description"], ...events.map((event) => [timestamp(event.Time), event.Type, event.DisplayMessage])])}`,
  );
}

function shortTasks(allocation: AllocationDetail): string {
  return table([
    ["Name", "State", "Last Event", "Time"],
    ...Object.entries(allocation.TaskStates ?? {})
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, state]) => {
        const last = state.Events.at(-1);
        return [name, state.State, last?.Type ?? "", last === undefined ? "N/A" : timestamp(last.Time)];
      }),
  ]);
}

/** Undefined when the node cannot tell (it is gone, or the tasks are over). */
async function currentUsage(context: Context, allocation: AllocationDetail): Promise<AllocationUsage | undefined> {
  if (allocation.ClientStatus !== "running") return undefined;
  try {
    return (await context.api.allocations.usage(allocation.ID)).value;
  } catch (error) {
    context.terminal.complain(`Couldn't retrieve stats: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function isDynamic(allocation: AllocationDetail, label: string): boolean {
  const group = allocation.Job?.TaskGroups.find((each) => each.Name === allocation.TaskGroup);
  return !(group?.Networks ?? []).some((network) => network.ReservedPorts.some((port) => port.Label === label));
}

function lifecycleWord(task: Task | undefined): string {
  const lifecycle = task?.Lifecycle;
  return lifecycle === null || lifecycle === undefined ? "" : ` (${lifecycle.Hook}${lifecycle.Sidecar ? " sidecar" : ""})`;
}

function address(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
