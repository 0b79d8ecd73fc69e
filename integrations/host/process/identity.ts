/**
 * Which process a pid means. Pids are used again; a pid with its start time and the boot it belongs to is not (F45, F46).
 */
import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, as /proc writes them; "" where there is no /proc. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** Read once: no process outlives its boot. */
const BOOT_ID = readBootId();

/** What one line of /proc/PID/stat tells. */
export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly group: number;
  readonly startTicks: string;
  /** Clock ticks (1/100 s). */
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly residentPages: number;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** The command name stands in parentheses and may hold anything, so fields are counted from the last ")". */
export function parseProcessStat(line: string): ProcessStat | undefined {
  const close = line.lastIndexOf(")");
  const pid = Number.parseInt(line, 10);
  if (close < 0 || !Number.isInteger(pid)) return undefined;
  const field = line
    .slice(close + 2)
    .trimEnd()
    .split(" ");
  const startTicks = field[19];
  if (startTicks === undefined) return undefined;
  return {
    pid,
    state: field[0] as string,
    parent: Number(field[1]),
    group: Number(field[2]),
    session: Number(field[3]),
    userTicks: Number(field[11]),
    systemTicks: Number(field[12]),
    startTicks,
    residentPages: Number(field[21]),
  };
}

/** Undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

/** A random id that changes with every boot; "" where the system has none. */
export function bootId(): string {
  return BOOT_ID;
}

export function identify(pid: number): ProcessIdentity | undefined {
  const stat = processStat(pid);
  if (stat !== undefined) return { pid, startTicks: stat.startTicks, bootId: bootId() };
  return process.platform !== "linux" && answers(pid) ? { pid, startTicks: "", bootId: "" } : undefined;
}

/** Does exactly this process still run? A zombie does not. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (identity.startTicks === "") return answers(identity.pid);
  const stat = processStat(identity.pid);
  return (
    stat !== undefined &&
    stat.startTicks === identity.startTicks &&
    stat.state !== "Z" &&
    stat.state !== "X" &&
    identity.bootId === bootId()
  );
}

/** Sends the signal if exactly this process still runs; false when it does not. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

function answers(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
