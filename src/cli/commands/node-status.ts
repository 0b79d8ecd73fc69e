/** `drover node status`: nomad.md §4.4. */
import type { NodeDetail } from "#api/contract";
import type { Allocation, AllocationUsage } from "#model";
import type { HostUsage } from "#ports";
import { messageOf } from "#std";
import type { Command, Context } from "../command.ts";
import { DATA_FLAGS, printData } from "../data-output.ts";
import { UsageError } from "../flags.ts";
import { PAGE_FLAGS, pageQuery, tellNextPage } from "../paging.ts";
import { allocationTable } from "../render/allocations.ts";
import { keyValues, table } from "../render/columns.ts";
import { preflightLine } from "../render/mesh.ts";
import { nodeTable, paintNodeStatus } from "../render/node-table.ts";
import {
  allocatedResources,
  allocationUtilization,
  byName,
  deviceAttributes,
  deviceTable,
  drainText,
  driverList,
  driverTable,
  eventTable,
  hostNetworkTable,
  hostUtilization,
  hostVolumeTable,
  lastDrainText,
} from "../render/node.ts";
import { bytes, spell } from "../render/time.ts";
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
    stats: { kind: "boolean", about: "The machine's use in detail" },
    ...PAGE_FLAGS,
    ...DATA_FLAGS,
    verbose: { kind: "boolean", about: "Full ids, attributes and meta" },
  },
  async run(context) {
    if (context.arguments.length > 1) throw new UsageError("This command takes either no arguments or one: <node>");
    const typed = context.arguments[0];
    if (typed === undefined && !context.flags.flag("self")) return listNodes(context);
    const id = typed === undefined ? await selfNode(context) : (await resolveNode(context, typed)).ID;
    return showNode(context, id);
  },
};

async function listNodes(context: Context): Promise<number> {
  const { flags, terminal, api } = context;
  const { value: nodes, nextToken } = await api.nodes.list({
    parameters: { os: flags.flag("os") ? true : undefined },
    ...pageQuery(flags),
  });
  if (flags.flag("json") || flags.given("t")) {
    printData(terminal, nodes, flags.text("t"));
    return 0;
  }
  const verbose = flags.flag("verbose");
  if (nodes.length === 0) {
    terminal.print("No nodes registered");
  } else if (flags.flag("quiet")) {
    for (const node of nodes) terminal.print(verbose ? node.ID : node.ID.slice(0, 8));
  } else {
    const running = flags.flag("allocs") ? await Promise.all(nodes.map((node) => runningCount(context, node.ID))) : undefined;
    terminal.print(nodeTable(nodes, { verbose, os: flags.flag("os"), running, colours: terminal.colours }));
    tellNextPage(terminal, "node status", nextToken, flags);
  }
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
  const [host, mesh] = await Promise.all([hostUsage(context, node), meshLine(context, node)]);
  const verbose = flags.flag("verbose");
  const section = (title: string, text: string) => terminal.print(`\n${terminal.colours.bold(title)}\n${text}`);

  terminal.print(keyValues(facts(context, node, host, mesh)));
  if (!flags.flag("short")) {
    if (verbose && Object.keys(node.HostVolumes).length > 0) section("Host Volumes", hostVolumeTable(node));
    if (verbose && Object.keys(node.HostNetworks).length > 0) section("Host Networks", hostNetworkTable(node));
    section("Drivers", driverTable(node));
    section("Node Events", eventTable(node, verbose));
    section("Allocated Resources", allocatedResources(node, allocations));
    section("Allocation Resource Utilization", allocationUtilization(node, await allocationsUsage(context, allocations)));
    section("Host Resource Utilization", host === undefined ? "N/A: the node cannot be asked now" : hostUtilization(node, host));
    const devices = deviceTable(node, allocations);
    if (devices !== undefined) section("Devices", devices);
    if (flags.flag("stats") && host !== undefined) for (const [title, text] of hostDetails(host)) section(title, text);
  }
  section("Allocations", allocationTable(allocations, { nowMs: context.nowMs(), verbose, colours: terminal.colours }));
  if (verbose) {
    section("Attributes", keyValues(byName(node.Attributes)));
    for (const [device, attributes] of deviceAttributes(node)) {
      if (attributes.length > 0) section(`Device ${device}`, keyValues(attributes));
    }
    section("Meta", Object.keys(node.Meta).length === 0 ? "No meta" : keyValues(byName(node.Meta)));
  }
  return 0;
}

function facts(context: Context, node: NodeDetail, host: HostUsage | undefined, mesh: string | undefined): [string, string][] {
  const verbose = context.flags.flag("verbose");
  const pairs: [string, string][] = [
    ["ID", verbose ? node.ID : node.ID.slice(0, 8)],
    ["Name", node.Name],
    ["Node Pool", node.NodePool],
    ["Class", node.NodeClass],
    ["DC", node.Datacenter],
    ["Drain", drainText(node)],
  ];
  const lastDrain = lastDrainText(node);
  if (lastDrain !== undefined) pairs.push(["Last Drain", lastDrain]);
  pairs.push(
    ["Eligibility", node.SchedulingEligibility],
    ["Status", paintNodeStatus(node.Status, context.terminal.colours)],
    ["CSI Controllers", "<none>"],
    ["CSI Drivers", "<none>"],
  );
  if (host !== undefined) pairs.push(["Uptime", spell(host.Uptime * 1000)]);
  pairs.push(
    ["Host Volumes", Object.keys(node.HostVolumes).join(",")],
    ["Host Networks", Object.keys(node.HostNetworks).join(",")],
    ["Driver Status", driverList(node)],
  );
  if (mesh !== undefined) pairs.push(["Mesh", mesh]);
  return pairs;
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

/** A Consul that hangs keeps nobody from the rest of what a node is. */
const PREFLIGHT_LIMIT_MS = 3_000;

/** What its machine lacks for networks and the mesh; undefined when the node is gone, or says nothing of it. */
async function meshLine(context: Context, node: NodeDetail): Promise<string | undefined> {
  if (node.Status !== "ready") return undefined;
  try {
    return preflightLine((await context.api.nodes.preflight(node.ID, { timeoutMs: PREFLIGHT_LIMIT_MS })).value, node.ID.slice(0, 8));
  } catch (error) {
    return `N/A: ${messageOf(error)}`;
  }
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

/** Blocks for -stats. */
function hostDetails(host: HostUsage): [title: string, text: string][] {
  const percent = (value: number) => `${Math.round(value * 10) / 10}%`;
  return [
    [
      "CPU Stats",
      table([
        ["CPU", "User", "System", "Idle"],
        ...host.CPU.map((each) => [each.CPU, percent(each.User), percent(each.System), percent(each.Idle)]),
      ]),
    ],
    [
      "Memory Stats",
      keyValues([
        ["Total", bytes(host.Memory.Total)],
        ["Available", bytes(host.Memory.Available)],
        ["Used", bytes(host.Memory.Used)],
        ["Free", bytes(host.Memory.Free)],
      ]),
    ],
    ...host.DiskStats.map((disk): [string, string] => [
      `Disk Stats of ${disk.Device}`,
      keyValues([
        ["MountPoint", disk.Mountpoint],
        ["Size", bytes(disk.Size)],
        ["Used", bytes(disk.Used)],
        ["Available", bytes(disk.Available)],
        ["Used Percent", percent(disk.UsedPercent)],
        ["Inodes Percent", percent(disk.InodesUsedPercent)],
      ]),
    ]),
  ];
}
