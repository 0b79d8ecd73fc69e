/**
 * What tests of real agents may leave on the machine when they fail or are interrupted (processes, mounts, control groups, files), and
 * how it goes. Folders carry the pid of the test that made them: what one that was killed left, the next one that starts removes.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killGroup, removeGroup } from "../../integrations/host/cgroup/group.ts";
import { detectCgroups, treeRoots } from "../../integrations/host/cgroup/hierarchy.ts";
import { ownerLabel } from "../../integrations/host/process/label.ts";

/** A folder for one test, below the machine's temporary directory. */
export function ownFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `drover-${name}-${process.pid}-`));
}

/** Processes of this machine whose environment or command line names the folder. */
export function processesUnder(path: string): { readonly pid: number; readonly command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const entry of readdirNumbers("/proc")) {
    if (entry === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${entry}/environ`, "utf8");
      const state = readFileSync(`/proc/${entry}/stat`, "utf8").replace(/^.*\) /s, "")[0];
      if (state !== "Z" && (command.includes(path) || environment.includes(path))) found.push({ pid: entry, command });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

export function mountsUnder(path: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((mount) => mount.startsWith(path));
}

/** Control groups that drivers with these state directories made, parents first, in every hierarchy. */
export function groupsOf(stateDirectories: readonly string[]): string[] {
  const below = (group: string): string[] => [
    group,
    ...readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => below(join(group, entry.name))),
  ];
  return treeRoots(detectCgroups())
    .flatMap((root) => stateDirectories.map((each) => join(root, "drover", ownerLabel(each))))
    .filter((group) => existsSync(group))
    .flatMap(below);
}

/** Ends every process of the folder and undoes every mount below it. */
export async function sweepUnder(path: string): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const left = processesUnder(path);
    if (left.length === 0) break;
    for (const each of left) {
      try {
        process.kill(each.pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    }
    await sleep(25);
  }
  for (const mount of mountsUnder(path).toReversed()) spawnSync("umount", ["-l", mount], { stdio: "ignore" });
}

/** Everything of the folder, and the folder. A process that was just killed may hold its group for a moment: waited for. */
export async function removeRemains(path: string): Promise<void> {
  // Where tests of agents, of clients and of single drivers keep what their drivers know.
  const states = ["data/client/raw_exec", "data/client/exec", "client", "state"].map((each) => join(path, each));
  await sweepUnder(path);
  // What runs in a chroot names the folder nowhere.
  for (const group of groupsOf(states)) await killGroup(group);
  await sweepUnder(path);
  for (const group of groupsOf(states).toReversed()) await removeGroup(group);
  for (const file of configurationsUnder(path)) rmSync(file, { force: true });
  rmSync(path, { recursive: true, force: true });
}

/** Removes what tests that do not live any more left behind. */
export async function sweepAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^drover-[a-z-]+-(\d+)-\w{6}$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await removeRemains(join(tmpdir(), name));
  }
}

/** What exec keeps in memory while a container is made. */
function configurationsUnder(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink() && entry.name === "config.json")
    .map((entry) => readlinkSync(join(entry.parentPath, entry.name)))
    .filter((target) => basename(target).startsWith(".drover-"));
}

function readdirNumbers(path: string): number[] {
  return readdirSync(path)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
