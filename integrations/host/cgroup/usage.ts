/** Samples → what the API shows. Percentages need two samples; the first is measured since the task began. */
import type { ResourceUsage } from "#model";

export interface UsageSample {
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly cpuNs: number;
  readonly userNs: number;
  readonly systemNs: number;
  readonly throttledPeriods: number;
  readonly throttledNs: number;
  readonly rss: number;
  readonly cache: number;
  readonly swap: number;
  readonly usage: number;
  readonly maxUsage: number;
  readonly kernel: number;
  readonly memoryMeasured: readonly string[];
}

export const NOTHING_USED: ResourceUsage = {
  MemoryStats: { RSS: 0, Cache: 0, Swap: 0, Usage: 0, MaxUsage: 0, KernelUsage: 0, KernelMaxUsage: 0, Measured: [] },
  CpuStats: { SystemMode: 0, UserMode: 0, TotalTicks: 0, ThrottledPeriods: 0, ThrottledTime: 0, Percent: 0, Measured: [] },
  DeviceStats: [],
};

export function resourceUsage(
  before: { readonly atMs: number; readonly cpuNs: number; readonly userNs: number; readonly systemNs: number },
  now: UsageSample,
  coreMHz: number,
): ResourceUsage {
  const elapsedNs = Math.max(1, now.atMs - before.atMs) * 1e6;
  const percent = (used: number) => Math.max(0, (used / elapsedNs) * 100);
  const total = percent(now.cpuNs - before.cpuNs);
  return {
    MemoryStats: {
      RSS: now.rss,
      Cache: now.cache,
      Swap: now.swap,
      Usage: now.usage,
      MaxUsage: now.maxUsage,
      KernelUsage: now.kernel,
      KernelMaxUsage: 0,
      Measured: now.memoryMeasured,
    },
    CpuStats: {
      SystemMode: percent(now.systemNs - before.systemNs),
      UserMode: percent(now.userNs - before.userNs),
      TotalTicks: (total / 100) * coreMHz,
      ThrottledPeriods: now.throttledPeriods,
      ThrottledTime: now.throttledNs,
      Percent: total,
      Measured: ["System Mode", "User Mode", "Percent", "Throttled Periods", "Throttled Time", "Total Ticks"],
    },
    DeviceStats: [],
  };
}
