/**
 * A request that another server answers, passed on to it, and its answer passed back as it comes:
 *
 *   an agent without a server ──► the server its node is connected to ──► the leader, or the server that has the node
 *
 * HTTP over a connection of the servers' own link (4647): nobody's HTTP address needs to be reachable. Who asks is judged there again, by the
 * token the request carries. At most twice, so that two who think of each other end.
 */
import { request as ask, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf, NamedError } from "#std";
import type { Context } from "./call.ts";
import { AnsweredElsewhere, noLeader, RefusedAt } from "./refusal.ts";

export interface Relayed {
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer | undefined;
  /** Instead of it: passed on as it comes. */
  readonly upload?: Readable | undefined;
}

/** Who answers instead. */
export interface Way {
  /** For people. */
  readonly to: string;
  open(): Promise<Duplex>;
}

const RELAYED = "x-drover-relayed";
const RELAYS_MAX = 2;
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
  RELAYED,
]);

/** What browsers say of the page that asks: judged here already, by this agent's name, which is not the server's. */
function isOfPage(header: string): boolean {
  return header === "origin" || header === "referer" || header.startsWith("sec-fetch-");
}

/** Who could answer what was refused here with `thrown`; undefined: nobody else. Throws NamedError API_NO_LEADER when nobody is known who could. */
export function wayElsewhere(thrown: unknown, context: Context, headers: IncomingHttpHeaders): Way | undefined {
  const error = thrown instanceof RefusedAt ? thrown.cause : thrown;
  if (!(error instanceof NamedError)) return undefined;
  if (context.server === null) {
    const open = context.serverApi;
    if (open === undefined || !["API_SERVER_ONLY", "ALLOCATION_NOT_ON_NODE"].includes(error.code)) return undefined;
    return bounded(headers, { to: "the server of this node", open });
  }
  const { peerApi } = context;
  if (peerApi === undefined) return undefined;
  if (error instanceof AnsweredElsewhere) return bounded(headers, { to: error.rpcAddress, open: () => peerApi(error.rpcAddress) });
  if (error.code !== "NOT_LEADING") return undefined;
  const leader = context.cluster?.leaderAddress ?? "";
  if (leader === "" || context.cluster?.leads === true) throw noLeader("Ask again in a moment: the servers are agreeing on a leader.");
  return bounded(headers, { to: leader, open: () => peerApi(leader) });
}

function bounded(headers: IncomingHttpHeaders, way: Way): Way {
  if (relays(headers) >= RELAYS_MAX) throw noLeader("The servers do not agree yet on who answers this: ask again in a moment.");
  return way;
}

function relays(headers: IncomingHttpHeaders): number {
  const said = headers[RELAYED];
  if (said === undefined) return 0;
  // None of ours wrote anything but a number: whoever did is not passed on for ever.
  return typeof said === "string" && /^\d{1,3}$/.test(said) ? Number(said) : RELAYS_MAX;
}

/** Resolves when the answer is out. Rejects with NamedError API_NO_LEADER, or API_SERVER_UNREACHABLE. */
export async function relay(what: Relayed, response: ServerResponse, way: Way, signal: AbortSignal): Promise<void> {
  const connection = await opened(way);
  const headers = Object.fromEntries(Object.entries(what.headers).filter(([name]) => !HOP_BY_HOP.has(name) && !isOfPage(name)));
  const answered = Promise.withResolvers<IncomingMessage>();
  const asked = ask({
    // As it came: read as a URL it could become another one ("%2e%2e").
    path: what.target,
    method: what.method,
    signal,
    createConnection: () => connection as never,
    headers: {
      ...headers,
      host: "localhost",
      connection: "close",
      [RELAYED]: String(relays(what.headers) + 1),
      ...(what.body === undefined ? {} : { "content-length": String(what.body.length) }),
    },
  });
  asked.once("response", answered.resolve);
  asked.once("error", answered.reject);
  if (what.upload === undefined) asked.end(what.body);
  else pipeline(what.upload, asked).catch(answered.reject);
  try {
    const answer = await answered.promise.catch((cause: unknown) => {
      throw unreachable(way, cause);
    });
    response.writeHead(
      answer.statusCode ?? 502,
      Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name === "content-length" || !HOP_BY_HOP.has(name))),
    );
    response.flushHeaders();
    // One of the two has gone: nothing is broken here.
    await pipeline(answer, response).catch((cause: unknown) => {
      throw unreachable(way, cause);
    });
  } finally {
    connection.destroy();
  }
}

/**
 * A request to upgrade, passed on as it is: from then on the two sockets are one. `refused` is told when the server does not upgrade.
 * Resolves when it is over; rejects as relay does.
 */
export async function relayUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  way: Way,
  refused: (status: number, text: string) => void,
): Promise<void> {
  const connection = await opened(way);
  // Who has gone meanwhile tells nobody of it any more.
  if (socket.destroyed) return void connection.destroy();
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== "host" && !isOfPage(name)));
  const over = Promise.withResolvers<void>();
  const asked = ask({
    path: request.url ?? "/",
    method: "GET",
    createConnection: () => connection as never,
    headers: { ...headers, host: "localhost", [RELAYED]: String(relays(request.headers) + 1) },
  });
  asked.once("error", (cause) => over.reject(unreachable(way, cause)));
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
  await over.promise.finally(() => connection.destroy());
}

async function opened(way: Way): Promise<Duplex> {
  try {
    const connection = await way.open();
    // What goes wrong on it is told by the request that rides on it.
    connection.on("error", () => undefined);
    return connection;
  } catch (error) {
    if (error instanceof NamedError && error.code === "LINK_REFUSED") {
      throw noLeader("This agent runs no server, and its node is connected to none it could ask: look at its log, or ask a server.");
    }
    throw unreachable(way, error);
  }
}

function unreachable(way: Way, cause: unknown): NamedError {
  return new NamedError("API_SERVER_UNREACHABLE", `No path to server ${way.to}: ${messageOf(cause)}`, {
    statusCode: 500,
    fix: "Ask again in a moment, or ask another server.",
    cause,
  });
}
