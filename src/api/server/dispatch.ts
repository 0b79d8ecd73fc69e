/** One request: which endpoint, may it, what does it answer. The conventions of nomad.md §3.1 that hold for every endpoint are here. */
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { ENDPOINTS, LATER_METHODS, type Endpoint, type EndpointName, type LaterEndpoint, type Method } from "../contract/mod.ts";
import { decodeBody } from "./body.ts";
import type { Call, Context, Handlers, Result } from "./call.ts";
import { admit } from "./guard/admit.ts";
import { watchRights, whileAllowed } from "./guard/watch-rights.ts";
import { accessOf } from "./guard/who.ts";
import { guardOrigin, type Guard } from "./origin.ts";
import type { Matched } from "./paths.ts";
import { Query } from "./query.ts";
import { enterpriseOnly, notInThisVersion } from "./refusal.ts";
import type { KeptTexts } from "./reply/kept-texts.ts";
import { perform } from "./reply/perform.ts";
import { relay, wayElsewhere } from "./relay.ts";
import { HANDLERS } from "./routes/table.ts";
import { tokenOf } from "./token.ts";
import { NOTHING } from "#access";
import { NamedError } from "#std";

export interface Arrived {
  readonly method: string;
  /** Without the query string, encoded. */
  readonly path: string;
  /** With it. */
  readonly target: string;
  readonly query: unknown;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer | undefined;
  /** Instead of `body`, where takesUpload: not read yet. */
  readonly upload: Readable | undefined;
  readonly response: ServerResponse;
}

export interface Desk {
  readonly context: Context;
  readonly kept: KeptTexts;
  readonly guard: Guard;
  /** Of the requests that wait or stream: aborted when the API closes. A set, since a thousand listeners on one signal are slow. */
  readonly waiting: Set<AbortController>;
  readonly closing: AbortSignal;
}

/** Bodies larger than what is kept of others, which are read when it is known that they may. */
export function takesUpload(method: string, path: string): boolean {
  return methodOf(method) === "PUT" && path === ENDPOINTS.snapshot.path;
}

/** Answers on `arrived.response`, or throws what refuse.ts turns into an answer. */
export async function dispatch(matched: Matched, arrived: Arrived, desk: Desk): Promise<void> {
  const method = methodOf(arrived.method);
  const { target } = matched;
  const asksFirst = arrived.method === "OPTIONS" && answersOtherOrigins(target);
  guardOrigin(arrived.headers, !asksFirst && (method !== "GET" || changesOnGet(target)), desk.guard);
  if (typeof target !== "string") throw later(target, arrived);
  const endpoint: Endpoint = ENDPOINTS[target];
  // Set ahead, so that a page may read why it was refused too.
  if (endpoint.crossOrigin === true) arrived.response.setHeader("access-control-allow-origin", "*");
  if (asksFirst) return preflight(arrived.response);
  const handler = method === undefined ? undefined : (HANDLERS[target] as Handlers)[method];
  if (method === undefined || handler === undefined) throw wrongMethod(endpoint, method, arrived);

  const query = new Query(arrived.query);
  requireRegion(target, query, desk.context.region);
  const pretty = query.flag("pretty", false, true);
  const stale = query.flag("stale", false, true) && !query.flag("consistent", false, true);
  const gone = departure(arrived.response, desk);
  let grant = NOTHING;
  const call: Call = {
    method,
    path: arrived.path,
    parameters: matched.parameters,
    query,
    token: tokenOf(arrived.headers),
    namespace: query.text("namespace") || "default",
    stale,
    get grant() {
      return grant;
    },
    async renew() {
      grant = await admit(target, call, desk.context);
    },
    body: (optional = false) => decodeBody(arrived.body, optional),
    upload: () => arrived.upload ?? Readable.from([]),
    bytes: () => arrived.body ?? Buffer.alloc(0),
    get signal() {
      return gone();
    },
  };
  try {
    // A change is decided from what was acknowledged before it was asked for, whichever server it is asked of.
    if (method !== "GET" && desk.context.cluster?.leads === false && !ofTheAgent(target)) await desk.context.cluster.read();
    await call.renew();
    const result = await handler(call, desk.context);
    await perform(lasting(result, target, call, desk.context), {
      response: arrived.response,
      options: desk.context,
      kept: desk.kept,
      pretty,
      head: arrived.method === "HEAD",
      gzip: acceptsGzip(String(arrived.headers["accept-encoding"] ?? "")),
      get signal() {
        return gone();
      },
    });
  } catch (error) {
    const way = arrived.response.headersSent ? undefined : wayElsewhere(error, desk.context, arrived.headers);
    if (way === undefined) throw error;
    await relay(arrived, arrived.response, way, gone());
  }
}

/** What goes on and on goes on for as long as it may. Events are looked at one by one (routes/event-stream.ts). */
function lasting(result: Result, target: EndpointName, call: Call, context: Context): Result {
  if (result.kind !== "stream" || target === "event-stream" || accessOf(context) === undefined) return result;
  const watched = watchRights(call.grant, context, async () => {
    await call.renew();
    return call.grant;
  });
  return { ...result, chunks: whileAllowed(result.chunks, watched) };
}

/** "gzip;q=0" says no. */
function acceptsGzip(accepted: string): boolean {
  return accepted.split(",").some((one) => /^\s*(x-)?gzip\s*(;|$)/i.test(one) && !/;\s*q=0(\.0*)?\s*$/i.test(one));
}

function methodOf(method: string): Method | undefined {
  if (method === "GET" || method === "HEAD") return "GET";
  if (method === "PUT" || method === "POST") return "PUT";
  return method === "DELETE" ? "DELETE" : undefined;
}

/** Servers of other regions are not known here; what an agent says of itself is of no region. */
function requireRegion(target: EndpointName, query: Query, region: string): void {
  const asked = query.text("region");
  if (asked === "" || asked === region || /^(agent-|regions$|metrics$|jobs-parse$)/.test(target)) return;
  throw new NamedError("API_REGION_UNKNOWN", "No path to region", { statusCode: 500, fix: `Ask for region ${JSON.stringify(region)}.` });
}

/** What an agent does by itself, with or without a cluster. */
function ofTheAgent(target: EndpointName): boolean {
  return /^(agent-|client-|jobs-parse$|status-)/.test(target);
}

function answersOtherOrigins(target: EndpointName | LaterEndpoint): boolean {
  return typeof target === "string" && (ENDPOINTS[target] as Endpoint).crossOrigin === true;
}

/** Old clients ask for garbage collection with GET. */
function changesOnGet(target: EndpointName | LaterEndpoint): boolean {
  return target === "client-gc" || target === "client-allocation-gc";
}

function later(of: LaterEndpoint, arrived: Arrived): NamedError {
  return of.awaited === "enterprise" ? enterpriseOnly() : notInThisVersion(`${arrived.method} ${arrived.path}`, of.why);
}

function wrongMethod(endpoint: Endpoint, method: Method | undefined, arrived: Arrived): NamedError {
  const awaited = LATER_METHODS.find((one) => one.path === endpoint.path && method !== undefined && one.methods.includes(method));
  return awaited === undefined ? new NamedError("API_METHOD_INVALID", "Invalid method", { statusCode: 405 }) : later(awaited, arrived);
}

/** Made on first use: most requests are answered before anyone could have gone. */
function departure(response: ServerResponse, { waiting, closing }: Desk): () => AbortSignal {
  let signal: AbortSignal | undefined;
  return () => {
    if (signal !== undefined) return signal;
    const gone = new AbortController();
    const leave = () => {
      waiting.delete(gone);
      gone.abort(new Error("the client has gone"));
    };
    if (closing.aborted) gone.abort(new Error("the agent stops"));
    else if (response.destroyed || response.writableEnded) leave();
    else {
      waiting.add(gone);
      response.once("close", leave);
    }
    signal = gone.signal;
    return signal;
  };
}

function preflight(response: ServerResponse): void {
  response
    .writeHead(204, {
      "access-control-allow-methods": "HEAD, GET",
      "access-control-allow-headers": "*, Authorization, X-Nomad-Token",
      "access-control-max-age": "600",
    })
    .end();
}
