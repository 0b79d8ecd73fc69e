/** What an allocation uses: each of its tasks, and their sum. The drivers measure; a task that does not run is left out. */
import type { AllocationUsage, CpuUsage, MemoryUsage, ResourceUsage, TaskUsage } from "#model";
import type { Clock } from "#ports";
import type { AllocationRunner } from "../allocation/runner.ts";

/** `only`: one task, "" for all. Throws TASK_UNKNOWN. */
export async function allocationUsage(runner: AllocationRunner, only: string, clock: Clock): Promise<AllocationUsage> {
  const names = only === "" ? [...runner.tasks.keys()] : [only];
  const measured = await Promise.all(names.map(async (name) => [name, await runner.task(name).usage()] as const));
  const Timestamp = clock.nowNs();
  const tasks = measured.flatMap(([name, usage]) =>
    usage === undefined ? [] : [[name, { ResourceUsage: usage, Timestamp, Pids: null } satisfies TaskUsage] as const],
  );
  return { ResourceUsage: sumUsage(tasks.map(([, usage]) => usage.ResourceUsage)), Tasks: Object.fromEntries(tasks), Timestamp };
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
