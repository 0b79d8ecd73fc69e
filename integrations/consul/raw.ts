/**
 * Requests whose bytes, index and every status are the caller's business, each with a deadline of its own: what the log on Consul is made of
 * (log/). The package parses bodies, hides the index, and sends bodies without their length, which Consul passes over without a word.
 */
import { request as httpRequest, type Agent, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { DirectOptions } from "./direct.ts";
import { silence } from "./problem.ts";

export interface RawRequest {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** No answer within it: ConsulProblem with status 0. What was asked for may happen all the same. */
  readonly withinMs: number;
  readonly signal?: AbortSignal;
  /** Consul holds the answer back until something changes: a socket of its own. */
  readonly waits?: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** X-Consul-Index; 0: none. */
  readonly index: number;
}

/** `path` below /v1, its parts encoded. Rejects with ConsulProblem (status 0) when there is no answer, with the signal's reason when told to stop. */
export type Raw = (method: "GET" | "PUT" | "DELETE", path: string, request: RawRequest) => Promise<RawAnswer>;

export interface RawOptions extends Omit<DirectOptions, "agent" | "timeoutMs"> {
  readonly working: Agent;
  readonly waiting: Agent;
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export function rawTo(options: RawOptions): Raw {
  const { origin, socketPath, secure, token, authorization, working, waiting, shown } = options;
  const secrets = {
    ...(token === "" ? {} : { "x-consul-token": token }),
    ...(authorization === "" ? {} : { authorization }),
  };
  const place = socketPath === undefined ? {} : { socketPath };
  return (method, path, { query = {}, body, withinMs, signal, waits = false }) => {
    const url = new URL(`${origin}/v1${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const length =
      body === undefined ? (method === "GET" ? {} : { "content-length": "0" }) : { "content-length": String(Buffer.byteLength(body)) };
    return new Promise<RawAnswer>((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const headers = { ...secrets, ...length };
      const sent = (secure ? httpsRequest : httpRequest)(url, { method, headers, agent: waits ? waiting : working, ...place });
      const stop = (): void => void sent.destroy(new Error("told to stop"));
      const timer = setTimeout(() => sent.destroy(Object.assign(new Error("too slow"), { name: "TimeoutError" })), Math.max(1, withinMs));
      const over = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
      };
      const fail = (thrown: unknown): void => {
        over();
        reject(signal?.aborted === true ? (signal.reason as Error) : silence(thrown, shown, withinMs));
      };
      signal?.addEventListener("abort", stop, { once: true });
      sent.on("error", fail);
      sent.on("response", (response) => {
        gather(response).then((bytes) => {
          over();
          resolve({ status: response.statusCode ?? 0, body: bytes, index: Number(response.headers["x-consul-index"] ?? 0) || 0 });
        }, fail);
      });
      sent.end(body);
    });
  };
}

async function gather(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}
