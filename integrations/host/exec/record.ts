/**
 * What is known of an exec task on disk: `<stateDirectory>/exec/tasks/<name>/`.
 *
 * The configuration holds the environment, so it lies in memory: `bundle/config.json` is a link to a file in /dev/shm, made
 * after the link (found again by it) and removed when the container stands.
 */
import {
  constants,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { idOf, nameOf } from "../process/label.ts";

export interface ExecIntent {
  readonly version: 1;
  readonly id: string;
  readonly bootId: string;
  /** Unix nanoseconds. */
  readonly startedAt: number;
}

export interface ExecRecord {
  /** Of the container and its cgroup. */
  readonly name: string;
  readonly directory: string;
  readonly bundle: string;
  readonly pidFile: string;
  readonly conmonPidFile: string;
  readonly exitDirectory: string;
  readonly persistDirectory: string;
}

export function execRecord(stateDirectory: string, id: string): ExecRecord {
  const name = nameOf(id);
  const directory = path.join(path.resolve(stateDirectory), "exec", "tasks", name);
  return {
    name,
    directory,
    bundle: path.join(directory, "bundle"),
    pidFile: path.join(directory, "pid"),
    conmonPidFile: path.join(directory, "conmon.pid"),
    exitDirectory: path.join(directory, "exit"),
    persistDirectory: path.join(directory, "persist"),
  };
}

/** False when there is one already. */
export function createExecRecord(record: ExecRecord, intent: ExecIntent): boolean {
  mkdirSync(path.dirname(record.directory), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(record.directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  for (const directory of [record.bundle, record.exitDirectory, record.persistDirectory]) mkdirSync(directory, { mode: 0o700 });
  writeFileSync(path.join(record.directory, "intent.json"), JSON.stringify(intent), { mode: 0o600 });
  return true;
}

export function writeConfiguration(record: ExecRecord, configuration: unknown): void {
  const memory = existsSync("/dev/shm") ? "/dev/shm" : record.directory;
  const file = path.join(memory, `.drover-${randomUUID()}.json`);
  symlinkSync(file, path.join(record.bundle, "config.json"));
  const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const data = Buffer.from(JSON.stringify(configuration));
    for (let done = 0; done < data.length;) done += writeSync(fd, data, done);
  } finally {
    closeSync(fd);
  }
}

/** For commands beside the task; without what it may hold of secrets, its environment and arguments. */
export function writeProcessDescription(record: ExecRecord, description: Readonly<Record<string, unknown>>): void {
  const { env: _env, args: _args, ...rest } = description;
  writeFileSync(path.join(record.directory, "process.json"), JSON.stringify(rest), { mode: 0o600 });
}

/** Undefined when there is none: an older agent started it, or it is gone. */
export function readProcessDescription(record: ExecRecord): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(path.join(record.directory, "process.json"), "utf8")) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** May be repeated. */
export function forgetConfiguration(record: ExecRecord): void {
  try {
    rmSync(readlinkSync(path.join(record.bundle, "config.json")), { force: true });
  } catch {
    // Not made yet.
  }
}

export function removeExecRecord(record: ExecRecord): void {
  forgetConfiguration(record);
  rmSync(record.directory, { recursive: true, force: true });
}

export function readExecIntent(record: ExecRecord): ExecIntent | undefined {
  try {
    return JSON.parse(readFileSync(path.join(record.directory, "intent.json"), "utf8")) as ExecIntent;
  } catch {
    return undefined;
  }
}

/** The status conmon kept: 0 to 255. It renames the file into place, so it is whole. */
export function readExecExit(record: ExecRecord): { readonly status: number; readonly finishedAt: number } | undefined {
  const file = path.join(record.exitDirectory, record.name);
  try {
    const status = Number(readFileSync(file, "utf8").trim());
    return { status, finishedAt: Number(statSync(file, { bigint: true }).mtimeNs) };
  } catch {
    return undefined;
  }
}

/** Did conmon see the kernel kill for lack of memory? */
export function oomWasSeen(record: ExecRecord): boolean {
  return existsSync(path.join(record.persistDirectory, "oom"));
}

export function recordedExecIds(stateDirectory: string): string[] {
  try {
    return readdirSync(path.join(path.resolve(stateDirectory), "exec", "tasks")).map(idOf);
  } catch {
    return [];
  }
}
