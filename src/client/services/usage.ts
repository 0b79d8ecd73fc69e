/** What an allocation uses: each of its tasks, and their sum. The drivers measure; a task that does not run is left out. */
import type { AllocatedDevice, AllocationUsage, CpuUsage, MemoryUsage, ResourceUsage, TaskUsage } from "#model";
import type { Clock, DeviceGroupUsage, Devices } from "#ports";
import type { AllocationRunner } from "../allocation/runner.ts";

/** `only`: one task, "" for all. Throws TASK_UNKNOWN. */
export async function allocationUsage(
  runner: AllocationRunner,
  only: string,
  clock: Clock,
  devices: readonly Devices[] = [],
): Promise<AllocationUsage> {
  const names = only === "" ? [...runner.tasks.keys()] : [only];
  const measured = await Promise.all(names.map(async (name) => [name, await runner.task(name).usage()] as const));
  const given = runner.allocation.AllocatedResources.Tasks;
  const holdsDevices = names.some((name) => (given[name]?.Devices.length ?? 0) > 0);
  const groups = holdsDevices ? (await Promise.all(devices.map((each) => each.usage()))).flat() : [];
  const Timestamp = clock.nowNs();
  const tasks = measured.flatMap(([name, usage]) =>
    usage === undefined
      ? []
      : [
          [
            name,
            { ResourceUsage: withDevices(usage, groups, given[name]?.Devices ?? []), Timestamp, Pids: null } satisfies TaskUsage,
          ] as const,
        ],
  );
  return { ResourceUsage: sumUsage(tasks.map(([, usage]) => usage.ResourceUsage)), Tasks: Object.fromEntries(tasks), Timestamp };
}

/** Of the machine's devices those the task holds. */
function withDevices(usage: ResourceUsage, groups: readonly DeviceGroupUsage[], held: readonly AllocatedDevice[]): ResourceUsage {
  const ids = new Set(held.flatMap((each) => each.DeviceIDs));
  if (ids.size === 0) return usage;
  const own = groups
    .map((group) => ({ ...group, InstanceStats: Object.fromEntries(Object.entries(group.InstanceStats).filter(([id]) => ids.has(id))) }))
    .filter((group) => Object.keys(group.InstanceStats).length > 0);
  return { ...usage, DeviceStats: [...usage.DeviceStats, ...own] };
}

/** Pure. */
export function sumUsage(usages: readonly ResourceUsage[]): ResourceUsage {
  return {
    MemoryStats: {
      ...sum<MemoryUsage>(
        usages.map((each) => each.MemoryStats),
        ["RSS", "Cache", "Swap", "Usage", "MaxUsage", "KernelUsage", "KernelMaxUsage"],
      ),
      Measured: union(usages.map((each) => each.MemoryStats.Measured)),
    },
    CpuStats: {
      ...sum<CpuUsage>(
        usages.map((each) => each.CpuStats),
        ["SystemMode", "UserMode", "TotalTicks", "ThrottledPeriods", "ThrottledTime", "Percent"],
      ),
      Measured: union(usages.map((each) => each.CpuStats.Measured)),
    },
    DeviceStats: usages.flatMap((each) => each.DeviceStats),
  };
}

function sum<T extends object>(of: readonly T[], keys: readonly (keyof T)[]): T {
  return Object.fromEntries(keys.map((key) => [key, of.reduce((total, each) => total + Number(each[key]), 0)])) as T;
}

function union(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}
