/** `drover node status`: nomad.md §4.4. */
import type { NodeDetail, NodeStub } from "#api/contract";
import { terminal as isTerminal, type Allocation, type AllocationUsage } from "#model";
import type { HostUsage } from "#ports";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { paintStatus } from "../render/allocations.ts";
import { keyValues, table } from "../render/columns.ts";
import { ago, bytes, localRfc3339, spell } from "../render/time.ts";
import { resolveNode, selfNode } from "../resolve.ts";

export const nodeStatus: Command = {
  usage: "node status [options] [<node>]",
  about: "Lists nodes, or shows one: drivers, events, what is allocated and used. <node> is an id or a unique prefix.",
  connects: true,
  flags: {
    self: { kind: "boolean", about: "The node of the agent asked" },
    allocs: { kind: "boolean", about: "In the list: how many allocations run" },
    os: { kind: "boolean", about: "In the list: the operating system" },
    quiet: { kind: "boolean", about: "In the list: ids only" },
    short: { kind: "boolean", about: "The first block and allocations" },
    stats: { kind: "boolean", about: "Use in detail" },
    filter: { kind: "text", value: "expression", about: "A filter expression over the node" },
    "per-page": { kind: "whole", value: "count", about: "So many at a time" },
    "page-token": { kind: "text", value: "token", about: "Where the page starts" },
    ...DATA_FLAGS,
    verbose: { kind: "boolean", about: "Full ids, attributes and meta" },
  },
  async run(context) {
    const typed = context.arguments[0];
    if (typed === undefined && !context.flags.flag("self")) return listNodes(context);
    const id = typed === undefined ? await selfNode(context) : (await resolveNode(context, typed)).ID;
    return showNode(context, id);
  },
};

async function listNodes(context: Context): Promise<number> {
  const { flags, terminal, api } = context;
  const perPage = flags.whole("per-page");
  const pageToken = flags.text("page-token");
  const filter = flags.text("filter");
  const { value: nodes, nextToken } = await api.nodes.list({
    parameters: { os: flags.flag("os") ? true : undefined },
    ...(perPage === undefined ? {} : { perPage }),
    ...(pageToken === undefined ? {} : { nextToken: pageToken }),
    ...(filter === undefined ? {} : { filter }),
  });
  if (flags.flag("json") || flags.given("t")) {
    printData(terminal, nodes, flags.text("t"));
    return 0;
  }
  if (nodes.length === 0) {
    terminal.print("No nodes registered");
    return 0;
  }
  const verbose = flags.flag("verbose");
  const short = (id: string) => (verbose ? id : id.slice(0, 8));
  if (flags.flag("quiet")) {
    for (const node of nodes) terminal.print(short(node.ID));
    return 0;
  }
  const running = flags.flag("allocs") ? await Promise.all(nodes.map((node) => runningCount(context, node.ID))) : [];
  const row = (node: NodeStub, position: number) => [
    short(node.ID),
    node.NodePool,
    node.Datacenter,
    node.Name,
    node.NodeClass,
    ...(flags.flag("os") ? [node.Attributes?.["os.name"] ?? ""] : []),
    ...(verbose ? [node.Address, node.Version] : []),
    String(node.Drain),
    node.SchedulingEligibility,
    paintNodeStatus(node.Status, context),
    ...(flags.flag("allocs") ? [String(running[position])] : []),
  ];
  const header = [
    "ID",
    "Node Pool",
    "DC",
    "Name",
    "Class",
    ...(flags.flag("os") ? ["OS"] : []),
    ...(verbose ? ["Address", "Version"] : []),
    "Drain",
    "Eligibility",
    "Status",
    ...(flags.flag("allocs") ? ["Running Allocs"] : []),
  ];
  terminal.print(table([header, ...nodes.map(row)]));
  if (nextToken !== "")
    terminal.print(`\nResults have been paginated. To get the next page run:\n\ndrover node status -page-token ${nextToken}`);
  return 0;
}

async function runningCount(context: Context, id: string): Promise<number> {
  const { value } = await context.api.nodes.allocations(id);
  return value.filter((each) => each.ClientStatus === "running").length;
}

async function showNode(context: Context, id: string): Promise<number> {
  const { flags, terminal, api } = context;
  const { value: node } = await api.nodes.read(id);
  if (flags.flag("json") || flags.given("t")) {
    printData(terminal, node, flags.text("t"));
    return 0;
  }
  const { value: allocations } = await api.nodes.allocations(id);
  const host = await hostUsage(context, node);
  const section = (title: string, text: string) => terminal.print(`\n${terminal.colours.bold(title)}\n${text}`);

  terminal.print(keyValues(facts(context, node, host)));
  if (!flags.flag("short")) {
    section("Drivers", driverTable(node));
    section("Node Events", eventTable(node));
    section("Allocated Resources", allocatedResources(node, allocations));
    const used = await allocationsUsage(context, allocations);
    section(
      "Allocation Resource Utilization",
      table([
        ["CPU", "Memory"],
        [`${Math.round(used.cpuMHz)}/${usableCpu(node)} MHz`, `${bytes(used.memoryBytes)}/${mebibytes(usableMemory(node))}`],
      ]),
    );
    section("Host Resource Utilization", host === undefined ? "N/A: the node cannot be asked now" : hostResources(node, host));
  }
  section("Allocations", nodeAllocations(context, allocations));
  if (flags.flag("verbose")) {
    const pairs = (map: Readonly<Record<string, string>>) => Object.entries(map).toSorted(([left], [right]) => (left < right ? -1 : 1));
    section("Attributes", keyValues(pairs(node.Attributes)));
    section("Meta", Object.keys(node.Meta).length === 0 ? "No meta" : keyValues(pairs(node.Meta)));
  }
  return 0;
}

function facts(context: Context, node: NodeDetail, host: HostUsage | undefined): [string, string][] {
  const drivers = Object.entries(node.Drivers)
    .filter(([, driver]) => driver.Detected)
    .map(([name, driver]) => (driver.Healthy ? name : `${name} (unhealthy)`));
  const pairs: [string, string][] = [
    ["ID", context.flags.flag("verbose") ? node.ID : node.ID.slice(0, 8)],
    ["Name", node.Name],
    ["Node Pool", node.NodePool],
    ["Class", node.NodeClass],
    ["DC", node.Datacenter],
    ["Drain", String(node.Drain)],
    ["Eligibility", node.SchedulingEligibility],
    ["Status", paintNodeStatus(node.Status, context)],
    ["CSI Controllers", "<none>"],
    ["CSI Drivers", "<none>"],
  ];
  if (host !== undefined) pairs.push(["Uptime", spell(host.Uptime * 1000)]);
  pairs.push(
    ["Host Volumes", Object.keys(node.HostVolumes).join(",")],
    ["Host Networks", Object.keys(node.HostNetworks).join(",")],
    ["Driver Status", drivers.toSorted().join(",")],
  );
  return pairs;
}

function driverTable(node: NodeDetail): string {
  return table([
    ["Driver", "Detected", "Healthy", "Message", "Time"],
    ...Object.entries(node.Drivers)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, driver]) => [
        name,
        String(driver.Detected),
        String(driver.Healthy),
        driver.HealthDescription,
        localRfc3339(new Date(driver.UpdateTime)),
      ]),
  ]);
}

function eventTable(node: NodeDetail): string {
  if (node.Events.length === 0) return "No node events";
  return table([
    ["Time", "Subsystem", "Message"],
    ...node.Events.toReversed().map((event) => [localRfc3339(new Date(event.Timestamp)), event.Subsystem, event.Message]),
  ]);
}

function usableCpu(node: NodeDetail): number {
  return node.NodeResources.Cpu.CpuShares - node.ReservedResources.Cpu.CpuShares;
}
function usableMemory(node: NodeDetail): number {
  return node.NodeResources.Memory.MemoryMB - node.ReservedResources.Memory.MemoryMB;
}
function mebibytes(megabytes: number): string {
  return bytes(megabytes * 1024 * 1024);
}

function allocatedResources(node: NodeDetail, allocations: readonly Allocation[]): string {
  let cpu = 0;
  let memory = 0;
  let disk = 0;
  const live = allocations.filter((each) => !isTerminal(each));
  for (const { AllocatedResources: held } of live) {
    disk += held.Shared.DiskMB;
    for (const task of Object.values(held.Tasks)) {
      cpu += task.Cpu.CpuShares;
      memory += task.Memory.MemoryMB;
    }
  }
  const diskTotal = node.NodeResources.Disk.DiskMB - node.ReservedResources.Disk.DiskMB;
  return table([
    ["CPU", "Memory", "Disk", "Alloc Count"],
    [
      `${cpu}/${usableCpu(node)} MHz`,
      `${mebibytes(memory)}/${mebibytes(usableMemory(node))}`,
      `${mebibytes(disk)}/${mebibytes(diskTotal)}`,
      String(live.length),
    ],
  ]);
}

async function allocationsUsage(context: Context, allocations: readonly Allocation[]): Promise<{ cpuMHz: number; memoryBytes: number }> {
  const running = allocations.filter((each) => each.ClientStatus === "running");
  const usages = await Promise.all(
    running.map((each) =>
      context.api.allocations.usage(each.ID).then(
        (answer): AllocationUsage | undefined => answer.value,
        () => undefined,
      ),
    ),
  );
  let cpuMHz = 0;
  let memoryBytes = 0;
  for (const usage of usages) {
    cpuMHz += usage?.ResourceUsage.CpuStats.TotalTicks ?? 0;
    memoryBytes += usage?.ResourceUsage.MemoryStats.Usage ?? usage?.ResourceUsage.MemoryStats.RSS ?? 0;
  }
  return { cpuMHz, memoryBytes };
}

/** Undefined when the node is gone or silent. */
async function hostUsage(context: Context, node: NodeDetail): Promise<HostUsage | undefined> {
  if (node.Status !== "ready") return undefined;
  try {
    return (await context.api.nodes.usage(node.ID)).value;
  } catch {
    return undefined;
  }
}

function hostResources(node: NodeDetail, host: HostUsage): string {
  return table([
    ["CPU", "Memory", "Disk"],
    [
      `${Math.round(host.CPUTicksConsumed)}/${node.NodeResources.Cpu.CpuShares} MHz`,
      `${bytes(host.Memory.Used)}/${bytes(host.Memory.Total)}`,
      `${bytes(host.AllocDirStats.Used)}/${bytes(host.AllocDirStats.Size)}`,
    ],
  ]);
}

function nodeAllocations(context: Context, allocations: readonly Allocation[]): string {
  if (allocations.length === 0) return "No allocations placed";
  const verbose = context.flags.flag("verbose");
  const short = (id: string) => (verbose ? id : id.slice(0, 8));
  return table([
    ["ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"],
    ...allocations
      .toSorted((left, right) => right.CreateIndex - left.CreateIndex)
      .map((each) => [
        short(each.ID),
        short(each.NodeID),
        each.TaskGroup,
        String(each.JobVersion),
        each.DesiredStatus,
        paintStatus(each.ClientStatus, context.terminal.colours),
        ago(each.CreateTime, context.nowMs()),
        ago(each.ModifyTime, context.nowMs()),
      ]),
  ]);
}

function paintNodeStatus(status: string, context: Context): string {
  const { colours } = context.terminal;
  return status === "ready" ? colours.green(status) : status === "down" ? colours.red(status) : colours.yellow(status);
}
