/** Docker's statistics → what the API shows. Pure but for the memory of the last sample of each container. */
import type { ResourceUsage } from "#model";

interface Stats {
  readonly read?: string;
  readonly cpu_stats?: {
    readonly cpu_usage?: { readonly total_usage?: number; readonly usage_in_usermode?: number; readonly usage_in_kernelmode?: number };
    readonly throttling_data?: { readonly throttled_periods?: number; readonly throttled_time?: number };
  };
  readonly memory_stats?: { readonly usage?: number; readonly max_usage?: number; readonly stats?: Readonly<Record<string, number>> };
}

interface Sample {
  readonly atMs: number;
  readonly totalNs: number;
  readonly userNs: number;
  readonly systemNs: number;
}

export const NOTHING_USED: ResourceUsage = {
  MemoryStats: { RSS: 0, Cache: 0, Swap: 0, Usage: 0, MaxUsage: 0, KernelUsage: 0, KernelMaxUsage: 0, Measured: [] },
  CpuStats: { SystemMode: 0, UserMode: 0, TotalTicks: 0, ThrottledPeriods: 0, ThrottledTime: 0, Percent: 0, Measured: [] },
  DeviceStats: [],
};

export interface UsageMeter {
  measure(id: string, startedAtMs: number, stats: unknown): ResourceUsage;
  forget(id: string): void;
}

export function usageMeter(coreMHz: number): UsageMeter {
  const before = new Map<string, Sample>();
  return {
    measure(id, startedAtMs, raw) {
      const stats = raw as Stats;
      const sample = sampleOf(stats);
      const last = before.get(id) ?? { atMs: Math.min(startedAtMs, sample.atMs - 1), totalNs: 0, userNs: 0, systemNs: 0 };
      before.set(id, sample);
      return usageOf(stats, last, sample, coreMHz);
    },
    forget: (id) => {
      before.delete(id);
    },
  };
}

function sampleOf({ read, cpu_stats: cpu }: Stats): Sample {
  const readMs = Date.parse(read ?? "");
  return {
    atMs: Number.isNaN(readMs) || readMs <= 0 ? Date.now() : readMs,
    totalNs: cpu?.cpu_usage?.total_usage ?? 0,
    userNs: cpu?.cpu_usage?.usage_in_usermode ?? 0,
    systemNs: cpu?.cpu_usage?.usage_in_kernelmode ?? 0,
  };
}

function usageOf(stats: Stats, last: Sample, now: Sample, coreMHz: number): ResourceUsage {
  const elapsedNs = Math.max(1, now.atMs - last.atMs) * 1e6;
  const percent = (used: number) => Math.max(0, (used / elapsedNs) * 100);
  const total = percent(now.totalNs - last.totalNs);
  const memory = stats.memory_stats?.stats ?? {};
  const cache = memory["total_cache"] ?? memory["cache"] ?? memory["file"] ?? 0;
  const throttling = stats.cpu_stats?.throttling_data;
  return {
    MemoryStats: {
      RSS: memory["total_rss"] ?? memory["rss"] ?? memory["anon"] ?? 0,
      Cache: cache,
      Swap: memory["total_swap"] ?? memory["swap"] ?? 0,
      Usage: stats.memory_stats?.usage ?? 0,
      MaxUsage: stats.memory_stats?.max_usage ?? 0,
      KernelUsage: memory["kernel_stack"] ?? 0,
      KernelMaxUsage: 0,
      Measured: ["RSS", "Cache", "Swap", "Usage", "Max Usage"],
    },
    CpuStats: {
      SystemMode: percent(now.systemNs - last.systemNs),
      UserMode: percent(now.userNs - last.userNs),
      TotalTicks: (total / 100) * coreMHz,
      ThrottledPeriods: throttling?.throttled_periods ?? 0,
      ThrottledTime: throttling?.throttled_time ?? 0,
      Percent: total,
      Measured: ["System Mode", "User Mode", "Percent", "Throttled Periods", "Throttled Time", "Total Ticks"],
    },
    DeviceStats: [],
  };
}
