/**
 * The log's worker thread: commits stall for tens of milliseconds now and then, and the event loop of a server must not. Appends that wait
 * together are committed together, with one sync (group commit).
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { messageOf, NamedError } from "#std";
import { SqliteLogFile } from "./sqlite-log-file.ts";
import { type LogReply, type LogRequest, type LogWorkerOptions, OPEN_ID } from "./sqlite-log-protocol.ts";

type Append = Extract<LogRequest, { kind: "append" }>;

const port = parentPort;
if (port === null) throw new Error("the log's worker was not started as one");
const reply = (message: LogReply) => port.postMessage(message);
const fail = (id: number, thrown: unknown) => {
  const known = thrown instanceof NamedError ? thrown : new NamedError("LOG_FAILED", messageOf(thrown));
  reply({ id, kind: "failed", code: known.code, message: known.message, ...(known.fix === undefined ? {} : { fix: known.fix }) });
};

try {
  const file = new SqliteLogFile(workerData as LogWorkerOptions);
  reply({ id: OPEN_ID, kind: "opened", clusterId: file.clusterId, firstIndex: file.firstIndex, lastIndex: file.lastIndex });
  port.on("message", (first: LogRequest) => serve(file, [first, ...waiting()]));
} catch (thrown) {
  fail(OPEN_ID, thrown);
  port.close();
}

/** What arrived while the last commit was under way. */
function* waiting(): Generator<LogRequest> {
  for (let next = receiveMessageOnPort(port as never); next !== undefined; next = receiveMessageOnPort(port as never))
    yield next.message as LogRequest;
}

function serve(file: SqliteLogFile, requests: readonly LogRequest[]): void {
  let appends: Append[] = [];
  for (const request of requests) {
    if (request.kind === "append") {
      appends.push(request);
      continue;
    }
    // Others keep their place in the order.
    append(file, appends);
    appends = [];
    serveOther(file, request);
  }
  append(file, appends);
}

function append(file: SqliteLogFile, appends: readonly Append[]): void {
  if (appends.length === 0) return;
  const results = file.append(appends.map(({ entries }) => entries));
  for (const [at, { id, entries }] of appends.entries()) {
    const result = results[at];
    if (typeof result === "number") reply({ id, kind: "appended", firstIndex: result, lastIndex: result + entries.length - 1 });
    else fail(id, result);
  }
}

function serveOther(file: SqliteLogFile, request: Exclude<LogRequest, Append>): void {
  try {
    if (request.kind === "read") {
      reply({ id: request.id, kind: "entries", entries: file.read(request.from, request.countMax, request.bytesMax) });
      return;
    }
    if (request.kind === "cut") file.cut(request.through);
    else if (request.kind === "reset") file.reset(request.after, request.clusterId);
    else file.close();
    reply({ id: request.id, kind: "done", firstIndex: file.firstIndex, lastIndex: file.lastIndex });
    if (request.kind === "close") port?.close();
  } catch (thrown) {
    fail(request.id, thrown);
  }
}
