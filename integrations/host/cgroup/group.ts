/**
 * One group of processes: made, read, killed whole, removed. A process cannot leave its group by setsid, nohup or a double
 * fork, so what is killed here is everything of a task.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NamedError, messageOf } from "#std";

export function makeGroup(group: string): void {
  // A neighbour may remove an empty parent between our two mkdirs; then it is made again.
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(group, { recursive: true });
      return;
    } catch (error) {
      if (attempt === 5) {
        throw new NamedError("CGROUP_UNUSABLE", `Cannot make cgroup "${group}": ${messageOf(error)}`, { cause: error });
      }
    }
  }
}

/** Process ids in the group and the groups below it; [] when it does not exist. */
export function groupMembers(group: string): number[] {
  const own = readText(path.join(group, "cgroup.procs"))
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
  return [...own, ...children(group).flatMap((child) => groupMembers(path.join(group, child)))];
}

/** Kills everything in the group; resolves when it is empty. */
export async function killGroup(group: string, timeoutMs = 10_000): Promise<void> {
  const kill = path.join(group, "cgroup.kill");
  for (let waitedMs = 0, pauseMs = 1; existsSync(group); waitedMs += pauseMs, pauseMs = Math.min(pauseMs * 2, 50)) {
    const members = groupMembers(group).filter(isNotZombie);
    if (members.length === 0) return;
    if (existsSync(kill)) writeQuietly(kill, "1");
    else killEach(group, members);
    if (waitedMs > timeoutMs) {
      throw new NamedError("CGROUP_NOT_EMPTY", `Cannot kill cgroup "${group}": processes ${members.join(", ")} remain, wanted none`, {
        fix: "A process in uninterruptible sleep (state D) ends only when its input or output does: look at the disk or network mount it waits for.",
      });
    }
    await sleep(pauseMs);
  }
}

/** Removes the group and those below it; an absent one is fine. True when it is gone. */
export async function removeGroup(group: string): Promise<boolean> {
  // The kernel may take a moment to forget members that are already dead.
  for (let attempt = 0; attempt < 50; attempt++) {
    if (removeTree(group)) return true;
    await sleep(Math.min(2 ** attempt, 20));
  }
  return false;
}

/** Removes a directory level if nothing is in it. */
export function removeEmptyGroup(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // Not empty, or gone already: either is as wanted.
  }
}

export function children(group: string): string[] {
  try {
    return readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** v1 has no cgroup.kill: freeze, so that nothing forks away, kill each, thaw. */
function killEach(group: string, members: readonly number[]): void {
  const freezer = path.join(group, "freezer.state");
  if (existsSync(freezer)) writeQuietly(freezer, "FROZEN");
  for (const pid of members) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone meanwhile.
    }
  }
  if (existsSync(freezer)) writeQuietly(freezer, "THAWED");
}

function removeTree(group: string): boolean {
  for (const child of children(group)) removeTree(path.join(group, child));
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function isNotZombie(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  return stat !== "" && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function writeQuietly(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch {
    // The group went away, or a kernel refuses: the loop looks again.
  }
}
