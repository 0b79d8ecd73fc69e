/**
 * /v1/client/fs: an allocation's directory and its logs, through whichever agent is asked. nomad.md §3.4.
 *
 * Followed files come as JSON frames `{"Offset","Data","File","FileEvent"}`, with `{}` every second so that a reader knows the
 * stream lives; `plain=true` gives the bytes alone. Where a path may lead is the node's decision; what cannot lead anywhere good
 * (a NUL, a climb above the root) is refused here already.
 */
import type { AllocationId } from "#model";
import type { FileFrame, FileRead, LogRead } from "#ports";
import { value, type Call, type Context, type Handler, type Result } from "../call.ts";
import { badRequest } from "../refusal.ts";
import { NamedError } from "#std";
import { beating } from "../reply/beating.ts";
import { nodeOfAllocation } from "./node-of.ts";

const HEARTBEAT_MS = 1000;
const FIRST_HEARTBEAT_MS = 200;
const BYTES = "application/octet-stream";

export const listFiles: Handler = async (call, context) => {
  const path = pathOf(call, "/");
  return value(await (await nodeOf(call, context)).listFiles(idOf(call), path), stateIndex(context));
};

export const statFile: Handler = async (call, context) => {
  const path = pathOf(call, "/");
  return value(await (await nodeOf(call, context)).statFile(idOf(call), path), stateIndex(context));
};

export const catFile: Handler = async (call, context) => {
  return plainFile(call, context, { Path: pathOf(call), Origin: "start", Offset: 0, Limit: -1, Follow: false });
};

export const readFileAt: Handler = async (call, context) => {
  if (!call.query.has("offset")) throw badRequest("must provide an offset");
  const offset = call.query.whole("offset", 0);
  // 0 and below: no limit.
  const limit = call.query.whole("limit", -1, Number.MIN_SAFE_INTEGER);
  return plainFile(call, context, { Path: pathOf(call), Origin: "start", Offset: offset, Limit: limit <= 0 ? -1 : limit, Follow: false });
};

export const streamFile: Handler = async (call, context) => {
  const request: FileRead = {
    AllocationId: idOf(call),
    Path: pathOf(call),
    Origin: originOf(call),
    Offset: call.query.whole("offset", 0),
    Limit: -1,
    Follow: call.query.flag("follow", true, true),
  };
  return framed((await nodeOf(call, context)).readFile(request, call.signal), call, context);
};

export const readLogs: Handler = async (call, context) => {
  const task = call.query.text("task");
  if (task === "") throw badRequest("must provide task name");
  const type = call.query.text("type");
  if (type !== "stdout" && type !== "stderr") throw badRequest("must provide log type (stdout/stderr)");
  const request: LogRead = {
    AllocationId: idOf(call),
    Task: task,
    Type: type,
    Origin: originOf(call),
    Offset: call.query.whole("offset", 0),
    Follow: call.query.flag("follow", false, true),
  };
  return framed((await nodeOf(call, context)).readLogs(request, call.signal), call, context);
};

async function plainFile(call: Call, context: Context, how: Omit<FileRead, "AllocationId">): Promise<Result> {
  const node = await nodeOf(call, context);
  return { kind: "stream", contentType: BYTES, chunks: bytesOf(node.readFile({ AllocationId: idOf(call), ...how }, call.signal)) };
}

function framed(frames: AsyncIterable<FileFrame>, call: Call, context: Context): Result {
  const plain = call.query.flag("plain", false, true);
  const how = { firstAfterMs: FIRST_HEARTBEAT_MS, everyMs: HEARTBEAT_MS, clock: context.clock, signal: call.signal };
  return plain
    ? { kind: "stream", contentType: "text/plain; charset=utf-8", chunks: beating(bytesOf(frames), { ...how, beat: new Uint8Array() }) }
    : { kind: "stream", contentType: "application/json", chunks: beating(textsOf(frames), { ...how, beat: "{}" }) };
}

async function* bytesOf(frames: AsyncIterable<FileFrame>): AsyncGenerator<Uint8Array> {
  for await (const frame of frames) if (frame.Data.length > 0) yield frame.Data;
}

async function* textsOf(frames: AsyncIterable<FileFrame>): AsyncGenerator<string> {
  for await (const frame of frames) yield frameText(frame);
}

/** Zero values are left out, as Go's encoder does: a frame without any is a heartbeat. */
export function frameText(frame: FileFrame): string {
  return JSON.stringify({
    ...(frame.Offset === 0 ? {} : { Offset: frame.Offset }),
    ...(frame.Data.length === 0
      ? {}
      : { Data: Buffer.from(frame.Data.buffer, frame.Data.byteOffset, frame.Data.length).toString("base64") }),
    ...(frame.File === "" ? {} : { File: frame.File }),
    ...(frame.FileEvent === "" ? {} : { FileEvent: frame.FileEvent }),
  });
}

function nodeOf(call: Call, context: Context) {
  return nodeOfAllocation(context, idOf(call));
}

function idOf(call: Call): AllocationId {
  return (call.parameters["allocation"] ?? "") as AllocationId;
}

function originOf(call: Call): "start" | "end" {
  const origin = call.query.text("origin") || "start";
  if (origin !== "start" && origin !== "end") throw badRequest("origin must be start or end");
  return origin;
}

function pathOf(call: Call, fallback?: string): string {
  const path = call.query.text("path") || fallback;
  if (path === undefined) throw badRequest("must provide a file name");
  if (path.includes("\u0000")) throw badRequest("Cannot read file: its path holds a NUL byte");
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) {
      throw new NamedError(
        "API_PATH_ESCAPES",
        `Cannot read file ${JSON.stringify(path.slice(0, 200))}: the path escapes the allocation directory`,
        {
          statusCode: 403,
        },
      );
    }
  }
  return path;
}

function stateIndex(context: Context) {
  return context.cluster === null ? {} : { index: context.cluster.state.index };
}
