/**
 * How long a connection may keep us waiting, whatever it came by: for a request's head, for the rest of its body, and for its end to take the answer.
 *
 *   head    20 s, from the first byte (from the connection, for the first)
 *   body    a minute, and beyond that 4 KB for each second ── 408
 *   answer  the same, from where all of it is said ────────── the connection is closed
 *
 * Requests that wait (blocking queries) and streams last as long as they like: only what moves too slowly ends. A stream's own rule is in
 * reply/perform.ts.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";

export interface Patience {
  readonly headMs: number;
  /** Before anything must have moved. */
  readonly graceMs: number;
  readonly bytesPerSecond: number;
  /** How late it is noticed that it is over, at most. */
  readonly checkedEveryMs: number;
}

export const PATIENCE: Patience = { headMs: 20_000, graceMs: 60_000, bytesPerSecond: 4096, checkedEveryMs: 5_000 };

const SLOW_BODY = "Cannot read request body: it comes too slowly, wanted are at least 4 KB a second\n";

/** For http.createServer. */
export function headLimits({ headMs, checkedEveryMs }: Patience) {
  return { headersTimeout: headMs, requestTimeout: 0, connectionsCheckingInterval: checkedEveryMs };
}

/** Node looks after the heads of servers that listen; this one is handed its connections. It must be closed at the end. */
export function limitHeadsOfHanded<S extends Server>(server: S): S {
  server.emit("listening");
  return server;
}

/** So long may so many bytes take. */
export function patienceMs({ graceMs, bytesPerSecond }: Patience, bytes: number): number {
  return graceMs + (bytes / bytesPerSecond) * 1000;
}

/** To be called when the head is here. */
export function limitExchange(request: IncomingMessage, response: ServerResponse, patience: Patience): void {
  if (hasBody(request)) limitBody(request, response, patience);
  let late: NodeJS.Timeout | undefined;
  response.once("prefinish", () => {
    if (response.destroyed) return;
    late = setTimeout(() => response.destroy(), patienceMs(patience, response.writableLength));
    late.unref();
  });
  for (const over of ["finish", "close"]) response.once(over, () => clearTimeout(late));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function limitBody(request: IncomingMessage, response: ServerResponse, patience: Patience): void {
  const { socket } = request;
  // A tunnel's other end is one of ours, which has looked after this at its own door.
  if (typeof socket?.bytesRead !== "number") return;
  const readBefore = socket.bytesRead;
  let waitedMs = 0;
  const timer = setInterval(() => {
    if (request.complete || socket.destroyed) return stop();
    // We do not take more now: that is not their slowness.
    if (request.readableLength >= request.readableHighWaterMark) return;
    waitedMs += patience.checkedEveryMs;
    if (waitedMs <= patienceMs(patience, socket.bytesRead - readBefore)) return;
    stop();
    if (response.headersSent) socket.destroy();
    else
      response
        .writeHead(408, { "content-type": "text/plain; charset=utf-8", connection: "close" })
        .end(SLOW_BODY, () => socket.destroySoon());
  }, patience.checkedEveryMs);
  timer.unref();
  const stop = (): void => clearInterval(timer);
  request.once("close", stop);
  socket.once("close", stop);
  // Its listener goes with it, on a connection that is kept.
  request.once("close", () => socket.off("close", stop));
}
