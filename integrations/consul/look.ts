/**
 * Reading with the answer's head: the index to wait by, whether a leader is known, whether entries were kept from us. A request that waits for a
 * change has a socket of its own; `signal` closes it.
 */
import { request as httpRequest, type Agent, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { read, type DirectOptions } from "./direct.ts";
import { ConsulProblem, answerText, silence } from "./problem.ts";

export interface LookOptions extends Omit<DirectOptions, "agent"> {
  /** For requests that are answered at once. */
  readonly looking: Agent;
  /** For those that wait. */
  readonly waiting: Agent;
}

export interface LookRequest {
  /** A key without a value: undefined. */
  readonly query: Readonly<Record<string, string>>;
  /** A secret; "": the connection's own. */
  readonly token: string;
  readonly signal: AbortSignal;
  /** How long Consul may take to answer because nothing happens; 0: it answers at once. */
  readonly waitsMs: number;
}

export interface LookAnswer {
  /** 404 for what is not there: no failure here. */
  readonly found: boolean;
  readonly body: unknown;
  /** X-Consul-Index; 0: none. */
  readonly index: number;
  /** False: who answered follows no leader, and may not know what it knew before it was started. */
  readonly knownLeader: boolean;
  /** Entries were left out that the token may not see. */
  readonly filtered: boolean;
  /** How long ago who answered heard of the leader. */
  readonly lastContactMs: number;
}

/** `path` below /v1, its parts encoded. Rejects with ConsulProblem; with the signal's reason when it was told to stop. */
export type Look = (path: string, request: LookRequest) => Promise<LookAnswer>;

export function lookTo(options: LookOptions): Look {
  return async (path, request) => {
    request.signal.throwIfAborted();
    const limitMs = options.timeoutMs + request.waitsMs;
    const { status, text, headers } = await exchange(options, path, request, limitMs).catch((thrown: unknown) => {
      request.signal.throwIfAborted();
      throw silence(thrown, options.shown, limitMs);
    });
    const isMissing = status === 404 && headers["x-consul-index"] !== undefined;
    if (!isMissing && (status < 200 || status >= 300)) throw new ConsulProblem(status, answerText(text));
    return {
      found: !isMissing,
      body: isMissing ? undefined : parsed(text, options.shown),
      index: Number(headers["x-consul-index"] ?? 0) || 0,
      knownLeader: headers["x-consul-knownleader"] !== "false",
      filtered: headers["x-consul-results-filtered-by-acls"] === "true",
      lastContactMs: Number(headers["x-consul-lastcontact"] ?? 0) || 0,
    };
  };
}

function parsed(text: string, shown: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConsulProblem(502, `what answers at ${shown} is not Consul: ${answerText(text).slice(0, 100)}`);
  }
}

interface Exchanged {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

function exchange(options: LookOptions, path: string, request: LookRequest, limitMs: number): Promise<Exchanged> {
  const { origin, socketPath, secure, authorization } = options;
  const url = new URL(`${origin}/v1${path}`);
  for (const [name, value] of Object.entries(request.query)) url.searchParams.set(name, value);
  const secret = request.token === "" ? options.token : request.token;
  const headers = {
    ...(secret === "" ? {} : { "x-consul-token": secret }),
    ...(authorization === "" ? {} : { authorization }),
  };
  const agent = request.waitsMs === 0 ? options.looking : options.waiting;
  const place = socketPath === undefined ? {} : { socketPath };
  return new Promise<Exchanged>((resolve, reject) => {
    const sent = (secure ? httpsRequest : httpRequest)(url, { method: "GET", headers, agent, ...place }, (response) => {
      read(response).then((text) => finish(() => resolve({ status: response.statusCode ?? 0, text, headers: response.headers })), fail);
    });
    const stop = (): void => void sent.destroy(new Error("told to stop"));
    const timer = setTimeout(() => sent.destroy(Object.assign(new Error("too slow"), { name: "TimeoutError" })), limitMs);
    const finish = (then: () => void): void => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", stop);
      then();
    };
    const fail = (thrown: unknown): void => finish(() => reject(thrown as Error));
    request.signal.addEventListener("abort", stop, { once: true });
    sent.on("error", fail);
    sent.end();
  });
}
