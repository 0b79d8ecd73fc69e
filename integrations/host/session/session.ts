/** One command beside a task's own process, with its streams. How it gets into the task is in the words of the request. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { ExecSession, TerminalSize } from "#ports";
import { NamedError, messageOf } from "#std";
import { mergedOutput } from "./merged-output.ts";
import { inTerminal, resizeTerminal } from "./terminal.ts";

export interface SessionRequest {
  readonly words: readonly string[];
  readonly tty: boolean;
  readonly size?: TerminalSize | undefined;
  /** The shell a terminal starts, and variables for it that reach the words. */
  readonly shell?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** An open file the words read from fd 4. */
  readonly input: number;
  /** Ends what is left of the session after its first process was killed; called once, before `tidy`. */
  readonly killAll: () => Promise<void>;
  /** After its end, however it came. Never rejects. */
  readonly tidy: () => Promise<void>;
}

const CLEAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Rejects when it cannot be started. */
export async function startSession(request: SessionRequest): Promise<ExecSession> {
  const program = request.tty
    ? inTerminal(request.words, request.size)
    : { command: request.words[0] as string, words: request.words.slice(1) };
  const child = spawn(program.command, program.words, {
    detached: true,
    cwd: "/",
    env: { PATH: CLEAN_PATH, ...request.environment, SHELL: request.shell ?? "/bin/sh" },
    stdio: ["pipe", "pipe", "pipe", "pipe", request.input],
  });
  const stdin = child.stdin as Writable;
  const told = child.stdio[3] as Readable;
  const terminal = request.tty ? firstLine(told) : Promise.resolve("");
  if (!request.tty) told.destroy();
  // Whoever closed its input first is no fault.
  stdin.on("error", () => {});
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new NamedError("DRIVER_EXEC_FAILED", `Cannot run the command: ${messageOf(error)}`)));
  });
  let over = false;
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => {
      over = true;
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  let killing: Promise<void> | undefined;
  const exited = ended.then(async (code) => {
    stdin.destroy();
    await killing;
    // Nobody waits for it: a dead process its parent does not fetch may stay for as long as the task runs.
    void request.tidy();
    return code;
  });
  let resized: Promise<void> = Promise.resolve();
  return {
    output: mergedOutput({ stdout: child.stdout as Readable, stderr: child.stderr as Readable }, ended),
    write: (data) => written(stdin, data),
    end: () => {
      stdin.end();
    },
    resize(height, width) {
      resized = resized.then(async () => {
        const name = await terminal;
        // A terminal that is gone may be another's by now.
        if (!over) await resizeTerminal(name, height, width);
      });
    },
    exited,
    kill() {
      // Who could still start something first: what is looked for afterwards grows no more.
      if (!over) killGroupOf(child.pid as number);
      killing ??= request.killAll().catch(() => {});
    },
  };
}

/** It was started as the leader of its own process group. */
function killGroupOf(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Ended meanwhile.
  }
}

/** Resolves when more may be written, or nothing can be any more. */
function written(stdin: Writable, data: Uint8Array): Promise<void> {
  if (stdin.destroyed || stdin.writableEnded || stdin.write(data)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "close", "error"]) stdin.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) stdin.once(event, done);
  });
}

/** "" when it ends without one. */
function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    stream.on("data", (data: Buffer) => {
      text += data.toString();
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    for (const event of ["end", "error", "close"]) {
      stream.once(event, () => {
        resolve("");
      });
    }
  });
}
