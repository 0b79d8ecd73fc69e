/**
 * Runs a task's command on the host as it is: no isolation; limits where cgroups are writable; everything of it killed together.
 *
 * Comes in: TaskStart. Goes out: a process that outlives the agent, its status on disk. How it is started stands in script.ts,
 * what is kept of it in record.ts. The agent's death at any moment leaves one of three things: an intent that started nothing
 * (find removes it), a task that is starting (find waits a moment), a task (find returns it).
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ResourceUsage } from "#model";
import type { Driver, ExecSession, TaskExec, TaskExit, TaskHandle, TaskId, TaskStart } from "#ports";
import { NamedError, messageOf } from "#std";
import { detectCgroups, membershipRoot, treeRoots, type Cgroups } from "../cgroup/hierarchy.ts";
import { cgroupReader } from "../cgroup/reader.ts";
import { children, groupMembers, killGroup, removeEmptyGroup, removeGroup } from "../cgroup/group.ts";
import { NOTHING_USED } from "../cgroup/usage.ts";
import { findExecutable, isExecutable } from "../process/executable.ts";
import { openHiddenText } from "../process/hidden-file.ts";
import { bootId, identify, isRunning, processStat, signalProcess, type ProcessIdentity } from "../process/identity.ts";
import { idOf, nameOf, ownerLabel } from "../process/label.ts";
import { signalName } from "../process/signals.ts";
import { commandLine, environmentHolds, processIds, processTable } from "../process/table.ts";
import { becomeUser, findUser } from "../process/user.ts";
import { usageMeter } from "../process/usage-meter.ts";
import { awaitExitFile } from "../process/exit-file.ts";
import { endsWithin } from "../process/ending.ts";
import { enterNamespace } from "../process/namespace.ts";
import { allowedEnvironment, findCommand, rawExecConfigSchema, readRawExecConfig } from "./config.ts";
import { place as placeInGroups, ownGroup } from "./placement.ts";
import { endForeignSessions } from "../session/session-group.ts";
import { endMarkedSessions, rawSession } from "./session.ts";
import {
  createRecord,
  readRecord,
  recordDirectory,
  recordedIds,
  rememberGroups,
  removeRecord,
  type Intent,
  type TaskRecord,
} from "./record.ts";
import { SUPERVISOR_NAME, spawnRequest, type SpawnRequest } from "./script.ts";

export interface RawExecOptions {
  /** The driver's own directory on a local disk; tasks are found again through it. */
  readonly stateDirectory: string;
  /** Off unless the operator wants it: tasks run unconfined (a dev agent turns it on). */
  readonly enabled: boolean;
  /** Tasks are started without control groups: not limited, and known by their session and their variables. */
  readonly noCgroups?: boolean;
  /** Names (with * as wildcard) of variables no task gets. */
  readonly deniedEnvironment?: readonly string[];
  readonly cgroups?: Cgroups;
}

const NAME = "raw_exec";
const START_TIMEOUT_MS = 15_000;

export function rawExecDriver(options: RawExecOptions): Driver {
  const cgroups = options.cgroups ?? detectCgroups();
  const owner = `/drover/${ownerLabel(options.stateDirectory)}`;
  const parent = cgroups.writable ? path.join(membershipRoot(cgroups), owner) : "";
  const relativeOf = (id: TaskId) => `${owner}/${NAME}-${nameOf(id)}`;
  const directoryOf = (id: TaskId) => recordDirectory(options.stateDirectory, id);
  /** The group it was started in, by whichever agent; "" without. Where the record is lost, the one it would be in. */
  const groupOf = (id: TaskId) =>
    readRecord(directoryOf(id))?.intent?.cgroup ?? (parent === "" ? "" : path.join(membershipRoot(cgroups), relativeOf(id)));
  const meter = usageMeter();
  /** Names of the sessions this driver began. */
  const sessions = new Set<string>();

  /** Everything that runs for the task, whatever it did to its session. */
  function processesOf(id: TaskId): ProcessIdentity[] {
    const group = groupOf(id);
    return identities(group === "" ? unconfinedProcesses(readRecord(directoryOf(id))) : groupMembers(group));
  }

  async function killEverything(id: TaskId): Promise<void> {
    const group = groupOf(id);
    if (group !== "") await killGroup(group);
    for (let attempt = 0; attempt < 200; attempt++) {
      const running = processesOf(id);
      if (running.length === 0) return;
      for (const each of running) signalProcess(each, "SIGKILL");
      await sleep(10);
    }
    throw new NamedError("DRIVER_TASK_UNKILLABLE", `Cannot end task "${id}": processes remain after SIGKILL, wanted none`);
  }

  async function removeEverything(id: TaskId): Promise<void> {
    const directory = directoryOf(id);
    const group = groupOf(id);
    for (let attempt = 0; ; attempt++) {
      const supervisor = supervisorOf(directory);
      await killEverything(id);
      // With nothing left to wait for it writes the status and ends; one that has started nothing yet is killed before it can.
      if (supervisor !== undefined && !(await endsWithin(supervisor, 500))) signalProcess(supervisor, "SIGKILL");
      // From here on a preparer that still lives cannot write its pid, and ends.
      removeRecord(directory);
      if (group === "") break;
      if ((await removeGroup(group)) || attempt === 20) break;
    }
    meter.forget(id);
    if (parent !== "") {
      for (const tree of treeRoots(cgroups)) {
        await removeGroup(path.join(tree, relativeOf(id)));
        removeEmptyGroup(path.join(tree, owner));
        removeEmptyGroup(path.join(tree, path.dirname(owner)));
      }
    }
    removeIfEmpty(path.dirname(directory));
  }

  async function start(task: TaskStart): Promise<TaskHandle> {
    if (!options.enabled)
      throw new NamedError("DRIVER_DISABLED", `Cannot start task "${task.task}": driver "raw_exec" is disabled on this node`, {
        fix: ENABLE,
      });
    const { config, denied, ...launch } = await prepareLaunch(task, options.deniedEnvironment ?? []);
    const directory = directoryOf(task.id);
    const relative = relativeOf(task.id);
    const group = options.noCgroups === true ? "" : ownGroup(cgroups, relative, config);
    const intent: Intent = {
      version: 1,
      id: task.id,
      bootId: bootId(),
      cgroup: group,
      marks: marksOf(task),
      startedAt: Date.now() * 1e6,
      beside: { joined: [], workDirectory: launch.workDirectory, becomeUser: launch.becomeUser, deniedVariables: denied },
    };
    if (!createRecord(directory, intent)) {
      throw new NamedError("DRIVER_TASK_EXISTS", `Cannot start task "${task.id}": it was started before, wanted a new id`, {
        statusCode: 409,
      });
    }
    try {
      const joined = placeInGroups(cgroups, group, relative, task, config);
      rememberGroups(directory, intent, joined);
      await launchSupervisor(
        spawnRequest({
          ...launch,
          id: task.id,
          recordDirectory: directory,
          cgroupProcs: group === "" ? [] : [path.join(group, "cgroup.procs"), ...joined],
        }),
        directory,
      );
      const main = readRecord(directory)?.main;
      if (main === undefined) throw startFailed(task.task, "its supervisor ended before it began");
      return handleOf(task.id, main, intent);
    } catch (error) {
      await removeEverything(task.id);
      throw error;
    }
  }

  async function find(id: TaskId): Promise<TaskHandle | undefined> {
    const directory = directoryOf(id);
    for (let waitedMs = 0; ; waitedMs += 10) {
      const record = readRecord(directory);
      if (record?.main !== undefined && record.intent !== undefined) {
        if (record.intent.cgroup !== "") await endForeignSessions(record.intent.cgroup, sessions);
        else await endMarkedSessions(record.intent.marks, sessions);
        return handleOf(id, record.main, record.intent);
      }
      if (record === undefined) {
        // The record is lost, the task is not: it can still be ended, its status is not to be learned.
        const [first] = groupOf(id) === "" ? [] : identities(groupMembers(groupOf(id)));
        if (first !== undefined) return handleOf(id, first, { startedAt: Date.now() * 1e6 });
      }
      const starting =
        record !== undefined && record.exit === undefined && record.failed === undefined && supervisorOf(directory) !== undefined;
      if (!starting || waitedMs > START_TIMEOUT_MS) break;
      await sleep(10);
    }
    await removeEverything(id);
    return undefined;
  }

  async function wait(handle: TaskHandle): Promise<TaskExit> {
    const directory = directoryOf(handle.id);
    const main = identityOf(handle);
    const end = await awaitExitFile({
      directory,
      read: () => readRecord(directory)?.exit,
      // Supervisor gone, or never to be had: the status is lost, but the end can still be seen.
      lost: () => {
        if (isRunning(main)) return false;
        const supervisor = readRecord(directory)?.supervisor;
        return supervisor === undefined || !isRunning(supervisor);
      },
    });
    if (end === undefined) return { exitCode: 0, signal: 0, oomKilled: false, error: lostReason(main), finishedAt: Date.now() * 1e6 };
    const signal = end.status > 128 && end.status <= 128 + 64 ? end.status - 128 : 0;
    // A child may be killed for memory and the task go on and end well.
    const oomKilled = end.status !== 0 && parent !== "" && cgroupReader(cgroups, relativeOf(handle.id)).read().oomKills > 0;
    return { exitCode: end.status, signal, oomKilled, error: "", finishedAt: end.finishedAt };
  }

  async function exec(handle: TaskHandle, wanted: TaskExec): Promise<ExecSession> {
    const beside = readRecord(directoryOf(handle.id))?.intent?.beside;
    if (!isRunning(identityOf(handle)) || beside === undefined) throw notRunning(handle, "run a command in");
    return await rawSession(
      {
        ...beside,
        group: groupOf(handle.id),
        environment: allowedEnvironment(wanted.environment, beside.deniedVariables),
        bash: bashHere(),
      },
      wanted,
      sessions,
    );
  }

  return {
    name: NAME,
    capabilities: { exec: true, isolation: "none", defaultKillSignal: "SIGINT", defaultUser: "", joinsNetwork: true },
    exec: (handle, _place, wanted) => exec(handle, wanted),
    configSchema: rawExecConfigSchema,
    fingerprint: () => Promise.resolve(describe(options.enabled)),
    start,
    find: (id) => find(id),
    wait: (handle) => wait(handle),
    async stop(handle, _place, how) {
      const main = identityOf(handle);
      const signal = signalName(how.signal);
      if (how.timeoutMs > 0 && signalProcess(main, signal)) await endsWithin(main, how.timeoutMs);
      await killEverything(handle.id);
      // The status is on disk when stop resolves, so that wait does not have to guess.
      const supervisor = readRecord(directoryOf(handle.id))?.supervisor;
      if (supervisor !== undefined) await endsWithin(supervisor, 2000);
    },
    signal(handle, signal) {
      if (!signalProcess(identityOf(handle), signalName(signal))) return Promise.reject(notRunning(handle, `send "${signal}" to`));
      return Promise.resolve();
    },
    usage(handle): Promise<ResourceUsage> {
      const pids = processesOf(handle.id).map((each) => each.pid);
      if (pids.length === 0) return Promise.resolve(NOTHING_USED);
      return Promise.resolve(meter.ofProcesses(handle.id, handle.startedAt / 1e6, pids, groupOf(handle.id)));
    },
    destroy: (handle) => removeEverything(handle.id),
    list() {
      const prefix = `${NAME}-`;
      const labelled =
        parent === ""
          ? []
          : children(parent)
              .filter((name) => name.startsWith(prefix))
              .map((name) => idOf(name.slice(prefix.length)));
      return Promise.resolve([...new Set([...recordedIds(options.stateDirectory), ...labelled])]);
    },
    sweep: (id) => removeEverything(id),
  };
}

const ENABLE = 'Set plugin "raw_exec" { config { enabled = true } } in the agent\'s configuration; tasks then run without any isolation.';

function describe(enabled: boolean) {
  const UpdateTime = new Date().toISOString();
  if (!enabled) return { Attributes: {}, Detected: false, Healthy: false, HealthDescription: `disabled: ${ENABLE}`, UpdateTime };
  return { Attributes: { "driver.raw_exec": "1" }, Detected: true, Healthy: true, HealthDescription: "Healthy", UpdateTime };
}

async function prepareLaunch(task: TaskStart, denied: readonly string[]) {
  if (task.id === "" || task.id.includes("\0")) throw startFailed(task.task, `its id "${task.id}" is not usable`);
  const config = readRawExecConfig(task.config);
  const unwanted = [...denied, ...config.deniedVariables];
  const environment = allowedEnvironment(task.environment, unwanted);
  for (const text of [config.command, ...config.words, ...Object.entries(environment).flat()]) {
    if (text.includes("\0"))
      throw new NamedError("DRIVER_TASK_INVALID", `Cannot start task "${task.task}": its command or environment holds a NUL byte`);
  }
  return {
    config,
    denied: unwanted,
    workDirectory: path.resolve(task.place.taskDirectory, config.workDirectory),
    stdoutPath: task.place.stdoutPath,
    stderrPath: task.place.stderrPath,
    oomScoreAdjust: config.oomScoreAdjust,
    // First the network: who is another user may not enter it any more.
    becomeUser: [...enterNamespace(task.task, task.network), ...(task.user === "" ? [] : becomeUser(await findUser(task.user)))],
    command: findCommand(config.command, task.place.taskDirectory, environment["PATH"]),
    words: config.words,
    environment,
    tools: { setsid: findExecutable("setsid") !== undefined, bash: bashHere() },
  };
}

function bashHere(): string | undefined {
  return ["/bin/bash", "/usr/bin/bash"].find(isExecutable);
}

/** Resolves when the task is about to replace its entrant; rejects with the supervisor's reason. */
async function launchSupervisor(request: SpawnRequest, directory: string): Promise<void> {
  const environment = openHiddenText(request.environmentScript);
  try {
    const child = spawn(request.command, request.words, {
      detached: true,
      env: { ...request.environment },
      cwd: "/",
      stdio: ["ignore", "ignore", "ignore", "pipe", environment],
    });
    const answer = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(startFailed(directory, "its supervisor did not answer in time"));
        }, START_TIMEOUT_MS);
        const failed = () => startFailed(path.basename(directory), readRecord(directory)?.failed ?? "its supervisor ended before it began");
        const settle = (error?: Error) => {
          clearTimeout(timer);
          if (error === undefined) resolve();
          else reject(error);
        };
        child.once("error", (error) => {
          settle(startFailed(path.basename(directory), messageOf(error)));
        });
        answer.once("data", (data: Buffer) => {
          settle(data.toString() === "r" ? undefined : failed());
        });
        answer.once("error", () => {
          settle(failed());
        });
        answer.once("end", () => {
          settle(failed());
        });
      });
    } finally {
      answer.destroy();
      child.unref();
    }
  } finally {
    closeSync(environment);
  }
}

/** The living supervisor: as recorded, else by its command line (it may have been spawned a moment ago). */
function supervisorOf(directory: string): ProcessIdentity | undefined {
  const recorded = readRecord(directory)?.supervisor;
  if (recorded !== undefined) return isRunning(recorded) ? recorded : undefined;
  if (!existsSync(directory)) return undefined;
  for (const pid of processIds()) {
    const words = commandLine(pid);
    const at = words.indexOf(SUPERVISOR_NAME);
    if (at >= 0 && words[at + 2] === directory) return identify(pid);
  }
  return undefined;
}

/** Without cgroups: the task's session and group, their descendants, and whoever carries the task's variables. */
function unconfinedProcesses(record: TaskRecord | undefined): number[] {
  const main = record?.main;
  if (main === undefined || main.bootId !== bootId()) return [];
  const table = processTable();
  const marks = record?.intent?.marks ?? [];
  const found = new Set<number>();
  for (const each of table) {
    const led = each.session === main.pid || each.group === main.pid;
    if (led || environmentHolds(each.pid, marks)) found.add(each.pid);
  }
  for (let grown = true; grown;) {
    grown = false;
    for (const each of table) {
      if (found.has(each.pid) || !found.has(each.parent)) continue;
      found.add(each.pid);
      grown = true;
    }
  }
  // The supervisor waits for the status and ends by itself.
  if (record?.supervisor !== undefined) found.delete(record.supervisor.pid);
  found.delete(process.pid);
  return [...found];
}

function marksOf(task: TaskStart): string[] {
  const names = ["NOMAD_ALLOC_ID", "NOMAD_TASK_NAME"];
  const marks = names.flatMap((name) => (task.environment[name] === undefined ? [] : [`${name}=${task.environment[name]}`]));
  return marks.length === names.length ? marks : [];
}

function handleOf(id: TaskId, main: ProcessIdentity, intent: Pick<Intent, "startedAt">): TaskHandle {
  return {
    driver: NAME,
    id,
    pid: main.pid,
    startedAt: intent.startedAt,
    data: { version: 1, startTicks: main.startTicks, bootId: main.bootId },
  };
}

function identityOf(handle: TaskHandle): ProcessIdentity {
  return { pid: handle.pid, startTicks: String(handle.data["startTicks"] ?? ""), bootId: String(handle.data["bootId"] ?? "") };
}

function identities(pids: readonly number[]): ProcessIdentity[] {
  return pids.map(identify).filter((each): each is ProcessIdentity => each !== undefined && processStat(each.pid)?.state !== "Z");
}

function lostReason(main: ProcessIdentity): string {
  return main.bootId !== bootId()
    ? "exit status unknown: the machine was restarted while the task ran"
    : "exit status unknown: the task's supervisor was killed";
}

function startFailed(task: string, reason: string): NamedError {
  return new NamedError("DRIVER_START_FAILED", `Cannot start task "${task}": ${reason}`);
}

function notRunning(handle: TaskHandle, what: string): NamedError {
  return new NamedError("DRIVER_TASK_NOT_RUNNING", `Cannot ${what} task "${handle.id}": it has ended`, { statusCode: 409 });
}

function removeIfEmpty(directory: string): void {
  try {
    if (statSync(directory).isDirectory()) rmSync(directory, { recursive: false });
  } catch {
    // Others are in it.
  }
}
