/** Runs one short command to its end. What is begun is never cut off half-way but for its timeout: a plugin killed in the middle leaves more behind. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";

export interface Ran {
  /** -1 when it could not be started or was killed. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/** Never rejects: a command that is missing gives exitCode -1 and the reason in stderr. */
export function run(command: string, words: readonly string[], options: RunOptions): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, words, {
      stdio: ["pipe", "pipe", "pipe"],
      env: options.environment,
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    // A command that does not read its input closes the pipe: its exit code says what is to be said.
    child.stdin.on("error", () => {});
    child.on("error", (error) => {
      resolve({ exitCode: -1, stdout, stderr: error.message });
    });
    child.on("close", (code, signal) => {
      resolve({ exitCode: code ?? -1, stdout, stderr: signal === null ? stderr : `${stderr}killed by ${signal}` });
    });
    child.stdin.end(options.input ?? "");
  });
}

/** The first of the folders that has it. */
export function findProgram(name: string, folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      continue;
    }
  }
  return undefined;
}
