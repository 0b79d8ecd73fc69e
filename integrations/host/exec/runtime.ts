/** runc and conmon, called. runc holds containers in a root directory of ours; conmon waits for one and keeps its status. */
import { spawn } from "node:child_process";
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { NamedError, messageOf } from "#std";
import type { ProcessIdentity } from "../process/identity.ts";
import { identify, isRunning } from "../process/identity.ts";
import { commandLine, processIds } from "../process/table.ts";
import { run } from "../process/run.ts";
import type { ExecRecord } from "./record.ts";

export interface Runtime {
  readonly runc: string;
  readonly conmon: string;
  /** runc's --root: state of our containers only. */
  readonly root: string;
  readonly noPivotRoot: boolean;
}

const CREATE_TIMEOUT_MS = 60_000;

/**
 * Creates the container under a conmon of its own; resolves with its pid. Nothing of the task runs before `startContainer`.
 * The task's output goes to the pipes it is handed, so it depends on neither conmon nor us.
 */
export async function createContainer(
  runtime: Runtime,
  record: ExecRecord,
  pipes: { readonly stdoutPath: string; readonly stderrPath: string },
): Promise<number> {
  const stdout = openPipe(pipes.stdoutPath);
  let stderr = -1;
  try {
    stderr = openPipe(pipes.stderrPath);
    const child = spawn(
      runtime.conmon,
      [
        "--api-version",
        "1",
        "-c",
        record.name,
        "-u",
        record.name,
        "-n",
        record.name,
        "-r",
        runtime.runc,
        "-b",
        record.bundle,
        "-p",
        record.pidFile,
        "-P",
        record.conmonPidFile,
        "--exit-dir",
        record.exitDirectory,
        "--persist-dir",
        record.persistDirectory,
        "--socket-dir-path",
        record.directory,
        "--full-attach",
        "-l",
        "passthrough",
        "--log-level",
        "error",
        ...(runtime.noPivotRoot ? ["--no-pivot"] : []),
        ...["--root", runtime.root, "--log", runtimeLog(record), "--log-format", "json"].flatMap((word) => ["--runtime-arg", word]),
      ],
      {
        detached: true,
        cwd: "/",
        env: { PATH: CLEAN_PATH, _OCI_SYNCPIPE: "3", _OCI_STARTPIPE: "4" },
        stdio: ["ignore", stdout, stderr, "pipe", "pipe"],
      },
    );
    return await createdPid(child, record);
  } finally {
    closeSync(stdout);
    if (stderr >= 0) closeSync(stderr);
  }
}

const CLEAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

async function createdPid(child: ReturnType<typeof spawn>, record: ExecRecord): Promise<number> {
  const answers = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
  const begin = child.stdio[4] as NodeJS.WritableStream & { destroy(): void };
  try {
    return await new Promise<number>((resolve, reject) => {
      let text = "";
      const timer = setTimeout(() => {
        reject(failed("conmon did not answer in time"));
      }, CREATE_TIMEOUT_MS);
      const settle = (outcome: number | Error) => {
        clearTimeout(timer);
        if (typeof outcome === "number") resolve(outcome);
        else reject(outcome);
      };
      child.once("error", (error) => {
        settle(failed(messageOf(error)));
      });
      begin.on("error", () => {});
      answers.on("error", (error: Error) => {
        settle(failed(messageOf(error)));
      });
      answers.on("data", (data: Buffer) => {
        text += data.toString();
        const end = text.indexOf("\n");
        if (end >= 0) settle(readAnswer(text.slice(0, end), record));
      });
      answers.once("end", () => {
        settle(readAnswer(text, record));
      });
      begin.write("\0");
    });
  } finally {
    answers.destroy();
    begin.destroy();
    child.unref();
  }
}

/** `{"data":PID}`; anything else is a failure, whose reason stands in runc's log. */
function readAnswer(line: string, record: ExecRecord): number | Error {
  try {
    const answer = JSON.parse(line) as { data?: number };
    if (answer.data !== undefined && answer.data > 0) return answer.data;
  } catch {
    // conmon ended without a word, or said something new.
  }
  return failed(runtimeReason(readText(runtimeLog(record))));
}

function runtimeLog(record: ExecRecord): string {
  return path.join(record.directory, "runc.log");
}

export async function startContainer(runtime: Runtime, record: ExecRecord): Promise<void> {
  const started = await run(runtime.runc, [
    "--root",
    runtime.root,
    "--log",
    runtimeLog(record),
    "--log-format",
    "json",
    "start",
    record.name,
  ]);
  if (started.exitCode !== 0) throw failed(runtimeReason(readText(runtimeLog(record)) || started.stderr));
}

/** Removes what runc keeps of a container; one it does not know is fine. */
export async function deleteContainer(runtime: Runtime, name: string): Promise<void> {
  await run(runtime.runc, ["--root", runtime.root, "delete", "--force", name]);
}

export interface ContainerState {
  readonly main: ProcessIdentity;
  /** Created, and waits for `start`. */
  readonly waiting: boolean;
}

/** From runc's own state file; undefined when runc knows nothing, or wrote it in another boot. */
export function containerState(runtime: Runtime, name: string, recordedBootId: string): ContainerState | undefined {
  const directory = path.join(runtime.root, name);
  try {
    const state = JSON.parse(readFileSync(path.join(directory, "state.json"), "utf8")) as {
      init_process_pid: number;
      init_process_start: number;
    };
    const main = { pid: state.init_process_pid, startTicks: String(state.init_process_start), bootId: recordedBootId };
    return { main, waiting: existsSync(path.join(directory, "exec.fifo")) };
  } catch {
    return undefined;
  }
}

/** Everything of runc and conmon that works for this container now; conmon itself is among them. */
export function attendants(runtime: Runtime, name: string): ProcessIdentity[] {
  return processIds().flatMap((pid) => {
    const words = commandLine(pid);
    const ours = words.includes(name) && words.includes(runtime.root);
    const identity = ours ? identify(pid) : undefined;
    return identity !== undefined && isRunning(identity) ? [identity] : [];
  });
}

/** conmon, if it lives: from its pid file, checked against its command line. */
export function conmonOf(runtime: Runtime, record: ExecRecord): ProcessIdentity | undefined {
  const pid = Number(readText(record.conmonPidFile));
  if (pid <= 0) return undefined;
  const words = commandLine(pid);
  if (!words.includes(record.name) || !words.includes(runtime.root)) return undefined;
  return identify(pid);
}

/** Opened without following a link: the pipe must be a pipe, or the null device when logs are off. */
function openPipe(file: string): number {
  const fd = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NOCTTY);
  const stats = fstatSync(fd);
  if (stats.isFIFO() || stats.isCharacterDevice()) return fd;
  closeSync(fd);
  throw failed(`"${file}" is no pipe`);
}

/** The last error in runc's log (JSON lines), without what runc wraps around it. */
function runtimeReason(log: string): string {
  const messages = log.split("\n").flatMap((line) => {
    try {
      const entry = JSON.parse(line) as { level?: string; msg?: string };
      return entry.level === "error" && entry.msg !== undefined ? [entry.msg] : [];
    } catch {
      return [];
    }
  });
  const reason = messages.at(-1) ?? (log.trim() === "" ? "the runtime gave no reason" : log.trim());
  return reason.replace(/^runc (create|start) failed: /, "").replace(/^unable to start container process: /, "");
}

function failed(reason: string): NamedError {
  return new NamedError("DRIVER_START_FAILED", `Cannot start the container: ${reason}`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
