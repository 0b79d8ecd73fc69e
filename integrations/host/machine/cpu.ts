/** Cores and their clock, from /proc/cpuinfo and cpufreq. */
import { readFileSync } from "node:fs";
import os from "node:os";

/** MHz of one core: the most it is made for where cpufreq tells, else what it runs at now; 1000 when nothing is known. */
export function coreMHz(): number {
  const khz = Number(readText("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"));
  if (khz > 0) return Math.round(khz / 1000);
  const current = /^cpu MHz\s*:\s*([\d.]+)/m.exec(readText("/proc/cpuinfo"))?.[1];
  const mhz = current === undefined ? (os.cpus()[0]?.speed ?? 0) : Number(current);
  return mhz > 0 ? Math.round(mhz) : 1000;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
