/**
 * Carries the requests the package `node-vault` 0.12.0 makes, in place of its own carrier (axios). What that lacks or breaks:
 *
 *   numbers                it parses the JSON: 1.50 is 1.5 then. Here a request may keep their spelling: { "#number": "1.50" }
 *   errors                 they carry the request, and with it the token
 *   ending a request       it takes no signal, and one timeout for all
 *   sockets                none is kept; TLS by name (SNI) and unix sockets it cannot
 *   the time at Vault      the answer's headers are dropped: a login that fails by the clock is explained with it
 *
 * Nothing else goes round the package.
 */
import { request as httpRequest, type Agent, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { VaultProblem, answerText, silence } from "./problem.ts";

export interface CarrierOptions {
  /** For people. */
  readonly shown: string;
  readonly socketPath: string | undefined;
  readonly agent: Agent;
  readonly secure: boolean;
  readonly timeoutMs: number;
}

/** As the package hands it over, and what `ask` (connection.ts) adds to it. */
export interface CarriedRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Numbers as { "#number": text }. */
  readonly spelled?: boolean;
  /** Told what the package drops. */
  readonly heard?: { serverTimeMs: number | null };
}

/** As the package wants it back. */
export interface CarriedAnswer {
  readonly statusCode: number;
  readonly body: unknown;
  readonly request: { readonly path: string };
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Rejects with VaultProblem (status 0), or with the reason of the caller's own signal. */
export function carrier(options: CarrierOptions): (request: CarriedRequest) => Promise<CarriedAnswer> {
  return async (request) => {
    const { signal, heard, spelled = false, timeoutMs = options.timeoutMs } = request;
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(timeoutMs);
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    const url = new URL(request.uri);
    try {
      let answer = await send(options, url, request, either);
      // A standby that does not forward names the active one, once.
      const elsewhere = [307, 308].includes(answer.status) ? URL.parse(answer.location, url) : null;
      if (elsewhere !== null && elsewhere.protocol === url.protocol) answer = await send(options, elsewhere, request, either);
      if (heard !== undefined) heard.serverTimeMs = Number.isNaN(answer.dateMs) ? null : answer.dateMs;
      return { statusCode: answer.status, body: bodyOf(answer, options.shown, spelled), request: { path: url.pathname } };
    } catch (thrown) {
      signal?.throwIfAborted();
      throw silence(thrown, options.shown, timeoutMs);
    }
  };
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
  readonly dateMs: number;
  readonly location: string;
}

function send(
  { socketPath, agent, secure }: CarrierOptions,
  url: URL,
  { method, headers, json }: CarriedRequest,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const body = json !== undefined && typeof json === "object" ? JSON.stringify(json) : "";
  const all = {
    ...headers,
    // Vault takes nothing from a browser's page: this says that it is none.
    "x-vault-request": "true",
    "content-length": String(Buffer.byteLength(body)),
    ...(body === "" ? {} : { "content-type": "application/json" }),
  };
  return new Promise((resolve, reject) => {
    const place = socketPath === undefined ? {} : { socketPath };
    const sent = (secure ? httpsRequest : httpRequest)(url, { method, headers: all, agent, signal, ...place }, (response) => {
      read(response).then(
        (text) =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            dateMs: Date.parse(response.headers.date ?? ""),
            location: response.headers.location ?? "",
          }),
        reject,
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function bodyOf({ status, text }: RawAnswer, shown: string, spelled: boolean): unknown {
  if (text.trim() === "") return undefined;
  try {
    return spelled ? parseSpelled(text) : (JSON.parse(text) as unknown);
  } catch {
    if (status >= 300) return { errors: [answerText(text)] };
    throw new VaultProblem(502, `what answers at ${shown} is not Vault`);
  }
}

/** JSON whose numbers keep the spelling they have in it: { "#number": "1.50" }. */
export function parseSpelled(text: string): unknown {
  return JSON.parse(text, function (this: unknown, _key: string, value: unknown, context?: { source?: string }) {
    return typeof value === "number" ? { "#number": context?.source ?? String(value) } : value;
  } as (key: string, value: unknown) => unknown);
}
