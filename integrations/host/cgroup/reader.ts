/**
 * What a group of processes uses, read from v1 or v2 files alike. Numbers a kernel does not offer are left undefined.
 * Sources: stack.md §6.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Cgroups } from "./hierarchy.ts";

export interface CgroupSample {
  /** Nanoseconds since the group was made. */
  readonly cpuNs: number | undefined;
  readonly userNs: number | undefined;
  readonly systemNs: number | undefined;
  readonly throttledPeriods: number;
  readonly throttledNs: number;
  /** Bytes. */
  readonly memoryUsage: number | undefined;
  readonly memoryMax: number;
  readonly rss: number;
  readonly cache: number;
  readonly swap: number;
  readonly kernel: number;
  /** Usage without what the kernel would give up at once. */
  readonly workingSet: number;
  /** Processes the kernel killed for lack of memory in this group. */
  readonly oomKills: number;
}

export interface CgroupReader {
  read(): CgroupSample;
}

/** `group` is the path below every tree's root, as "/drover/1234/exec-x". */
export function cgroupReader(cgroups: Cgroups, group: string): CgroupReader {
  return cgroups.version === "v2" ? { read: () => readV2(path.join(cgroups.unified, group)) } : { read: () => readV1(cgroups, group) };
}

function readV2(directory: string): CgroupSample {
  const cpu = readKeyed(path.join(directory, "cpu.stat"));
  const memory = readKeyed(path.join(directory, "memory.stat"));
  const usage = readNumber(path.join(directory, "memory.current"));
  return {
    ...unifiedCpu(cpu),
    throttledPeriods: cpu.get("nr_throttled") ?? 0,
    throttledNs: (cpu.get("throttled_usec") ?? 0) * 1000,
    memoryUsage: usage,
    memoryMax: readNumber(path.join(directory, "memory.peak")) ?? 0,
    rss: memory.get("anon") ?? 0,
    cache: memory.get("file") ?? 0,
    swap: readNumber(path.join(directory, "memory.swap.current")) ?? 0,
    kernel: memory.get("kernel") ?? 0,
    workingSet: Math.max(0, (usage ?? 0) - (memory.get("inactive_file") ?? 0)),
    oomKills: readKeyed(path.join(directory, "memory.events")).get("oom_kill") ?? 0,
  };
}

function readV1(cgroups: Cgroups, group: string): CgroupSample {
  const file = (controller: string, name: string) => path.join(cgroups.controllers[controller] ?? "/nonexistent", group, name);
  const total = readNumber(file("cpuacct", "cpuacct.usage"));
  const ticks = readKeyed(file("cpuacct", "cpuacct.stat"));
  const unified = cgroups.unified === "" ? new Map<string, number>() : readKeyed(path.join(cgroups.unified, group, "cpu.stat"));
  const cpu = readKeyed(file("cpu", "cpu.stat"));
  const memory = readKeyed(file("memory", "memory.stat"));
  const usage = readNumber(file("memory", "memory.usage_in_bytes"));
  const tickNs = 10_000_000;
  return {
    ...(total === undefined
      ? unifiedCpu(unified)
      : { cpuNs: total, userNs: (ticks.get("user") ?? 0) * tickNs, systemNs: (ticks.get("system") ?? 0) * tickNs }),
    throttledPeriods: cpu.get("nr_throttled") ?? 0,
    throttledNs: cpu.get("throttled_time") ?? 0,
    memoryUsage: usage,
    memoryMax: readNumber(file("memory", "memory.max_usage_in_bytes")) ?? 0,
    rss: memory.get("total_rss") ?? memory.get("rss") ?? 0,
    cache: memory.get("total_cache") ?? memory.get("cache") ?? 0,
    swap: memory.get("total_swap") ?? memory.get("swap") ?? 0,
    kernel: readNumber(file("memory", "memory.kmem.usage_in_bytes")) ?? 0,
    workingSet: Math.max(0, (usage ?? 0) - (memory.get("total_inactive_file") ?? 0)),
    oomKills: readKeyed(file("memory", "memory.oom_control")).get("oom_kill") ?? 0,
  };
}

function unifiedCpu(cpu: ReadonlyMap<string, number>): Pick<CgroupSample, "cpuNs" | "userNs" | "systemNs"> {
  const nanoseconds = (key: string) => {
    const microseconds = cpu.get(key);
    return microseconds === undefined ? undefined : microseconds * 1000;
  };
  return { cpuNs: nanoseconds("usage_usec"), userNs: nanoseconds("user_usec"), systemNs: nanoseconds("system_usec") };
}

/** Files of lines `key number`. */
function readKeyed(file: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of readText(file).split("\n")) {
    const space = line.lastIndexOf(" ");
    if (space > 0) values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return values;
}

function readNumber(file: string): number | undefined {
  const text = readText(file).trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
