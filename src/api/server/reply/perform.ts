/** Performs a handler's Result on the socket: headers, gzip, slices, back-pressure. */
import type { ServerResponse } from "node:http";
import { once } from "node:events";
import { promisify } from "node:util";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createGzip, gzip } from "node:zlib";
import type { Meta, Result } from "../call.ts";
import type { ApiOptions } from "../facts.ts";
import { arrayText } from "../listing/slices.ts";
import { PATIENCE, patienceMs } from "../patience.ts";
import { headersOf, type Headers } from "./heads.ts";
import type { KeptTexts } from "./kept-texts.ts";

export interface Answering {
  readonly response: ServerResponse;
  readonly options: ApiOptions;
  readonly kept: KeptTexts;
  readonly gzip: boolean;
  readonly pretty: boolean;
  readonly head: boolean;
  readonly signal: AbortSignal;
}

const JSON_TYPE = "application/json";
/** Below this gzip costs more than it saves. */
const GZIP_BYTES_MIN = 1024;
const GZIP_LEVEL = 1;
/** Pieces of a list that are remembered while it is written: 4 MB. */
const KEPT_PIECES_MAX = 16;
const compress = promisify(gzip);

export async function perform(result: Result, to: Answering): Promise<void> {
  switch (result.kind) {
    case "value":
      return sendText(to.pretty ? JSON.stringify(result.value, null, 4) : JSON.stringify(result.value), JSON_TYPE, result.meta, to);
    case "json":
      return sendText(to.pretty ? JSON.stringify(JSON.parse(result.text), null, 4) : result.text, JSON_TYPE, result.meta, to);
    case "text":
      return sendText(result.text, result.contentType ?? "text/plain; charset=utf-8", result.meta, to);
    case "empty":
      to.response
        .writeHead(result.meta.status ?? 200, {
          ...head(to, result.meta, undefined),
          ...(result.meta.status === 204 ? {} : { "content-length": "0" }),
        })
        .end();
      return;
    case "bytes":
      to.response.writeHead(result.meta.status ?? 200, {
        ...head(to, result.meta, result.contentType),
        ...result.headers,
        "content-length": String(result.bytes.length),
      });
      to.response.end(to.head ? undefined : result.bytes);
      return;
    case "list":
      return sendList(result, to);
    case "stream":
      return sendStream(result, to);
  }
}

function head(to: Answering, meta: Meta, contentType: string | undefined): Headers {
  return headersOf(to.options, meta, contentType);
}

async function sendText(text: string, contentType: string, meta: Meta, to: Answering): Promise<void> {
  await sendBytes(Buffer.from(text, "utf8"), contentType, meta, to);
}

async function sendBytes(plain: Buffer, contentType: string, meta: Meta, to: Answering, ready?: Buffer): Promise<Buffer | undefined> {
  const headers = head(to, meta, contentType);
  const packed = to.gzip && plain.length >= GZIP_BYTES_MIN ? (ready ?? (await compress(plain, { level: GZIP_LEVEL }))) : undefined;
  if (packed !== undefined) headers["content-encoding"] = "gzip";
  const bytes = packed ?? plain;
  headers["content-length"] = String(bytes.length);
  to.response.writeHead(meta.status ?? 200, headers);
  to.response.end(to.head ? undefined : bytes);
  return packed;
}

/** Short lists go out whole; long ones piece by piece, giving way between pieces. */
async function sendList(result: Extract<Result, { kind: "list" }>, to: Answering): Promise<void> {
  const key = result.key !== undefined && !to.pretty ? result.key : undefined;
  const kept = key === undefined ? undefined : to.kept.get(key);
  if (kept !== undefined) {
    const packed = await sendBytes(kept.plain, JSON_TYPE, result.meta, to, kept.gzip);
    if (packed !== undefined) kept.gzip = packed;
    return;
  }
  const text = result.text as (item: unknown) => string;
  const pieces = arrayText(result.items, to.pretty ? (item) => indent(text(item)) : text);
  const first = pieces.next();
  const second = first.done === true ? first : pieces.next();
  if (second.done === true) {
    const whole = Buffer.from(first.value ?? "[]", "utf8");
    if (key !== undefined) to.kept.put(key, whole);
    await sendBytes(whole, JSON_TYPE, result.meta, to);
    return;
  }
  const parts = key === undefined ? undefined : ([] as Buffer[]);
  const complete = await sendPieces(joined([first.value as string, second.value as string], pieces), result.meta, to, parts);
  if (complete && key !== undefined && parts !== undefined && parts.length <= KEPT_PIECES_MAX) to.kept.put(key, Buffer.concat(parts));
}

function* joined(started: readonly string[], rest: Iterable<string>): Generator<string> {
  yield* started;
  yield* rest;
}

async function sendPieces(pieces: Iterable<string>, meta: Meta, to: Answering, keep: Buffer[] | undefined): Promise<boolean> {
  const headers = head(to, meta, JSON_TYPE);
  if (to.gzip) headers["content-encoding"] = "gzip";
  to.response.writeHead(meta.status ?? 200, headers);
  if (to.head) {
    to.response.end();
    return false;
  }
  const sink = to.gzip ? createGzip({ level: GZIP_LEVEL }) : to.response;
  if (sink !== to.response) sink.pipe(to.response);
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, "utf8");
    if (keep !== undefined) keepBytes(keep, bytes);
    if (!sink.write(bytes) && (await drained(sink, to, bytes.length)) !== "drained") return abandon(sink, to);
    await nextTurn();
    if (to.signal.aborted) return abandon(sink, to);
  }
  sink.end();
  return true;
}

/** Emptied for good once it is more than would be kept. */
function keepBytes(keep: Buffer[], bytes: Buffer): void {
  if (keep.length > KEPT_PIECES_MAX) return;
  keep.push(bytes);
  if (keep.length > KEPT_PIECES_MAX) keep.fill(Buffer.alloc(0));
}

function abandon(sink: { destroy(): unknown }, to: Answering): false {
  sink.destroy();
  to.response.destroy();
  return false;
}

/** Waits for room again. `bytes`: that were written; null: for as long as it takes. */
async function drained(
  sink: NodeJS.EventEmitter,
  { signal, options }: Answering,
  bytes: number | null,
): Promise<"drained" | "gone" | "slow"> {
  const over = new AbortController();
  const end = (): void => over.abort();
  const timer = bytes === null ? undefined : options.clock.after(patienceMs(options.patience ?? PATIENCE, bytes), end);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    await once(sink, "drain", { signal: over.signal });
    return "drained";
  } catch {
    return signal.aborted ? "gone" : "slow";
  } finally {
    timer?.cancel();
    signal.removeEventListener("abort", end);
  }
}

/**
 * The head goes out with the first chunk; an error before it is an ordinary error answer, one after it breaks the connection. Who is too slow has
 * as long again to take what is there and why it ends (patience.ts).
 */
async function sendStream(result: Extract<Result, { kind: "stream" }>, to: Answering): Promise<void> {
  const chunks = result.chunks[Symbol.asyncIterator]();
  try {
    let step = await chunks.next();
    to.response.writeHead(200, { ...head(to, {}, result.contentType), "cache-control": "no-cache", "x-content-type-options": "nosniff" });
    to.response.flushHeaders();
    while (step.done !== true && !to.head) {
      if (step.value.length > 0 && !to.response.write(step.value)) {
        const room = await drained(to.response, to, result.tooSlow === undefined ? null : step.value.length);
        if (room === "slow") to.response.write(result.tooSlow?.() ?? "");
        if (room !== "drained") break;
      }
      if (to.signal.aborted) break;
      step = await chunks.next();
    }
    to.response.end();
  } finally {
    await chunks.return?.();
  }
}

function indent(text: string): string {
  return JSON.stringify(JSON.parse(text), null, 4);
}
