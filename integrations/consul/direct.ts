/**
 * The requests the package `consul` 2.0.1 has no call for, or drops parts of:
 *
 *   registration           it knows no Weights, EnableTagOverride, Kind, and of TaggedAddresses only lan and wan
 *   a check's result       it sends the output in the URL
 *   ACL                    only the calls of Consul before 1.4: no login, tokens, policies, roles, auth methods, binding rules
 *   the mesh               no config entries, intentions, discovery chain, authority's roots
 *   waiting for a change   it hides the answer's head (the index), and ends no request it was told to leave (look.ts)
 *
 * Nothing else goes round the package.
 */
import { request as httpRequest, type Agent, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { ConsulProblem, answerText, silence } from "./problem.ts";

export interface DirectOptions {
  /** http://host:port, with a proxy's path if there is one. */
  readonly origin: string;
  /** For people. */
  readonly shown: string;
  readonly socketPath: string | undefined;
  readonly agent: Agent;
  readonly secure: boolean;
  readonly token: string;
  readonly authorization: string;
  readonly timeoutMs: number;
}

export interface DirectRequest {
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** "": the connection's own. */
  readonly token?: string;
  /** Default: the connection's timeoutMs. */
  readonly withinMs?: number;
}

/** `path` below /v1, its parts encoded. Resolves with the JSON of a 2xx (undefined if there is none); rejects with ConsulProblem. */
export type Direct = <T>(method: "GET" | "PUT" | "POST" | "DELETE", path: string, request?: DirectRequest) => Promise<T>;

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export function directTo(options: DirectOptions): Direct {
  return async <T>(method: string, path: string, request: DirectRequest = {}): Promise<T> => {
    const withinMs = request.withinMs ?? options.timeoutMs;
    const { status, text } = await exchange(options, method, path, { ...request, withinMs }).catch((thrown: unknown) => {
      throw silence(thrown, options.shown, withinMs);
    });
    if (status < 200 || status >= 300) throw new ConsulProblem(status, answerText(text));
    try {
      return (text.trim() === "" ? undefined : JSON.parse(text)) as T;
    } catch {
      throw new ConsulProblem(502, `what answers at ${options.shown} is not Consul: ${answerText(text)}`);
    }
  };
}

function exchange(
  { origin, socketPath, agent, secure, token, authorization }: DirectOptions,
  method: string,
  path: string,
  request: DirectRequest & { readonly withinMs: number },
): Promise<{ status: number; text: string }> {
  const url = new URL(`${origin}/v1${path}`);
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
  const body = request.body === undefined ? "" : JSON.stringify(request.body);
  const secret = request.token === undefined || request.token === "" ? token : request.token;
  const headers = {
    // Consul passes over a body of unknown length, without a word.
    "content-length": String(Buffer.byteLength(body)),
    ...(body === "" ? {} : { "content-type": "application/json" }),
    ...(secret === "" ? {} : { "x-consul-token": secret }),
    ...(authorization === "" ? {} : { authorization }),
  };
  const signal = AbortSignal.timeout(request.withinMs);
  return new Promise((resolve, reject) => {
    const place = socketPath === undefined ? {} : { socketPath };
    const sent = (secure ? httpsRequest : httpRequest)(url, { method, headers, agent, signal, ...place }, (response) => {
      read(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
