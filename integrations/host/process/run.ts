/** Runs a short command to its end. */
import { spawn } from "node:child_process";

export interface Ran {
  /** -1 when it could not be started or was killed. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never rejects: a command that is missing gives exitCode -1 and the reason in stderr. */
export function run(command: string, words: readonly string[], options: { timeoutMs?: number } = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], timeout: options.timeoutMs ?? 30_000, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error) => {
      resolve({ exitCode: -1, stdout, stderr: error.message });
    });
    child.on("close", (code, signal) => {
      resolve({ exitCode: code ?? -1, stdout, stderr: signal === null ? stderr : `${stderr}killed by ${signal}` });
    });
  });
}
