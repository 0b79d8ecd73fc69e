/**
 * Looks at services over the network, for the checks the node runs itself. Behaves as Go's HTTP client does: up to ten redirects are
 * followed, a connection is used once. Nothing it is answered is trusted: at most 3 KiB are read. nomad.md §2.8.
 */
import { request as plainRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as secureRequest } from "node:https";
import { connect } from "node:net";
import type { HttpProbe, Probe, ProbeResult } from "#ports";

const OUTPUT_BYTES_MAX = 3 * 1024;
const REDIRECTS_MAX = 10;

export function hostProbe(): Probe {
  return {
    http: async (probe, signal) => await within(probe.timeoutMs, signal, (limit) => followed(probe, limit)),
    tcp: async ({ address, port, timeoutMs }, signal) => await within(timeoutMs, signal, (limit) => reached(address, port, limit)),
  };
}

/** Whatever goes wrong is the result. */
async function within(timeoutMs: number, signal: AbortSignal, look: (limit: AbortSignal) => Promise<ProbeResult>): Promise<ProbeResult> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const limit = AbortSignal.any([signal, timeout]);
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(limit.reason as Error);
  if (limit.aborted) end();
  limit.addEventListener("abort", end, { once: true });
  try {
    // A request that says neither answer nor error has its limit, too.
    return await Promise.race([look(limit), ended.promise]);
  } catch (thrown) {
    const late = timeout.aborted && !signal.aborted;
    return failed(late ? `no answer within ${timeoutMs / 1000}s` : reasonOf(thrown));
  } finally {
    limit.removeEventListener("abort", end);
  }
}

function failed(output: string): ProbeResult {
  return { passing: false, statusCode: 0, output: output.slice(0, OUTPUT_BYTES_MAX) };
}

function reasonOf(thrown: unknown): string {
  // Several addresses were tried: the message of the whole is empty.
  if (thrown instanceof AggregateError && thrown.message === "") return thrown.errors.map(reasonOf).join("; ");
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function reached(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  const socket = connect({ host, port, signal });
  socket.once("connect", () => resolve({ passing: true, statusCode: 0, output: "tcp ok" }));
  socket.on("error", reject);
  return promise.finally(() => socket.destroy());
}

interface Asked {
  readonly url: URL;
  readonly method: string;
  readonly body: string;
  readonly headers: HttpProbe["headers"];
}

async function followed(probe: HttpProbe, signal: AbortSignal): Promise<ProbeResult> {
  let asked: Asked = { url: new URL(probe.url), method: probe.method || "GET", body: probe.body, headers: probe.headers };
  for (let redirects = 0; ; redirects++) {
    const answer = await ask(asked, probe, signal);
    try {
      const next = redirected(asked, answer);
      if (next === undefined) return await judged(answer);
      if (redirects >= REDIRECTS_MAX) return failed(`stopped after ${REDIRECTS_MAX} redirects`);
      asked = next;
    } finally {
      answer.destroy();
    }
  }
}

function ask({ url, method, body, headers }: Asked, probe: HttpProbe, signal: AbortSignal): Promise<IncomingMessage> {
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:") throw new Error(`unsupported protocol scheme "${url.protocol.slice(0, -1)}"`);
  const options: RequestOptions & { servername?: string; rejectUnauthorized?: boolean } = {
    method,
    signal,
    agent: false,
    headers: {
      "User-Agent": "drover",
      Connection: "close",
      ...sentHeaders(headers),
      ...(body === "" ? {} : { "Content-Length": Buffer.byteLength(body) }),
    },
    ...(secure
      ? { rejectUnauthorized: !probe.tlsSkipVerify, ...(probe.tlsServerName === "" ? {} : { servername: probe.tlsServerName }) }
      : {}),
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = (secure ? secureRequest : plainRequest)(url, options, resolve);
  request.on("error", reject);
  // Node drops a connection that becomes another protocol's without a word.
  request.once("close", () => reject(new Error("the connection was closed without an answer")));
  request.end(body === "" ? undefined : body);
  return promise;
}

function sentHeaders(headers: HttpProbe["headers"]): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, name.toLowerCase() === "host" ? (values[0] ?? "") : [...values]]),
  );
}

/** 307 and 308 are asked again as they were; the others become a GET without a body. What is told to one host is not told to another. */
function redirected(asked: Asked, answer: IncomingMessage): Asked | undefined {
  const { statusCode = 0, headers } = answer;
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return undefined;
  const url = new URL(headers.location, asked.url);
  const kept = Object.entries(asked.headers).filter(([name]) => {
    const lower = name.toLowerCase();
    return lower !== "host" && (url.hostname === asked.url.hostname || !["authorization", "cookie", "www-authenticate"].includes(lower));
  });
  const same = statusCode === 307 || statusCode === 308 || asked.method === "HEAD";
  return { url, method: same ? asked.method : "GET", body: same ? asked.body : "", headers: Object.fromEntries(kept) };
}

async function judged(answer: IncomingMessage): Promise<ProbeResult> {
  const statusCode = answer.statusCode ?? 0;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes >= OUTPUT_BYTES_MAX) break;
  }
  // A character that was cut in two, or is none, does not leave here.
  const text = new TextDecoder("utf-8").decode(Buffer.concat(parts).subarray(0, OUTPUT_BYTES_MAX), { stream: true });
  return { passing: statusCode > 0 && statusCode < 400, statusCode, output: withinBytes(text) };
}

/** Replacement characters are longer than what they replace. */
function withinBytes(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= OUTPUT_BYTES_MAX ? text : new TextDecoder("utf-8").decode(bytes.subarray(0, OUTPUT_BYTES_MAX), { stream: true });
}
