/**
 * Asks an Envoy over the unix socket of its bootstrap. That lies where the task may write: it is opened first, no link is followed, and what was opened
 * is what is asked, or a task could have us ask others of the machine's sockets. So a path may be as long as the operator wants, too.
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { request } from "node:http";
import { messageOf, NamedError } from "#std";

/** Linux's O_PATH, which node does not name: a socket can be opened in no other way. */
const O_PATH = 0o10000000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const ANSWER_WAIT_MS = 5_000;

/** The text of a 200 (and of a 503: Envoy answers so while it is not LIVE). Rejects with NamedError PROXY_SILENT. */
export async function askAdmin(socketPath: string, path: string, signal: AbortSignal, method: "GET" | "POST" = "GET"): Promise<string> {
  let reached: ReturnType<typeof reach> | undefined;
  try {
    reached = reach(socketPath);
    return await ask(reached.path, path, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WAIT_MS)]), method);
  } catch (thrown) {
    throw new NamedError("PROXY_SILENT", `Cannot ask the proxy for ${path}: ${reasonOf(thrown)}`, { statusCode: 503 });
  } finally {
    reached?.close();
  }
}

function reach(socketPath: string): { readonly path: string; close(): void } {
  if (process.platform !== "linux") return { path: socketPath, close: () => undefined };
  const socket = openSync(socketPath, O_PATH | constants.O_NOFOLLOW);
  const close = (): void => closeSync(socket);
  if (fstatSync(socket).isSocket()) return { path: `/proc/self/fd/${socket}`, close };
  close();
  throw new Error("what lies at its place is no socket");
}

function ask(socketPath: string, path: string, signal: AbortSignal, method: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({ socketPath, path, method, signal, agent: false, headers: { host: "proxy" } }, (answer) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) asked.destroy(new Error("it answered more than anybody reads"));
      else chunks.push(chunk);
    });
    answer.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      if (answer.statusCode === 200) resolve(text);
      else reject(new Error(`it answered ${answer.statusCode}`));
    });
    answer.on("error", reject);
  });
  asked.on("error", reject);
  asked.end();
  return promise;
}

function reasonOf(thrown: unknown): string {
  const { code, name } = thrown as NodeJS.ErrnoException;
  if (code === "ENOENT") return "its socket is not there yet";
  if (code === "ECONNREFUSED") return "nobody listens on its socket";
  if (code === "ECONNRESET" || code === "EPIPE") return "the connection broke";
  if (name === "AbortError" || name === "TimeoutError") return "it did not answer in time";
  return messageOf(thrown);
}
