/** The machine's processes, read from /proc. Processes that end meanwhile are left out. */
import { readFileSync, readdirSync } from "node:fs";
import { processStat, type ProcessStat } from "./identity.ts";

export function processIds(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

export function processTable(): ProcessStat[] {
  return processIds()
    .map(processStat)
    .filter((stat): stat is ProcessStat => stat !== undefined && stat.state !== "Z");
}

/** The words of the command line; [] for kernel threads and processes that are gone. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

/** Does the process' starting environment hold all of these `NAME=value`? */
export function environmentHolds(pid: number, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return false;
  const held = new Set(environmentOf(pid));
  return wanted.every((each) => held.has(each));
}

/** `NAME=value`s the process started with; [] when it is gone or not ours to ask. */
export function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}
