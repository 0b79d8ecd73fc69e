/**
 * What the node on this agent does. nomad.md §3.5. Counted from what is there now, so figures Nomad counts up (complete, failed,
 * restart) go down when remains are collected; to a rate that is a counter that started again.
 *
 * What machine and tasks use is measured for every scrape, and only where telemetry { publish_node_metrics,
 * publish_allocation_metrics } ask for it.
 */
import type { Allocation, AllocationUsage, Node } from "#model";
import type { HostUsage, NodeServices } from "#ports";
import type { Snapshot } from "#state";
import type { Gauge } from "../../contract/mod.ts";
import type { Context } from "../call.ts";
import { gauge, snake } from "./gauge.ts";
import { parentLabels } from "./server-gauges.ts";

type Labels = Readonly<Record<string, string>>;

/** `snapshot` undefined: this agent runs no server, and knows of the node only what it does itself. */
export async function nodeGauges(snapshot: Snapshot | undefined, context: Context): Promise<readonly Gauge[]> {
  const { localNode, publish = {} } = context;
  if (localNode === null || localNode.id === "") return [];
  const node = snapshot?.node(localNode.id);
  const labels = node === undefined ? { node_id: localNode.id } : nodeLabels(node);
  const allocations = snapshot === undefined ? [] : [...snapshot.allocationsByNode(localNode.id)];
  return [
    gauge("nomad.client.uptime", Math.floor((context.clock.nowMs() - context.agent.startedAtMs) / 1000), labels),
    ...(node === undefined ? [] : [...allocationGauges(allocations, labels), ...roomGauges(node, allocations, labels)]),
    ...(publish.node === true ? hostGauges(await localNode.services.hostUsage(), labels) : []),
    ...(publish.allocations === true ? await usageGauges(allocations, localNode.services, labels) : []),
  ];
}

function nodeLabels(node: Node): Labels {
  return {
    node_id: node.ID,
    datacenter: node.Datacenter,
    node_class: node.NodeClass === "" ? "none" : node.NodeClass,
    node_pool: node.NodePool,
    node_status: node.Status,
    node_scheduling_eligibility: node.SchedulingEligibility,
  };
}

function allocationGauges(allocations: readonly Allocation[], labels: Labels): readonly Gauge[] {
  const count = (...statuses: readonly string[]) => allocations.filter((one) => statuses.includes(one.ClientStatus)).length;
  const states = allocations.flatMap((one) => Object.values(one.TaskStates ?? {}));
  const killed = states.filter((state) => state.Events.some((event) => event.Details["oom_killed"] === "true")).length;
  return [
    gauge("nomad.client.allocations.running", count("running"), labels),
    gauge("nomad.client.allocations.pending", count("pending"), labels),
    gauge("nomad.client.allocations.blocked", allocations.filter((one) => waitsForPrevious(one, allocations)).length, labels),
    // No disk is fetched from another node: nothing can be on its way.
    gauge("nomad.client.allocations.migrating", 0, labels),
    gauge("nomad.client.allocations.terminal", count("complete", "failed", "lost"), labels),
    gauge("nomad.client.allocs.running", count("running"), labels),
    gauge("nomad.client.allocs.complete", count("complete"), labels),
    gauge("nomad.client.allocs.failed", count("failed"), labels),
    gauge(
      "nomad.client.allocs.restart",
      states.reduce((sum, state) => sum + state.Restarts, 0),
      labels,
    ),
    gauge("nomad.client.allocs.oom_killed", killed, labels),
    ...["running", "pending", "dead"].map((state) =>
      gauge(`nomad.client.tasks.${state}`, states.filter((one) => one.State === state).length, labels),
    ),
  ];
}

/** It starts when the one it replaces, here, has ended. */
function waitsForPrevious(of: Allocation, allocations: readonly Allocation[]): boolean {
  if (of.ClientStatus !== "pending" || of.PreviousAllocation === "") return false;
  return allocations.some((one) => one.ID === of.PreviousAllocation && one.ClientStatus === "running");
}

/** MHz and MB that allocations hold, and that are left for others. */
function roomGauges(node: Node, allocations: readonly Allocation[], labels: Labels): readonly Gauge[] {
  const held = { cpu: 0, memory: 0, disk: 0 };
  let maxMemory = 0;
  for (const { ClientStatus, AllocatedResources } of allocations) {
    if (ClientStatus !== "running" && ClientStatus !== "pending") continue;
    held.disk += AllocatedResources?.Shared.DiskMB ?? 0;
    for (const task of Object.values(AllocatedResources?.Tasks ?? {})) {
      held.cpu += task.Cpu.CpuShares;
      held.memory += task.Memory.MemoryMB;
      maxMemory += task.Memory.MemoryMaxMB || task.Memory.MemoryMB;
    }
  }
  const { NodeResources: all, ReservedResources: reserved } = node;
  const total = {
    cpu: all.Cpu.CpuShares - reserved.Cpu.CpuShares,
    memory: all.Memory.MemoryMB - reserved.Memory.MemoryMB,
    disk: all.Disk.DiskMB - reserved.Disk.DiskMB,
  };
  return [
    ...(["cpu", "memory", "disk"] as const).flatMap((kind) => [
      gauge(`nomad.client.allocated.${kind}`, held[kind], labels),
      gauge(`nomad.client.unallocated.${kind}`, total[kind] - held[kind], labels),
    ]),
    gauge("nomad.client.allocated.max_memory", maxMemory, labels),
  ];
}

function hostGauges(host: HostUsage, labels: Labels): readonly Gauge[] {
  return [
    ...Object.entries(host.Memory).map(([name, bytes]) => gauge(`nomad.client.host.memory.${snake(name)}`, bytes, labels)),
    ...host.CPU.flatMap(({ CPU, User, System, Idle, TotalPercent, TotalTicks }) => {
      const own = { ...labels, cpu: CPU };
      return [
        gauge("nomad.client.host.cpu.user", User, own),
        gauge("nomad.client.host.cpu.system", System, own),
        gauge("nomad.client.host.cpu.idle", Idle, own),
        // One figure, two names: dashboards ask for either.
        gauge("nomad.client.host.cpu.total", TotalPercent, own),
        gauge("nomad.client.host.cpu.total_percent", TotalPercent, own),
        gauge("nomad.client.host.cpu.total_ticks", TotalTicks, own),
      ];
    }),
    ...host.DiskStats.flatMap((disk) => {
      const own = { ...labels, disk: disk.Device };
      return [
        gauge("nomad.client.host.disk.size", disk.Size, own),
        gauge("nomad.client.host.disk.used", disk.Used, own),
        gauge("nomad.client.host.disk.available", disk.Available, own),
        gauge("nomad.client.host.disk.used_percent", disk.UsedPercent, own),
        gauge("nomad.client.host.disk.inodes_percent", disk.InodesUsedPercent, own),
      ];
    }),
  ];
}

async function usageGauges(allocations: readonly Allocation[], services: NodeServices, labels: Labels): Promise<readonly Gauge[]> {
  const running = allocations.filter((one) => one.ClientStatus === "running");
  const measured = await Promise.all(
    running.map(async (one) => {
      // It may have ended since the state heard of it.
      const usage = await services.allocationUsage(one.ID).catch(() => undefined);
      return usage === undefined ? [] : taskGauges(one, usage, labels);
    }),
  );
  return measured.flat();
}

function taskGauges(of: Allocation, usage: AllocationUsage, labels: Labels): readonly Gauge[] {
  const parent = of.Job === undefined || of.Job === null ? {} : parentLabels(of.Job);
  return Object.entries(usage.Tasks).flatMap(([task, { ResourceUsage: used }]) => {
    const own = { ...labels, job: of.JobID, task_group: of.TaskGroup, alloc_id: of.ID, task, namespace: of.Namespace, ...parent };
    const figures = (family: string, values: object) =>
      Object.entries(values)
        .filter((entry): entry is [string, number] => typeof entry[1] === "number")
        .map(([name, value]) => gauge(`nomad.client.allocs.${family}.${USAGE_NAMES[name] ?? snake(name)}`, value, own));
    const asked = of.AllocatedResources?.Tasks[task];
    return [
      ...figures("cpu", used.CpuStats),
      ...figures("memory", used.MemoryStats),
      ...(asked === undefined
        ? []
        : [
            gauge("nomad.client.allocs.cpu.allocated", asked.Cpu.CpuShares, own),
            gauge("nomad.client.allocs.memory.allocated", asked.Memory.MemoryMB * 1024 * 1024, own),
          ]),
    ];
  });
}

/** Where a metric is not called as its field is. */
const USAGE_NAMES: Readonly<Record<string, string>> = {
  Percent: "total_percent",
  SystemMode: "system",
  UserMode: "user",
  RSS: "rss",
};
