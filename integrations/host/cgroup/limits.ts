/**
 * Limits of a group of processes, on v1 and v2 alike: memory (hard, with what it asked for kept for it), a share of the CPU, cores of
 * its own. Deciding what to write is pure; `applyLimits` writes it. stack.md §6.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { NamedError, messageOf } from "#std";
import { makeGroup } from "./group.ts";
import type { Cgroups } from "./hierarchy.ts";

export interface Limits {
  readonly cpuMHz: number;
  readonly memoryMB: number;
  /** 0: memoryMB is the hard limit; -1: none. */
  readonly memoryMaxMB: number;
  readonly cores: readonly number[];
}

const MB = 1024 * 1024;

/** Hard limit in bytes, undefined for none. */
export function memoryLimit({ memoryMB, memoryMaxMB }: Pick<Limits, "memoryMB" | "memoryMaxMB">): number | undefined {
  const limitMB = memoryMaxMB === 0 ? memoryMB : memoryMaxMB;
  return limitMB > 0 ? limitMB * MB : undefined;
}

/** What of v1's 2 to 262144 shares is in v2's weight of 1 to 10000; as runc and systemd reckon. */
export function cpuWeight(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.trunc(((clamped - 2) * 9999) / 262_142);
}

export interface LimitFile {
  readonly controller: "memory" | "cpu" | "cpuset";
  readonly file: string;
  readonly value: string;
}

export function limitFiles(version: 1 | 2, limits: Limits): LimitFile[] {
  const limit = memoryLimit(limits);
  const reserved = limits.memoryMaxMB === 0 ? undefined : limits.memoryMB * MB;
  const cores: LimitFile[] =
    limits.cores.length === 0 ? [] : [{ controller: "cpuset", file: "cpuset.cpus", value: limits.cores.join(",") }];
  const shares = Math.min(Math.max(limits.cpuMHz, 2), 262_144);
  if (version === 2) {
    return [
      { controller: "memory", file: "memory.max", value: limit === undefined ? "max" : String(limit) },
      ...(reserved === undefined ? [] : [{ controller: "memory" as const, file: "memory.low", value: String(reserved) }]),
      { controller: "cpu", file: "cpu.weight", value: String(cpuWeight(shares)) },
      ...cores,
    ];
  }
  return [
    { controller: "memory", file: "memory.limit_in_bytes", value: limit === undefined ? "-1" : String(limit) },
    ...(reserved === undefined ? [] : [{ controller: "memory" as const, file: "memory.soft_limit_in_bytes", value: String(reserved) }]),
    { controller: "cpu", file: "cpu.shares", value: String(shares) },
    ...cores,
  ];
}

/**
 * Makes the group in every tree its limits need and writes them; the `cgroup.procs` files to join. A controller the machine does
 * not have limits nothing, but cores that were promised must be had.
 */
export function applyLimits(cgroups: Cgroups, group: string, limits: Limits): string[] {
  const version = cgroups.version === "v2" ? 2 : 1;
  const files = limitFiles(version, limits);
  if (version === 2) {
    enableControllers(cgroups.unified, group, [...new Set(files.map((each) => each.controller))]);
    for (const each of files) write(path.join(cgroups.unified, group, each.file), each);
    return [];
  }
  const joined: string[] = [];
  for (const controller of new Set(files.map((each) => each.controller))) {
    const root = cgroups.controllers[controller];
    const wanted = files.filter((each) => each.controller === controller);
    if (root === undefined) {
      if (controller === "cpuset") throw unusable("cpuset", "this machine has no such cgroup controller");
      continue;
    }
    makeGroup(path.join(root, group));
    if (controller === "cpuset") inheritCpuset(root, group);
    for (const each of wanted) write(path.join(root, group, each.file), each);
    joined.push(path.join(root, group, "cgroup.procs"));
  }
  return joined;
}

/** v1: a new cpuset is empty and takes no process; it gets what its parent has, level by level. */
function inheritCpuset(root: string, group: string): void {
  let above = root;
  for (const part of group.split("/").filter((each) => each !== "")) {
    const here = path.join(above, part);
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (read(path.join(here, file)) === "") writeFileSync(path.join(here, file), read(path.join(above, file)));
    }
    above = here;
  }
}

/** v2: a controller works in a group when every level above passes it on. */
function enableControllers(root: string, group: string, controllers: readonly string[]): void {
  let above = root;
  for (const part of group.split("/").filter((each) => each !== "")) {
    for (const controller of controllers) {
      try {
        writeFileSync(path.join(above, "cgroup.subtree_control"), `+${controller}`);
      } catch {
        // Not available here, or not ours to pass on: the limit's own file tells.
      }
    }
    above = path.join(above, part);
    mkdirSync(above, { recursive: true });
  }
}

function write(file: string, { controller, value }: LimitFile): void {
  try {
    writeFileSync(file, value);
  } catch (error) {
    // Without the controller nothing is limited, as without cgroups; cores are a promise.
    if (controller !== "cpuset" && (error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw unusable(controller, messageOf(error));
  }
}

function unusable(controller: string, reason: string): NamedError {
  return new NamedError("CGROUP_UNUSABLE", `Cannot set the task's ${controller} limit: ${reason}`);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
