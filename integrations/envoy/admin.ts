/**
 * Asks an Envoy over the unix socket of its bootstrap. A path longer than a socket's may be is reached through its directory, opened: an allocation's
 * directory lies as deep as the operator wants.
 */
import { closeSync, constants, openSync } from "node:fs";
import { request } from "node:http";
import { basename, dirname } from "node:path";
import { messageOf, NamedError } from "#std";

const PATH_BYTES_MAX = 107;
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
  if (Buffer.byteLength(socketPath) <= PATH_BYTES_MAX) return { path: socketPath, close: () => undefined };
  const directory = openSync(dirname(socketPath), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${directory}/${basename(socketPath)}`, close: () => closeSync(directory) };
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
