/** Turns "GET this path with these options" into a request, and the answer into a value with what its headers say. */
import { HEADERS } from "../contract/mod.ts";
import { parseAddress, DEFAULT_ADDRESS, type Address } from "./address.ts";
import { createConnection, readText, type Connection } from "./connection.ts";
import { ApiError } from "./api-error.ts";
import { jsonValues } from "./json-stream.ts";
import type { ApiClientOptions } from "./options.ts";

/** What any request may carry. */
export interface QueryOptions {
  readonly namespace?: string;
  readonly region?: string;
  readonly prefix?: string;
  readonly filter?: string;
  readonly perPage?: number;
  readonly nextToken?: string;
  readonly reverse?: boolean;
  /** Blocking query: wait until the index is past this one … */
  readonly index?: number;
  /** … or this long has passed (server's default and limit: 300,000). */
  readonly waitMs?: number;
  readonly stale?: boolean;
  /** Anything else for the query string; undefined values are left out. */
  readonly parameters?: Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>;
  /** Besides those of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** A value and what its headers said. */
export interface Answer<T> {
  readonly value: T;
  /** X-Nomad-Index; 0 when there was none. */
  readonly index: number;
  /** X-Nomad-NextToken; "" on the last page. */
  readonly nextToken: string;
  readonly knownLeader: boolean;
  readonly lastContactMs: number;
}

export interface Requester {
  readonly address: string;
  get<T>(path: string, options?: QueryOptions): Promise<Answer<T>>;
  /** A body that is a Uint8Array goes as it is, anything else as JSON. */
  put<T>(path: string, body?: unknown, options?: QueryOptions): Promise<Answer<T>>;
  delete<T>(path: string, options?: QueryOptions, body?: unknown): Promise<Answer<T>>;
  /** Raw bytes as they come. Ends with the server; leaving the loop or aborting closes the connection. */
  bytes(path: string, options?: QueryOptions): Promise<AsyncIterable<Uint8Array>>;
  /** JSON objects as they come, heartbeats (`{}`) included. */
  values<T>(path: string, options?: QueryOptions): Promise<AsyncIterable<T>>;
  /** Where to open a websocket, with the headers and the query string of an ordinary request. */
  socketTarget(path: string, options?: QueryOptions): { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_WAIT_MS = 300_000;
/** Over the server's wait and its jitter. */
const BLOCKING_SLACK_MS = 10_000;

export function createRequester(options: ApiClientOptions): Requester {
  const address = parseAddress(options.address ?? DEFAULT_ADDRESS);
  const headers = requestHeaders(options, address.basicAuth);
  let connection: Promise<Connection> | undefined;
  const connect = () => (connection ??= createConnection(address, options.tls ?? {}));

  async function send(method: string, path: string, body: unknown, query: QueryOptions, keepErrors = false) {
    const raw = body instanceof Uint8Array;
    const text = body === undefined ? undefined : raw ? body : JSON.stringify(body);
    const contentType = raw ? "application/octet-stream" : "application/json";
    const timeoutMs = timeLimit(options, query);
    const sent = query.headers === undefined ? headers : { ...headers, ...query.headers };
    const incoming = await (
      await connect()
    ).open(
      {
        method,
        target: path + queryText(options, query),
        headers: text === undefined ? sent : { ...sent, "content-type": contentType, "content-length": String(Buffer.byteLength(text)) },
        body: text,
        timeoutMs,
        signal: query.signal,
      },
      keepErrors,
    );
    return { incoming, timeoutMs };
  }

  async function whole<T>(method: string, path: string, body: unknown, query: QueryOptions = {}): Promise<Answer<T>> {
    const { incoming, timeoutMs } = await send(method, path, body, query);
    const text = await readText(incoming, timeoutMs, address);
    const header = (name: string) => String(incoming.headers[name] ?? "");
    return {
      value: (text === "" ? null : parse(text, incoming.status)) as T,
      index: Number(header(HEADERS.index)) || 0,
      nextToken: header(HEADERS.nextToken),
      knownLeader: header(HEADERS.knownLeader) === "true",
      lastContactMs: Number(header(HEADERS.lastContact)) || 0,
    };
  }

  return {
    address: address.text,
    get: (path, query) => whole("GET", path, undefined, query),
    put: (path, body, query) => whole("PUT", path, body, query),
    delete: (path, query, body) => whole("DELETE", path, body, query),
    bytes: async (path, query = {}) => (await send("GET", path, undefined, query)).incoming.body,
    values: async <T>(path: string, query: QueryOptions = {}) => jsonValues<T>((await send("GET", path, undefined, query)).incoming.body),
    socketTarget: (path, query = {}) => ({ url: `${socketOrigin(address)}${path}${queryText(options, query)}`, headers }),
    // What could not be made needs no closing: who asked was told.
    close: () =>
      void connection?.then(
        (open) => open.close(),
        () => undefined,
      ),
  };
}

/** The query with more in its string; undefined values are left out. */
export function withParameters(query: QueryOptions = {}, parameters: QueryOptions["parameters"]): QueryOptions {
  return { ...query, parameters: { ...query.parameters, ...parameters } };
}

function socketOrigin(address: Address): string {
  if (address.socketPath !== undefined) return `ws+unix://${address.socketPath}:`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${address.secure ? "wss" : "ws"}://${host}:${address.port}${address.basePath}`;
}

function requestHeaders(options: ApiClientOptions, addressAuth: string | undefined): Record<string, string> {
  const basic = options.basicAuth ?? addressAuth;
  return {
    ...options.headers,
    ...(options.token === undefined || options.token === "" ? {} : { [HEADERS.token]: options.token }),
    ...(basic === undefined ? {} : { authorization: `Basic ${Buffer.from(basic).toString("base64")}` }),
  };
}

function timeLimit(options: ApiClientOptions, query: QueryOptions): number {
  if (query.timeoutMs !== undefined) return query.timeoutMs;
  const base = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  if (query.index === undefined || query.index === 0) return base;
  const waitMs = query.waitMs ?? DEFAULT_WAIT_MS;
  return Math.max(base, waitMs + waitMs / 16 + BLOCKING_SLACK_MS);
}

/** "" or "?…" */
function queryText(options: ApiClientOptions, query: QueryOptions): string {
  const search = new URLSearchParams();
  const set = (name: string, value: string | number | boolean | undefined) => {
    if (value !== undefined && value !== "") search.set(name, String(value));
  };
  set("region", query.region ?? options.region);
  set("namespace", query.namespace ?? options.namespace);
  set("prefix", query.prefix);
  set("filter", query.filter);
  set("per_page", query.perPage);
  set("next_token", query.nextToken);
  set("reverse", query.reverse === true ? true : undefined);
  set("index", query.index);
  set("wait", query.waitMs === undefined ? undefined : `${Math.round(query.waitMs)}ms`);
  set("stale", query.stale === true ? true : undefined);
  for (const [name, value] of Object.entries(query.parameters ?? {})) {
    if (Array.isArray(value)) for (const each of value as readonly string[]) search.append(name, each);
    else set(name, value as string | number | boolean | undefined);
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

function parse(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(status, `The agent's answer is not JSON: ${JSON.stringify(text.slice(0, 80))}`);
  }
}
