/**
 * The process of a private Consul: detached, so that it outlives us, and known again by its command line, which names its configuration file.
 * The file is named after what stands in it: a process that runs on another one is of an earlier configuration.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Clock } from "#ports";
import { NamedError } from "#std";
import { privateConsulAt } from "./port-holder.ts";

export interface ConsulProcess {
  readonly pid: number;
  /** Clock ticks since boot: with it the pid means one process only. */
  readonly startTicks: string;
  readonly configFile: string;
}

const CONFIG_FILE = /^config-[0-9a-f]{16}\.json$/;
/** USER_HZ is 100 wherever Linux runs. */
const TICK_MS = 10;
const TOLD_BYTES_MAX = 16 * 1024;

/** Its path; nothing changes if it stands there already. `mark` makes it another one too. */
export function writeConfig(directory: string, document: Record<string, unknown>, mark: string): string {
  const text = JSON.stringify(document, null, 2);
  const name = `config-${createHash("sha256").update(text).update(mark).digest("hex").slice(0, 16)}.json`;
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** They hold secrets: none stays longer than it is needed. */
export function removeOtherConfigs(directory: string, keep: string): void {
  for (const name of readdirSync(directory)) if (CONFIG_FILE.test(name) && join(directory, name) !== keep) rmSync(join(directory, name));
}

/** The one that runs on a configuration file of this directory; undefined: none does. */
export function findProcess(directory: string): ConsulProcess | undefined {
  const place = existsSync(directory) ? realpathSync(directory) : directory;
  for (const name of pids()) {
    const words = commandLine(name);
    const flag = words.find((word) => word.startsWith(`-config-file=${place}/config-`));
    if (flag === undefined || words[1] !== "agent") continue;
    const startTicks = ticksOf(Number(name));
    if (startTicks !== undefined) return { pid: Number(name), startTicks, configFile: flag.slice("-config-file=".length) };
  }
  return undefined;
}

/** `lastWords` is a file, emptied first. Rejects with NamedError CONSUL_DID_NOT_START when there is nothing to run. */
export async function spawnDetached(binary: string, configFile: string, lastWords: string, directory: string): Promise<ConsulProcess> {
  const said = openSync(lastWords, "w", 0o600);
  try {
    // What the agent's surroundings say of some other Consul must not reach this one.
    const child = spawn(binary, ["agent", `-config-file=${configFile}`], {
      cwd: directory,
      env: { PATH: process.env["PATH"], HOME: directory },
      stdio: ["ignore", "ignore", said],
      detached: true,
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once("spawn", () => resolve(child.pid as number));
      child.once("error", (error) => reject(didNotStart(error.message)));
    });
    child.unref();
    return { pid, startTicks: ticksOf(pid) ?? "", configFile };
  } finally {
    closeSync(said);
  }
}

export function isRunning({ pid, startTicks }: ConsulProcess): boolean {
  return startTicks !== "" && ticksOf(pid) === startTicks;
}

/** Since it was started; 0 when that cannot be told. */
export function ageMs({ startTicks }: ConsulProcess): number {
  try {
    const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000;
    return Math.max(0, uptimeMs - Number(startTicks) * TICK_MS);
  } catch {
    return 0;
  }
}

export function signal(which: ConsulProcess, name: NodeJS.Signals): void {
  if (!isRunning(which)) return;
  try {
    process.kill(which.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** False: it still runs after that time. */
export async function endsWithin(which: ConsulProcess, timeoutMs: number, clock: Clock): Promise<boolean> {
  const untilMs = clock.nowMs() + timeoutMs;
  while (isRunning(which)) {
    if (clock.nowMs() >= untilMs) return false;
    await clock.sleep(20);
  }
  return true;
}

/** Why it went, from the end of what it wrote: for the error of whoever started it. */
export function whyItEnded(lastWords: string, log: string): NamedError {
  const said = `${tail(log)}\n${tail(lastWords)}`;
  const taken =
    /listen (?:tcp|udp)[46]? ([^\s:]*(?:\[[^\]]*\])?:\d+): bind: address already in use/.exec(said) ??
    /Failed to start (?:TCP|UDP) listener on "?([^"\s]+)"? port (\d+)/.exec(said);
  if (taken !== null) {
    const address = taken[2] === undefined ? (taken[1] ?? "") : `${taken[1]}:${taken[2]}`;
    const holder = privateConsulAt(address);
    if (holder !== undefined)
      return new NamedError(
        "CONSUL_PORT_TAKEN",
        `Cannot start a private Consul: ${address} is taken by that of ${holder.directory} (process ${holder.pid})`,
        { fix: `It outlives its server. End it with "kill ${holder.pid}", or start this server with that one's data_dir.` },
      );
    return new NamedError("CONSUL_PORT_TAKEN", `Cannot start a private Consul: ${address} is taken by another program`, {
      fix: "Stop it, or choose another port: ports { serf }; Consul's server port is the one after it.",
    });
  }
  const errors = said.split("\n").filter((line) => /\[ERROR\]|==> |panic|Error/.test(line) && !line.includes("Consul agent running"));
  const why = (errors.at(-1) ?? said.trim().split("\n").at(-1) ?? "").replace(/^.*?\[ERROR\]\s*/, "").slice(0, 400);
  return didNotStart(why === "" ? "it ended without a word" : why);
}

function didNotStart(why: string): NamedError {
  return new NamedError("CONSUL_DID_NOT_START", `Cannot start a private Consul: ${why}`, {
    fix: "What it says stands in server/consul/consul.log of the data directory.",
  });
}

function tail(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      const bytes = Buffer.alloc(Math.min(size, TOLD_BYTES_MAX));
      readSync(file, bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString();
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}

function pids(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Undefined: there is no such process, or it has ended and nobody has asked how. */
function ticksOf(pid: number): string | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name stands in parentheses and may hold anything.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
