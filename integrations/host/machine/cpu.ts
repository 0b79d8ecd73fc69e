/** Cores and their clock, from /proc and /sys; Node's own knowledge elsewhere. */
import { readFileSync, readdirSync } from "node:fs";
import os from "node:os";

export interface CpuFacts {
  readonly model: string;
  /** Ids of the cores we may use. */
  readonly cores: readonly number[];
  /** Of one core. */
  readonly mhz: number;
  /** Cores by NUMA node. */
  readonly numa: ReadonlyMap<number, readonly number[]>;
}

export function cpuFacts(): CpuFacts {
  const allowed = parseCoreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(readText("/proc/self/status"))?.[1] ?? "");
  const cores = allowed.length > 0 ? allowed : os.cpus().map((_, index) => index);
  return {
    model: /^model name\s*:\s*(.+)$/m.exec(readText("/proc/cpuinfo"))?.[1] ?? os.cpus()[0]?.model ?? "",
    cores,
    mhz: coreMHz(),
    numa: numaNodes(cores),
  };
}

/** MHz of one core: the most it is made for where cpufreq tells, else what it runs at now; 1000 when nothing is known. */
export function coreMHz(): number {
  const khz = Number(readText("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"));
  if (khz > 0) return Math.round(khz / 1000);
  const current = /^cpu MHz\s*:\s*([\d.]+)/m.exec(readText("/proc/cpuinfo"))?.[1];
  const mhz = current === undefined ? (os.cpus()[0]?.speed ?? 0) : Number(current);
  return mhz > 0 ? Math.round(mhz) : 1000;
}

/** "0-2,5" → 0, 1, 2, 5 */
export function parseCoreList(text: string): number[] {
  const cores: number[] = [];
  for (const part of text.trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    for (let core = Number(match[1]); core <= Number(match[2] ?? match[1]); core++) cores.push(core);
  }
  return cores;
}

/** The reverse. */
export function formatCoreList(cores: readonly number[]): string {
  const sorted = [...cores].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const core of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && core <= last[1] + 1) last[1] = core;
    else ranges.push([core, core]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

function numaNodes(cores: readonly number[]): Map<number, readonly number[]> {
  const nodes = new Map<number, readonly number[]>();
  try {
    for (const name of readdirSync("/sys/devices/system/node")) {
      const number = /^node(\d+)$/.exec(name)?.[1];
      if (number === undefined) continue;
      nodes.set(
        Number(number),
        parseCoreList(readText(`/sys/devices/system/node/${name}/cpulist`)).filter((core) => cores.includes(core)),
      );
    }
  } catch {
    // No NUMA in this kernel: one node.
  }
  return nodes.size > 0 ? nodes : new Map([[0, cores]]);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
