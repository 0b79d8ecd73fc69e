/**
 * Runs a task in a chroot of its own with its own processes and hard limits, by runc, under a conmon of its own.
 *
 *   start: intent on disk ─▶ conmon ─▶ runc create (the container waits) ─▶ runc start ─▶ running
 *
 * The agent may die after any arrow: an intent, or a container that waits, never ran anything and is removed by `find`; a
 * running one is found. conmon (2 MB, ours no more once started) writes the exit status; without it the end is still seen.
 */
import path from "node:path";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { DriverInfo } from "#model";
import type { Driver, ExecSession, TaskExec, TaskExit, TaskHandle, TaskId, TaskStart } from "#ports";
import { NamedError } from "#std";
import { detectCgroups, membershipRoot, treeRoots, type Cgroups } from "../cgroup/hierarchy.ts";
import { children, killGroup, removeEmptyGroup, removeGroup } from "../cgroup/group.ts";
import { cgroupReader } from "../cgroup/reader.ts";
import { NOTHING_USED } from "../cgroup/usage.ts";
import { findExecutable } from "../process/executable.ts";
import { awaitExitFile } from "../process/exit-file.ts";
import { bootId, isRunning, signalProcess, type ProcessIdentity } from "../process/identity.ts";
import { idOf, nameOf, ownerLabel } from "../process/label.ts";
import { signalName } from "../process/signals.ts";
import { usageMeter } from "../process/usage-meter.ts";
import { findUser, groupsOf } from "../process/user.ts";
import { endsWithin } from "../process/ending.ts";
import { requireNamespace } from "../process/namespace.ts";
import { execBundle } from "./bundle.ts";
import { DEFAULT_CAPABILITIES, chooseCapabilities } from "./capabilities.ts";
import { chrootEntries, findInside, makeChrootLinks } from "./chroot.ts";
import { execConfigSchema, readExecConfig } from "./config.ts";
import {
  createExecRecord,
  execRecord,
  forgetConfiguration,
  oomWasSeen,
  readExecExit,
  readExecIntent,
  readProcessDescription,
  recordedExecIds,
  removeExecRecord,
  writeConfiguration,
  writeProcessDescription,
} from "./record.ts";
import { endSessionsOfOthers, execSession } from "./session.ts";
import { attendants, conmonOf, containerState, createContainer, deleteContainer, startContainer, type Runtime } from "./runtime.ts";

export interface ExecOptions {
  /** The driver's own directory on a local disk; tasks are found again through it. */
  readonly stateDirectory: string;
  /** For tasks that name none: "private" (default) or "host". */
  readonly pidMode?: string;
  readonly ipcMode?: string;
  /** Root by chroot alone, for machines whose root file system cannot be pivoted away from (a ramdisk). */
  readonly noPivotRoot?: boolean;
  /** Capabilities a task may have; null or absent: the default set. */
  readonly allowedCapabilities?: readonly string[] | null;
  readonly cgroups?: Cgroups;
  /** Where to look for runc and conmon; default: PATH. */
  readonly searchPath?: string;
}

const NAME = "exec";
const SETTLE_TIMEOUT_MS = 30_000;

export function execDriver(options: ExecOptions): Driver {
  const cgroups = options.cgroups ?? detectCgroups();
  const parent = `/drover/${ownerLabel(options.stateDirectory)}`;
  const root = path.join(path.resolve(options.stateDirectory), "exec", "runc");
  const cgroupPathOf = (id: TaskId) => `${parent}/${NAME}-${nameOf(id)}`;
  const membersOf = (id: TaskId) => path.join(membershipRoot(cgroups), cgroupPathOf(id));
  const recordOf = (id: TaskId) => execRecord(options.stateDirectory, id);
  const meter = usageMeter();
  /** Names of the sessions this driver began. */
  const sessions = new Set<string>();
  const tools = (): Runtime => {
    const runc = findExecutable("runc", options.searchPath);
    const conmon = findExecutable("conmon", options.searchPath);
    return { runc: runc ?? "runc", conmon: conmon ?? "conmon", root, noPivotRoot: options.noPivotRoot ?? false };
  };

  async function start(task: TaskStart): Promise<TaskHandle> {
    const problem = missingParts(cgroups, options.searchPath);
    if (problem !== undefined) throw new NamedError("DRIVER_UNHEALTHY", `Cannot start task "${task.task}": ${problem}`);
    const record = recordOf(task.id);
    const configuration = await configurationOf(task, options, cgroups, cgroupPathOf(task.id));
    const startedAt = Date.now() * 1e6;
    if (!createExecRecord(record, { version: 1, id: task.id, bootId: bootId(), startedAt })) {
      throw new NamedError("DRIVER_TASK_EXISTS", `Cannot start task "${task.id}": it was started before, wanted a new id`, {
        statusCode: 409,
      });
    }
    const runtime = tools();
    try {
      mkdirSync(root, { recursive: true, mode: 0o700 });
      writeConfiguration(record, configuration);
      writeProcessDescription(record, configuration.process);
      await createContainer(runtime, record, task.place);
      const state = containerState(runtime, record.name, bootId());
      if (state === undefined)
        throw new NamedError("DRIVER_START_FAILED", `Cannot start task "${task.task}": runc does not know its container`);
      await startContainer(runtime, record);
      forgetConfiguration(record);
      return handleOf(task.id, state.main, startedAt);
    } catch (error) {
      await removeEverything(task.id);
      throw error;
    }
  }

  async function find(id: TaskId): Promise<TaskHandle | undefined> {
    const record = recordOf(id);
    const runtime = tools();
    for (let waitedMs = 0; waitedMs < SETTLE_TIMEOUT_MS; waitedMs += 20) {
      const state = containerState(runtime, record.name, readExecIntent(record)?.bootId ?? bootId());
      if (state !== undefined && !state.waiting) {
        forgetConfiguration(record);
        await endSessionsOfOthers({ runtime, record, cgroups, cgroupPath: cgroupPathOf(id) }, sessions);
        return handleOf(id, state.main, readExecIntent(record)?.startedAt ?? Date.now() * 1e6);
      }
      // Another's `runc create` or `runc start` may still be at work; conmon alone is not.
      const conmon = conmonOf(runtime, record)?.pid;
      const working = attendants(runtime, record.name).some((each) => each.pid !== conmon);
      if (!working) break;
      await sleep(20);
    }
    await removeEverything(id);
    return undefined;
  }

  async function wait(handle: TaskHandle): Promise<TaskExit> {
    const record = recordOf(handle.id);
    const runtime = tools();
    const main = identityOf(handle);
    const end = await awaitExitFile({
      directory: record.exitDirectory,
      read: () => readExecExit(record),
      lost: () => !isRunning(main) && conmonOf(runtime, record) === undefined,
    });
    const killed = oomWasSeen(record) || cgroupReader(cgroups, cgroupPathOf(handle.id)).read().oomKills > 0;
    if (end === undefined) return { exitCode: 0, signal: 0, oomKilled: killed, error: lostReason(main), finishedAt: Date.now() * 1e6 };
    const signal = end.status > 128 && end.status <= 128 + 64 ? end.status - 128 : 0;
    // A child may be killed for memory and the task go on and end well.
    return { exitCode: end.status, signal, oomKilled: killed && end.status !== 0, error: "", finishedAt: end.finishedAt };
  }

  async function exec(handle: TaskHandle, wanted: TaskExec): Promise<ExecSession> {
    const record = recordOf(handle.id);
    const described = readProcessDescription(record);
    if (!isRunning(identityOf(handle)) || described === undefined) {
      throw new NamedError("DRIVER_TASK_NOT_RUNNING", `Cannot run a command in task "${handle.id}": it has ended`, { statusCode: 409 });
    }
    return await execSession(
      { runtime: tools(), record, cgroups, cgroupPath: cgroupPathOf(handle.id), process: described },
      wanted,
      sessions,
    );
  }

  async function removeEverything(id: TaskId): Promise<void> {
    const record = recordOf(id);
    const runtime = tools();
    for (let attempt = 0; attempt < 50; attempt++) {
      await killGroup(membersOf(id));
      const conmon = conmonOf(runtime, record);
      // Left alone it writes the status and ends; then whatever is still at work on this container is ended too.
      if (conmon !== undefined && attempt === 0) await endsWithin(conmon, 1000);
      const busy = attendants(runtime, record.name);
      for (const each of busy) signalProcess(each, "SIGKILL");
      if (existsSync(path.join(root, record.name))) await deleteContainer(runtime, record.name);
      rmSync(path.join(root, record.name), { recursive: true, force: true });
      const removed = await Promise.all(treeRoots(cgroups).map((tree) => removeGroup(path.join(tree, cgroupPathOf(id)))));
      if (busy.length === 0 && removed.every(Boolean)) break;
      await sleep(10);
    }
    removeExecRecord(record);
    meter.forget(id);
    for (const tree of treeRoots(cgroups)) {
      removeEmptyGroup(path.join(tree, parent));
      removeEmptyGroup(path.join(tree, path.dirname(parent)));
    }
  }

  return {
    name: NAME,
    capabilities: { exec: true, isolation: "chroot", defaultKillSignal: "SIGINT", defaultUser: "nobody", joinsNetwork: true },
    exec: (handle, _place, wanted) => exec(handle, wanted),
    configSchema: execConfigSchema,
    fingerprint: () => Promise.resolve(describe(missingParts(cgroups, options.searchPath))),
    start,
    find: (id) => find(id),
    wait: (handle) => wait(handle),
    async stop(handle, _place, how) {
      const main = identityOf(handle);
      const signal = signalName(how.signal);
      if (how.timeoutMs > 0 && signalProcess(main, signal)) await endsWithin(main, how.timeoutMs);
      await killGroup(membersOf(handle.id));
      signalProcess(main, "SIGKILL");
      await endsWithin(main, 2000);
      const conmon = conmonOf(tools(), recordOf(handle.id));
      if (conmon !== undefined) await endsWithin(conmon, 2000);
    },
    signal(handle, signal) {
      if (signalProcess(identityOf(handle), signalName(signal))) return Promise.resolve();
      return Promise.reject(
        new NamedError("DRIVER_TASK_NOT_RUNNING", `Cannot send "${signal}" to task "${handle.id}": it has ended`, { statusCode: 409 }),
      );
    },
    usage(handle) {
      if (!isRunning(identityOf(handle))) return Promise.resolve(NOTHING_USED);
      return Promise.resolve(meter.ofGroup(handle.id, handle.startedAt / 1e6, cgroupReader(cgroups, cgroupPathOf(handle.id)).read()));
    },
    destroy: (handle) => removeEverything(handle.id),
    list() {
      const prefix = `${NAME}-`;
      const grouped = children(path.join(membershipRoot(cgroups), parent))
        .filter((name) => name.startsWith(prefix))
        .map((name) => idOf(name.slice(prefix.length)));
      return Promise.resolve([...new Set([...recordedExecIds(options.stateDirectory), ...containerNames(root).map(idOf), ...grouped])]);
    },
    sweep: (id) => removeEverything(id),
  };
}

/** The first thing that is missing, and how to mend it. */
function missingParts(cgroups: Cgroups, searchPath: string | undefined): string | undefined {
  if (process.platform !== "linux") return "exec needs Linux; use raw_exec or docker here";
  if (process.getuid?.() !== 0) return "the agent does not run as root: run it as root, or use raw_exec or docker";
  if (findExecutable("runc", searchPath) === undefined) return "runc is not on PATH: apt install runc";
  if (findExecutable("conmon", searchPath) === undefined) return "conmon is not on PATH: apt install conmon";
  if (!cgroups.writable) return "cgroups are not writable: mount them read-write (in a container: run it privileged)";
  const controllers =
    cgroups.version === "v2"
      ? readText(path.join(cgroups.unified, "cgroup.controllers")).trim().split(" ")
      : Object.keys(cgroups.controllers);
  const lacking = ["cpu", "memory"].filter((each) => !controllers.includes(each));
  return lacking.length === 0
    ? undefined
    : `cgroup controllers ${lacking.join(" and ")} are not available: enable them in the kernel (cgroup_enable=memory)`;
}

function describe(problem: string | undefined): DriverInfo {
  const UpdateTime = new Date().toISOString();
  if (problem !== undefined) return { Attributes: {}, Detected: false, Healthy: false, HealthDescription: problem, UpdateTime };
  return { Attributes: { "driver.exec": "1" }, Detected: true, Healthy: true, HealthDescription: "Healthy", UpdateTime };
}

/** Decides everything about the container; touches the task's directory only for links. */
async function configurationOf(task: TaskStart, options: ExecOptions, cgroups: Cgroups, cgroupsPath: string) {
  const config = readExecConfig(task.config, { pidMode: options.pidMode ?? "private", ipcMode: options.ipcMode ?? "private" });
  const user = await findUser(task.user === "" ? "nobody" : task.user);
  const capabilities = chooseCapabilities(
    config.capabilitiesAdded,
    config.capabilitiesDropped,
    options.allowedCapabilities ?? DEFAULT_CAPABILITIES,
  );
  const chroot = chrootEntries(task.chroot);
  if (task.network !== undefined) requireNamespace(task.task, task.network);
  makeChrootLinks(task.place.taskDirectory, chroot);
  return execBundle({
    taskDirectory: task.place.taskDirectory,
    sharedDirectory: task.place.sharedDirectory,
    command: findInside(config.command, task.place.taskDirectory, task.environment["PATH"], chroot),
    words: config.words,
    environment: task.environment,
    workDirectory: config.workDirectory,
    user: { uid: user.uid, gid: user.gid, groups: groupsOf(user) },
    capabilities,
    chroot,
    noPivotRoot: options.noPivotRoot ?? false,
    hostPids: config.hostPids,
    hostIpc: config.hostIpc,
    cgroupsPath,
    cgroupVersion: cgroups.version === "v2" ? 2 : 1,
    cpuMHz: task.cpuMHz,
    memoryMB: task.memoryMB,
    memoryMaxMB: task.memoryMaxMB,
    cores: task.cores,
    openFilesMax: openFilesMax(),
    network: task.network,
    mounts: task.mounts ?? [],
  });
}

/** Raising it would need CAP_SYS_RESOURCE. */
function openFilesMax(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readText("/proc/self/limits"))?.[1];
  return hard === undefined ? 1024 : Number(hard);
}

function containerNames(root: string): string[] {
  try {
    return readdirSync(root);
  } catch {
    return [];
  }
}

function handleOf(id: TaskId, main: ProcessIdentity, startedAt: number): TaskHandle {
  return { driver: NAME, id, pid: main.pid, startedAt, data: { version: 1, startTicks: main.startTicks, bootId: main.bootId } };
}

function identityOf(handle: TaskHandle): ProcessIdentity {
  return { pid: handle.pid, startTicks: String(handle.data["startTicks"] ?? ""), bootId: String(handle.data["bootId"] ?? "") };
}

function lostReason(main: ProcessIdentity): string {
  return main.bootId !== bootId()
    ? "exit status unknown: the machine was restarted while the task ran"
    : "exit status unknown: the task's conmon was killed";
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
