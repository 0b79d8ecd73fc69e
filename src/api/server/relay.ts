/**
 * What only servers answer, asked of a node's agent: passed on to the server its node is connected to, and its answer passed back as it comes.
 * Once: an agent that is asked by another does not pass on again.
 */
import { request as ask, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf, NamedError } from "#std";
import type { Context } from "./call.ts";

export interface Relayed {
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer | undefined;
}

const RELAYED = "x-drover-relayed";
/** Of one connection to the next (RFC 9110), and what is said anew. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
]);

/** What browsers say of the page that asks: judged here already, by this agent's name, which is not the server's. */
function isOfPage(header: string): boolean {
  return header === "origin" || header === "referer" || header.startsWith("sec-fetch-");
}

/** Says whether a refusal of this agent is one that a server need not make. */
export function needsServer(error: unknown, context: Context): boolean {
  if (context.server !== null || context.serverHttp === undefined || !(error instanceof NamedError)) return false;
  return error.code === "API_SERVER_ONLY" || error.code === "ALLOCATION_NOT_ON_NODE";
}

/** Resolves when the answer is out. Rejects with NamedError API_NO_LEADER, or API_SERVER_UNREACHABLE. */
export async function relay(what: Relayed, response: ServerResponse, context: Context, signal: AbortSignal): Promise<void> {
  const base = serverOf(what.headers, context);
  const headers = Object.fromEntries(Object.entries(what.headers).filter(([name]) => !HOP_BY_HOP.has(name) && !isOfPage(name)));
  const answered = Promise.withResolvers<IncomingMessage>();
  const asked = ask(new URL(what.target, base), {
    method: what.method,
    signal,
    headers: { ...headers, [RELAYED]: "1", ...(what.body === undefined ? {} : { "content-length": String(what.body.length) }) },
  });
  asked.once("response", answered.resolve);
  asked.once("error", answered.reject);
  asked.end(what.body);
  const answer = await answered.promise.catch((cause: unknown) => {
    throw unreachable(base, cause);
  });
  response.writeHead(
    answer.statusCode ?? 502,
    Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name === "content-length" || !HOP_BY_HOP.has(name))),
  );
  response.flushHeaders();
  await pipeline(answer, response);
}

/**
 * A request to upgrade, passed on as it is: from then on the two sockets are one. `refused` is told when the server does not upgrade.
 * Resolves when it is over; rejects as relay does.
 */
export async function relayUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  context: Context,
  refused: (status: number, text: string) => void,
): Promise<void> {
  const base = serverOf(request.headers, context);
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== "host" && !isOfPage(name)));
  const over = Promise.withResolvers<void>();
  const asked = ask(new URL(request.url ?? "/", base), { method: "GET", headers: { ...headers, [RELAYED]: "1" } });
  asked.once("error", (cause) => over.reject(unreachable(base, cause)));
  asked.once("response", (answer) => {
    answer.setEncoding("utf8");
    let text = "";
    answer.on("data", (part: string) => (text += part));
    answer.once("close", () => {
      refused(answer.statusCode ?? 502, text);
      over.resolve();
    });
  });
  asked.once("upgrade", (answer, far: Duplex, begun: Buffer) => {
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
    socket.write(begun);
    far.write(head);
    const part = () => {
      far.destroy();
      socket.destroy();
      over.resolve();
    };
    for (const end of [far, socket]) end.once("close", part).on("error", part);
    far.pipe(socket);
    socket.pipe(far);
  });
  socket.once("close", () => {
    asked.destroy();
    over.resolve();
  });
  asked.end();
  await over.promise;
}

/** http://host:port of the server to ask. */
function serverOf(headers: IncomingHttpHeaders, context: Context): string {
  const base = context.serverHttp?.();
  if (base === undefined || headers[RELAYED] !== undefined) {
    throw new NamedError("API_NO_LEADER", "No cluster leader", {
      statusCode: 500,
      fix: "This agent runs no server, and its node is connected to none it could ask: look at its log, or ask a server.",
    });
  }
  return base;
}

function unreachable(base: string, cause: unknown): NamedError {
  return new NamedError("API_SERVER_UNREACHABLE", `No path to server ${base}: ${messageOf(cause)}`, {
    statusCode: 500,
    fix: "Ask a server, or let the servers' HTTP API listen where nodes reach it: addresses { http = … }.",
    cause,
  });
}
