/** A directory, two pipes and a way to see what a driver of the host left on the machine. Names start with the owner's label, so tests of others are not seen. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, readdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import type { Driver } from "#ports";
import { hostDisk } from "#integrations/host";
import { ownFolder, removeRemains } from "../live/remains.ts";
import type { DriverWorld } from "./driver.ts";

export interface HostWorld extends DriverWorld {
  readonly directory: string;
  readonly stateDirectory: string;
  /** What the tasks printed since the last look. */
  printed(): string;
}

export async function hostWorld(isolation: "none" | "chroot", open: (stateDirectory: string) => Driver): Promise<HostWorld> {
  const directory = ownFolder("driver");
  const stateDirectory = path.join(directory, "state");
  const disk = hostDisk();
  const root = path.join(directory, "allocs", "11111111-2222-3333-4444-555555555555");
  const shared = await disk.makeAllocation(root);
  const task = await disk.makeTask(root, { task: "web", isolation, user: "", secretsMB: 1 });
  const stdoutPath = path.join(directory, "out");
  const stderrPath = path.join(directory, "err");
  execFileSync("mkfifo", ["-m", "666", stdoutPath, stderrPath]);
  const pipes = [stdoutPath, stderrPath].map((file) => openSync(file, constants.O_RDWR | constants.O_NONBLOCK));
  return {
    directory,
    stateDirectory,
    place: { ...shared, ...task, stdoutPath, stderrPath },
    open: () => open(stateDirectory),
    printed: () => pipes.map(drain).join(""),
    async settled() {
      for (let text = ""; !text.includes("ready"); text += pipes.map(drain).join("")) await sleep(5);
    },
    left: async () => [...processesNaming(stateDirectory), ...groupsOf(stateDirectory), ...filesOf(stateDirectory)],
    async remove() {
      for (const fd of pipes) closeSync(fd);
      await disk.removeAllocation(root);
      await removeRemains(directory);
    },
  };
}

/** Processes whose command line holds the text; zombies have none. */
export function processesNaming(text: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const words = readText(`/proc/${pid}/cmdline`).split("\0").join(" ");
      return words.includes(text) ? [`process ${pid}: ${words.slice(-200)}`] : [];
    });
}

export function groupsOf(stateDirectory: string): string[] {
  const owner = createHash("sha256").update(path.resolve(stateDirectory)).digest("hex").slice(0, 8);
  return ["", ...(existsSync("/sys/fs/cgroup") ? readdirSync("/sys/fs/cgroup") : [])]
    .map((tree) => path.join("/sys/fs/cgroup", tree, "drover", owner))
    .filter((group) => existsSync(group))
    .map((group) => `cgroup ${group}`);
}

function filesOf(stateDirectory: string): string[] {
  if (!existsSync(stateDirectory)) return [];
  return readdirSync(stateDirectory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() || path.basename(entry.parentPath) === "tasks" || path.basename(entry.parentPath) === "runc")
    .map((entry) => `file ${path.join(entry.parentPath, entry.name)}`);
}

function drain(fd: number): string {
  const data = Buffer.alloc(1024 * 1024);
  try {
    return data.subarray(0, readSync(fd, data)).toString();
  } catch {
    return "";
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
