/**
 * What is known of a raw_exec task on disk: `<stateDirectory>/raw_exec/<name>/`. Written by the agent (intent.json, before
 * anything starts) and by the task's supervisor (see script.ts); read by whichever agent lives now.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { idOf, nameOf } from "../process/label.ts";
import { parseProcessStat, type ProcessIdentity } from "../process/identity.ts";

export interface Intent {
  readonly version: 1;
  readonly id: string;
  readonly bootId: string;
  /** "" without cgroups. */
  readonly cgroup: string;
  /** `NAME=value`s in the task's environment that no other task has; the label where there are no cgroups. */
  readonly marks: readonly string[];
  /** Unix nanoseconds. */
  readonly startedAt: number;
  /** What a command beside the task needs. Absent in what older agents wrote. */
  readonly beside?: {
    /** Groups the task is in, beside `cgroup`: their cgroup.procs files. */
    readonly joined: readonly string[];
    readonly workDirectory: string;
    /** As Launch.becomeUser: the allocation's network is entered with it. */
    readonly becomeUser: readonly string[];
    readonly deniedVariables: readonly string[];
  };
}

export interface TaskRecord {
  readonly directory: string;
  readonly intent: Intent | undefined;
  readonly supervisor: ProcessIdentity | undefined;
  /** The task's main process, once it was about to start. */
  readonly main: ProcessIdentity | undefined;
  readonly failed: string | undefined;
  readonly exit: { readonly status: number; readonly finishedAt: number } | undefined;
}

export function recordDirectory(stateDirectory: string, id: string): string {
  return path.join(stateDirectory, "raw_exec", nameOf(id));
}

/** False when there is one already. */
export function createRecord(directory: string, intent: Intent): boolean {
  mkdirSync(path.dirname(directory), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(path.join(directory, "intent.json"), JSON.stringify(intent), { mode: 0o600 });
  return true;
}

/** After its groups were made: whole or not at all, so the intent that is there stays readable. */
export function rememberGroups(directory: string, intent: Intent, joined: readonly string[]): void {
  if (intent.beside === undefined || joined.length === 0) return;
  const next = path.join(directory, "intent.next");
  writeFileSync(next, JSON.stringify({ ...intent, beside: { ...intent.beside, joined } } satisfies Intent), { mode: 0o600 });
  renameSync(next, path.join(directory, "intent.json"));
}

/** Undefined when there is none. */
export function readRecord(directory: string): TaskRecord | undefined {
  try {
    if (!statSync(directory).isDirectory()) return undefined;
  } catch {
    return undefined;
  }
  const intent = readIntent(directory);
  const bootId = intent?.bootId ?? "";
  return {
    directory,
    intent,
    supervisor: identityIn(path.join(directory, "supervisor"), bootId),
    main: identityIn(path.join(directory, "pid"), bootId),
    failed: readLine(path.join(directory, "failed")),
    exit: readExit(path.join(directory, "exit")),
  };
}

export function removeRecord(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

export function recordedIds(stateDirectory: string): string[] {
  try {
    return readdirSync(path.join(stateDirectory, "raw_exec")).map(idOf);
  } catch {
    return [];
  }
}

function readIntent(directory: string): Intent | undefined {
  try {
    return JSON.parse(readFileSync(path.join(directory, "intent.json"), "utf8")) as Intent;
  } catch {
    // Killed between making the directory and writing it: nothing was started.
    return undefined;
  }
}

function readExit(file: string): TaskRecord["exit"] {
  const line = readLine(file);
  if (line === undefined || !/^\d+$/.test(line)) return undefined;
  return { status: Number(line), finishedAt: Number(statSync(file, { bigint: true }).mtimeNs) };
}

function identityIn(file: string, bootId: string): ProcessIdentity | undefined {
  const line = readLine(file);
  if (line === undefined) return undefined;
  const stat = parseProcessStat(line);
  if (stat !== undefined) return { pid: stat.pid, startTicks: stat.startTicks, bootId };
  return /^\d+$/.test(line) ? { pid: Number(line), startTicks: "", bootId } : undefined;
}

/** The first line; undefined when the file is missing or its line is not finished. */
function readLine(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8");
    const end = text.indexOf("\n");
    return end < 0 ? undefined : text.slice(0, end);
  } catch {
    return undefined;
  }
}
