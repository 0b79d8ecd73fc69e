/**
 * The thread of the pulse: 200 while the main loop turns, 503 when it was asked to and has not for too long. It never waits for the main loop, and
 * nothing else runs here.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import type { PulseMessage, PulseWorkerOptions } from "./pulse.ts";

/** Before the programs that make a machine busy; what is done here is next to nothing. */
const NICE = -10;

const port = parentPort;
if (port === null) throw new Error("the pulse's worker was not started as one");
const { host, port: wanted, hungMs } = workerData as PulseWorkerOptions;
const say = (message: PulseMessage): void => port.postMessage(message);

try {
  // Of this thread only; not everybody may.
  setPriority(0, NICE);
} catch {
  // As the others, then.
}

/** Since when an answer is waited for; undefined: none is. */
let askedMs: number | undefined;
port.on("message", () => (askedMs = undefined));

function turns(): boolean {
  const nowMs = performance.now();
  if (askedMs !== undefined) return nowMs - askedMs < hungMs;
  askedMs = nowMs;
  say("turn?");
  return true;
}

const server = createServer((request, response) => {
  request.resume();
  const isQuestion = request.method === "GET" || request.method === "HEAD";
  response.writeHead(isQuestion ? (turns() ? 200 : 503) : 405, { "content-length": 0 }).end();
});
server.requestTimeout = 5000;
server.maxConnections = 64;
// Also later on: a connection that cannot be taken (no file descriptor is left) must not end the pulse for good.
server.on("error", (error) => say({ problem: error.message }));
server.listen(wanted, host, () => {
  const { address, family, port: taken } = server.address() as AddressInfo;
  say({ url: `http://${family === "IPv6" ? `[${address}]` : address}:${taken}/` });
});
