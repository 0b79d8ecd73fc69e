/** Measures tasks again and again; remembers the last sample of each, for percentages. */
import { readFileSync } from "node:fs";
import type { ResourceUsage } from "#model";
import type { CgroupSample } from "../cgroup/reader.ts";
import { resourceUsage, type UsageSample } from "../cgroup/usage.ts";
import { coreMHz } from "../machine/cpu.ts";
import { processStat } from "./identity.ts";

export interface UsageMeter {
  /** Adds up processes; CPU time comes from the group's cpu.stat where it has one, which counts the ended ones too. */
  ofProcesses(id: string, startedAtMs: number, pids: readonly number[], group: string): ResourceUsage;
  ofGroup(id: string, startedAtMs: number, sample: CgroupSample): ResourceUsage;
  forget(id: string): void;
}

const PAGE_BYTES = 4096;
const TICK_NS = 10_000_000;

export function usageMeter(): UsageMeter {
  const before = new Map<string, UsageSample>();
  const mhz = coreMHz();

  function measured(id: string, startedAtMs: number, sample: UsageSample): ResourceUsage {
    const last = before.get(id) ?? { atMs: Math.min(startedAtMs, sample.atMs - 1), cpuNs: 0, userNs: 0, systemNs: 0 };
    before.set(id, sample);
    return resourceUsage(last, sample, mhz);
  }

  return {
    ofProcesses(id, startedAtMs, pids, group) {
      const stats = pids.map(processStat).filter((stat) => stat !== undefined);
      const userNs = stats.reduce((sum, stat) => sum + stat.userTicks * TICK_NS, 0);
      const systemNs = stats.reduce((sum, stat) => sum + stat.systemTicks * TICK_NS, 0);
      const rss = stats.reduce((sum, stat) => sum + stat.residentPages * PAGE_BYTES, 0);
      const cpu = group === "" ? undefined : readCpuStat(`${group}/cpu.stat`);
      return measured(id, startedAtMs, {
        atMs: Date.now(),
        cpuNs: cpu?.cpuNs ?? userNs + systemNs,
        userNs: cpu?.userNs ?? userNs,
        systemNs: cpu?.systemNs ?? systemNs,
        throttledPeriods: 0,
        throttledNs: 0,
        rss,
        cache: 0,
        swap: 0,
        usage: rss,
        maxUsage: 0,
        kernel: 0,
        memoryMeasured: ["RSS", "Usage"],
      });
    },
    ofGroup(id, startedAtMs, sample) {
      return measured(id, startedAtMs, {
        atMs: Date.now(),
        cpuNs: sample.cpuNs ?? 0,
        userNs: sample.userNs ?? 0,
        systemNs: sample.systemNs ?? 0,
        throttledPeriods: sample.throttledPeriods,
        throttledNs: sample.throttledNs,
        rss: sample.rss,
        cache: sample.cache,
        swap: sample.swap,
        usage: sample.memoryUsage ?? 0,
        maxUsage: sample.memoryMax,
        kernel: sample.kernel,
        memoryMeasured: ["RSS", "Cache", "Swap", "Usage", "Max Usage", "Kernel Usage"],
      });
    },
    forget(id) {
      before.delete(id);
    },
  };
}

function readCpuStat(file: string): { cpuNs: number; userNs: number; systemNs: number } | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const microseconds = (key: string) => Number(new RegExp(`^${key} (\\d+)`, "m").exec(text)?.[1] ?? 0);
  return {
    cpuNs: microseconds("usage_usec") * 1000,
    userNs: microseconds("user_usec") * 1000,
    systemNs: microseconds("system_usec") * 1000,
  };
}
