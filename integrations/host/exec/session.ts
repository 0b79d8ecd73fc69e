/**
 * A command beside an exec task, by `runc exec`: in its root, namespaces and cgroups, as its user, with its rights. A group of its
 * own below the task's holds what it starts, so that it can be ended without the task, also by the next agent. The process is
 * described on fd 4 (it holds the environment): `--process /proc/self/fd/4`.
 */
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { ExecSession, TaskExec } from "#ports";
import { killGroup, removeGroup } from "../cgroup/group.ts";
import type { Cgroups } from "../cgroup/hierarchy.ts";
import { openHiddenText } from "../process/hidden-file.ts";
import { isRunning, signalProcess } from "../process/identity.ts";
import { commandLine } from "../process/table.ts";
import { endForeignSessions, handOver, sessionGroupName } from "../session/session-group.ts";
import { startSession } from "../session/session.ts";
import type { ExecRecord } from "./record.ts";
import { attendants, type Runtime } from "./runtime.ts";

/** The task's own process, as the runtime configuration says it, without its environment. */
export type ProcessDescription = Readonly<Record<string, unknown>>;

export interface SessionPlace {
  readonly runtime: Runtime;
  readonly record: ExecRecord;
  readonly cgroups: Cgroups;
  /** Below every tree's root. */
  readonly cgroupPath: string;
  readonly process: ProcessDescription;
}

export async function execSession(place: SessionPlace, exec: TaskExec, living: Set<string>): Promise<ExecSession> {
  const name = sessionGroupName(randomUUID());
  const tree = sessionTree(place.cgroups);
  const task = path.join(tree.root, place.cgroupPath);
  const own = path.join(task, name);
  const environment = exec.tty ? { TERM: "xterm", ...exec.environment } : exec.environment;
  const described = {
    ...place.process,
    terminal: exec.tty,
    ...(exec.size !== undefined && { consoleSize: exec.size }),
    args: exec.command,
    env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
  };
  living.add(name);
  const input = openHiddenText(JSON.stringify(described));
  try {
    mkdirSync(own);
    return await startSession({
      words: [
        place.runtime.runc,
        "--root",
        place.runtime.root,
        "exec",
        "--cgroup",
        `${tree.controller}${name}`,
        "--process",
        "/proc/self/fd/4",
        place.record.name,
      ],
      tty: exec.tty,
      size: exec.size,
      input,
      killAll: async () => {
        // First whoever could still join the group.
        killRunners(place, name);
        await killGroup(own);
      },
      tidy: async () => {
        living.delete(name);
        await handOver(own, task);
      },
    });
  } catch (error) {
    living.delete(name);
    await removeGroup(own);
    throw error;
  } finally {
    closeSync(input);
  }
}

/** Ends the sessions of agents that are gone. `living`: those of this one. */
export async function endSessionsOfOthers(
  place: Pick<SessionPlace, "runtime" | "record" | "cgroups" | "cgroupPath">,
  living: ReadonlySet<string>,
): Promise<void> {
  const task = path.join(sessionTree(place.cgroups).root, place.cgroupPath);
  await endForeignSessions(task, living, (name) => killRunners(place, name));
}

/** v1: runc joins a group below the task's in one tree only, the freezer's. v2 has one tree. */
function sessionTree(cgroups: Cgroups): { readonly root: string; readonly controller: string } {
  if (cgroups.version === "v2") return { root: cgroups.unified, controller: "" };
  const controller = cgroups.controllers["freezer"] === undefined ? "memory" : "freezer";
  return { root: cgroups.controllers[controller] ?? "", controller: `${controller}:` };
}

function killRunners(place: Pick<SessionPlace, "runtime" | "record">, name: string): void {
  for (const each of attendants(place.runtime, place.record.name)) {
    if (commandLine(each.pid).some((word) => word.endsWith(name)) && isRunning(each)) signalProcess(each, "SIGKILL");
  }
}
