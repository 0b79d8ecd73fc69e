/**
 * A command beside a raw_exec task: in its cgroups, as its user, in its work directory, with its environment. Its processes are
 * known by a group of their own below the task's (or, without cgroups, by a variable), so they are ended without touching the
 * task, also by an agent that did not start them.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { closeSync, mkdirSync } from "node:fs";
import path from "node:path";
import type { ExecSession, TaskExec } from "#ports";
import { killGroup, removeGroup } from "../cgroup/group.ts";
import { openHiddenText } from "../process/hidden-file.ts";
import { identify, signalProcess } from "../process/identity.ts";
import { environmentHolds, environmentOf, processIds } from "../process/table.ts";
import { handOver, sessionGroupName } from "../session/session-group.ts";
import { startSession } from "../session/session.ts";
import { sessionLaunch } from "./script.ts";

export interface RawSession {
  /** The task's own group in the tree of membership; "" without cgroups. */
  readonly group: string;
  /** cgroup.procs files of its other groups. */
  readonly joined: readonly string[];
  readonly workDirectory: string;
  readonly becomeUser: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly bash: string | undefined;
}

const MARK = "DROVER_EXEC_ID";

export async function rawSession(task: RawSession, exec: TaskExec, living: Set<string>): Promise<ExecSession> {
  const id = randomUUID();
  const name = sessionGroupName(id);
  const own = task.group === "" ? "" : path.join(task.group, name);
  const mark = `${MARK}=${id}`;
  const terminal = exec.tty && task.environment["TERM"] === undefined ? { TERM: "xterm" } : {};
  const launch = sessionLaunch({
    procs: own === "" ? [] : [path.join(own, "cgroup.procs"), ...task.joined],
    workDirectory: task.workDirectory,
    becomeUser: task.becomeUser,
    environment: { ...task.environment, ...terminal, ...(own === "" ? { [MARK]: id } : {}) },
    command: exec.command,
    bash: task.bash,
  });
  living.add(name);
  const input = openHiddenText(launch.environmentScript);
  try {
    if (own !== "") mkdirSync(own);
    return await startSession({
      words: launch.words,
      tty: exec.tty,
      size: exec.size,
      shell: launch.shell,
      environment: launch.environment,
      input,
      killAll: () => (own === "" ? killMarked(mark) : killGroup(own)),
      tidy: async () => {
        living.delete(name);
        if (own !== "") await handOver(own, task.group);
      },
    });
  } catch (error) {
    living.delete(name);
    if (own !== "") await removeGroup(own);
    throw error;
  } finally {
    closeSync(input);
  }
}

/** Without cgroups: the sessions beside a task (known by its own `marks`) that are not `living`. */
export async function endMarkedSessions(marks: readonly string[], living: ReadonlySet<string>): Promise<void> {
  const foreign = (pid: number) => {
    const id = environmentOf(pid).find((each) => each.startsWith(`${MARK}=`));
    return id !== undefined && !living.has(sessionGroupName(id.slice(MARK.length + 1)));
  };
  await killAll(() => processIds().filter((pid) => environmentHolds(pid, marks) && foreign(pid)));
}

async function killMarked(mark: string): Promise<void> {
  await killAll(() => processIds().filter((pid) => environmentHolds(pid, [mark])));
}

/** Until nothing is found twice in a row: a process that was being made while the table was read is in the next one. */
async function killAll(find: () => readonly number[]): Promise<void> {
  for (let empty = 0; empty < 2; await sleep(5)) {
    const found = find();
    empty = found.length === 0 ? empty + 1 : 0;
    for (const pid of found) {
      const identity = identify(pid);
      if (identity !== undefined) signalProcess(identity, "SIGKILL");
    }
  }
}
