/**
 * One request over node:http, and its answer. No fetch and no undici: they cost the CLI tens of milliseconds at start.
 *
 * A time limit covers the wait for the answer's head and, for a whole answer, its body; a stream may last for ever.
 */
import http from "node:http";
import { messageOf, NamedError } from "#std";
import { HEADERS } from "../contract/mod.ts";
import type { Address } from "./address.ts";
import { ApiError, ApiUnreachable } from "./api-error.ts";
import { handshakeFailure, plainToSecure, tlsOptions, type TlsFiles } from "./tls.ts";

export interface Outgoing {
  readonly method: string;
  /** With the query string. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Incoming {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Chunks as they come. Leaving the loop closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Connection {
  /** Resolves when the head is here; rejects with ApiError for a status of 400 or more unless `keepErrors`. */
  open(request: Outgoing, keepErrors?: boolean): Promise<Incoming>;
  /** Drops idle sockets. */
  close(): void;
}

/** An error's text is read up to here. */
const ERROR_TEXT_MAX = 64 * 1024;

/** Thrown inside only. */
const STALE_SOCKET = new Error("stale socket");

export async function createConnection(address: Address, tls: TlsFiles): Promise<Connection> {
  const module = address.secure ? await import("node:https") : http;
  const agent = new module.Agent({ keepAlive: true });
  const target = address.socketPath === undefined ? { host: address.host, port: address.port } : { socketPath: address.socketPath };
  const secure = address.secure ? await tlsOptions(tls) : {};

  async function open(request: Outgoing, keepErrors = false): Promise<Incoming> {
    const response = await headOnce({ ...target, ...secure, agent }, request);
    const incoming: Incoming = { status: response.statusCode ?? 0, headers: response.headers, body: chunks(response, address) };
    if (incoming.status >= 400 && !keepErrors) throw await errorOf(incoming, address);
    return incoming;
  }

  /** An idle socket may have been closed by the agent just now: a read is then asked again, once, on a fresh one. */
  async function headOnce(options: http.RequestOptions, request: Outgoing): Promise<http.IncomingMessage> {
    try {
      return await head(options, request);
    } catch (error) {
      if (error !== STALE_SOCKET) throw error;
      return head({ ...options, agent: false }, request);
    }
  }

  function head(options: http.RequestOptions, request: Outgoing): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      request.signal?.throwIfAborted();
      let timedOut = false;
      const outgoing = module.request({
        ...options,
        method: request.method,
        path: address.basePath + request.target,
        headers: request.headers,
      });
      const timer = setTimeout(() => {
        timedOut = true;
        outgoing.destroy();
      }, request.timeoutMs);
      const abort = () => outgoing.destroy();
      request.signal?.addEventListener("abort", abort, { once: true });
      outgoing.once("response", (response) => {
        clearTimeout(timer);
        response.once("close", () => request.signal?.removeEventListener("abort", abort));
        resolve(response);
      });
      outgoing.on("error", (error) => {
        clearTimeout(timer);
        request.signal?.removeEventListener("abort", abort);
        if (request.signal?.aborted === true) reject(request.signal.reason);
        else if (!timedOut && request.method === "GET" && outgoing.reusedSocket && options.agent !== false) reject(STALE_SOCKET);
        else reject(timedOut ? timeout(address, request) : (handshakeFailure(address, tls, error) ?? unreachable(address, error)));
      });
      outgoing.end(request.body);
    });
  }

  return { open, close: () => agent.destroy() };
}

/** The whole body as text, within the time limit. */
export async function readText(incoming: Incoming, timeoutMs: number, address: Address): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  const iterator = incoming.body[Symbol.asyncIterator]();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new ApiUnreachable(
          "API_TIMEOUT",
          `Cannot read the answer of the agent at "${address.text}": not complete after ${timeoutMs / 1000} s`,
        ),
      );
      void iterator.return?.();
    }, timeoutMs);
  });
  try {
    for (;;) {
      const step = await Promise.race([iterator.next(), limit]);
      if (step.done === true) break;
      parts.push(decoder.decode(step.value, { stream: true }));
    }
  } finally {
    clearTimeout(timer);
  }
  parts.push(decoder.decode());
  return parts.join("");
}

async function* chunks(response: http.IncomingMessage, address: Address): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (error) {
    throw error instanceof NamedError
      ? error
      : new ApiUnreachable("API_CONNECTION_LOST", `Cannot read on from the agent at "${address.text}": the connection broke`, {
          cause: error,
        });
  }
}

async function errorOf(incoming: Incoming, address: Address): Promise<ApiError> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming.body) {
    parts.push(chunk);
    size += chunk.length;
    if (size > ERROR_TEXT_MAX) break;
  }
  const header = (name: string) => {
    const value = incoming.headers[name];
    return typeof value === "string" ? value : undefined;
  };
  const fix = header(HEADERS.errorFix);
  const text = Buffer.concat(parts).toString("utf8").trim();
  return new ApiError(incoming.status, text, {
    code: header(HEADERS.errorCode),
    fix: fix === undefined ? plainToSecure(address, text) : decodeURIComponent(fix),
  });
}

function timeout(address: Address, request: Outgoing): ApiUnreachable {
  return new ApiUnreachable("API_TIMEOUT", `Cannot reach the agent at "${address.text}": no answer within ${request.timeoutMs / 1000} s`);
}

function unreachable(address: Address, error: NodeJS.ErrnoException): ApiUnreachable {
  const why =
    error.code === "ECONNREFUSED"
      ? "connection refused"
      : error.code === "ENOTFOUND"
        ? "no such host"
        : error.code === "ENOENT"
          ? "no such socket"
          : error.code === "ECONNRESET" || error.message === "socket hang up"
            ? "the connection broke"
            : messageOf(error);
  return new ApiUnreachable("API_UNREACHABLE", `Cannot reach the agent at "${address.text}": ${why}`, {
    fix: "Start one with `drover agent -dev`, or point -address or NOMAD_ADDR at one that runs.",
    cause: error,
  });
}
