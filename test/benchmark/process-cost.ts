/** What processes take of the machine, as the kernel counts it. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProcessCost {
  readonly residentMb: number;
  /** Of one core. */
  readonly cpuPercent: number;
}

/** Of /proc/PID/stat; Linux has said 100 for decades. */
const TICKS_PER_SECOND = 100;

/** All of them together, for so long from now. */
export async function costOf(pids: readonly number[], watchMs: number): Promise<ProcessCost> {
  const ticks = () => pids.reduce((sum, pid) => sum + cpuTicks(pid), 0);
  const before = ticks();
  await sleep(watchMs);
  const used = (ticks() - before) / TICKS_PER_SECOND / (watchMs / 1000);
  return { residentMb: pids.reduce((sum, pid) => sum + residentKb(pid), 0) / 1024, cpuPercent: used * 100 };
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
