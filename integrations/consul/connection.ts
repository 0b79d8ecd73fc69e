/**
 * One Consul agent, as one operator reaches it: the package `consul` for what it has, `direct` (direct.ts) for what it lacks. Both share
 * sockets, TLS and the token. Nothing is tried twice in here: whoever asks knows what to do about a failure.
 */
import { readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import Consul from "consul";
import { NamedError, messageOf } from "#std";
import { directTo, type Direct } from "./direct.ts";
import { lookTo, type Look } from "./look.ts";
import { ConsulProblem, answerText, silence } from "./problem.ts";
import { rawTo, type Raw } from "./raw.ts";

/** The part of `consul { … }` that says where it is. */
export interface ConsulAddress {
  /** http://127.0.0.1:8500, https://…, unix:///…; without a scheme: http. */
  readonly address: string;
  /** A secret; "" for none. */
  readonly token: string;
  /** user:password, a secret; "" for none. */
  readonly auth: string;
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string; readonly verify: boolean };
  readonly timeoutMs: number;
}

export interface ConsulConnection {
  /** For people: nothing secret in it. */
  readonly address: string;
  readonly timeoutMs: number;
  readonly direct: Direct;
  /** Reads, and waits for changes, without taking sockets from the others. */
  readonly look: Look;
  /** Bytes and every status, each request with its own deadline; its sockets are nobody else's. */
  readonly raw: Raw;
  /** Calls the package. Rejects with ConsulProblem; `token` "": the connection's own. */
  ask<T>(call: (consul: Consul, common: { readonly token: string; readonly timeout: number }) => Promise<T>, token?: string): Promise<T>;
  close(): void;
}

/** At once; Consul's own limit for one caller (limits.http_max_conns_per_client) is 200, and others on this machine count too. */
const SOCKETS_MAX = 32;
const LOOKS_MAX = 16;
const WORKING_MAX = 48;

/** Throws NamedError CONSUL_ADDRESS_INVALID, CONSUL_TLS_FILE_UNREADABLE. Connects at the first request. */
export function consulConnection(options: ConsulAddress): ConsulConnection {
  const { origin, secure, socketPath } = readAddress(options.address);
  const shown = socketPath === undefined ? origin : `unix://${socketPath}`;
  const tls = secure ? tlsOptions(options) : {};
  const pool = { keepAlive: true, maxSockets: SOCKETS_MAX, ...tls };
  const agentOf = (settings: typeof pool): HttpAgent => (secure ? new HttpsAgent(settings) : new HttpAgent(settings));
  const agent = agentOf(pool);
  // Those who look are many and those who wait hold a socket for a minute: registration is not to queue behind either.
  const looking = agentOf({ ...pool, maxSockets: LOOKS_MAX });
  const waiting = agentOf({ ...pool, maxSockets: Number.POSITIVE_INFINITY });
  const working = agentOf({ ...pool, maxSockets: WORKING_MAX });
  const { timeoutMs, token, auth } = options;
  // baseUrl, socketPath and headers are the package's too; its types do not say so.
  const settings = {
    baseUrl: `${origin}/v1`,
    agent,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(auth === "" ? {} : { headers: { authorization: basic(auth) } }),
  };
  const consul = new Consul(settings);
  const place = { origin, shown, socketPath, secure, token, authorization: auth === "" ? "" : basic(auth), timeoutMs };
  return {
    address: shown,
    timeoutMs,
    direct: directTo({ ...place, agent }),
    look: lookTo({ ...place, looking, waiting }),
    raw: rawTo({ ...place, working, waiting }),
    async ask(call, asked = "") {
      try {
        return await call(consul, { token: asked === "" ? token : asked, timeout: timeoutMs });
      } catch (thrown) {
        throw packageProblem(thrown, shown, timeoutMs);
      }
    },
    close: () => [agent, looking, waiting, working].forEach((each) => each.destroy()),
  };
}

/** The package's errors carry the request, and with it the token: only what was answered goes on. */
function packageProblem(thrown: unknown, shown: string, timeoutMs: number): ConsulProblem {
  const { response } = thrown as { response?: { statusCode?: number; body?: unknown } };
  if (response?.statusCode !== undefined && response.statusCode >= 300) {
    return new ConsulProblem(response.statusCode, answerText(response.body));
  }
  return silence(thrown, shown, timeoutMs);
}

function readAddress(text: string): { origin: string; secure: boolean; socketPath: string | undefined } {
  if (text.startsWith("unix://")) {
    const socketPath = text.slice("unix://".length);
    if (!socketPath.startsWith("/")) throw addressInvalid(text);
    return { origin: "http://localhost", secure: false, socketPath };
  }
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "") throw addressInvalid(text);
  if (url.username !== "" || url.password !== "") throw addressHoldsSecret();
  // A path in front (a proxy's) stays; the package refuses one that ends in a slash.
  const origin = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
  return { origin, secure: url.protocol === "https:", socketPath: undefined };
}

function addressInvalid(text: string): NamedError {
  return new NamedError("CONSUL_ADDRESS_INVALID", `Cannot reach Consul: its address ${JSON.stringify(text)} is none`, {
    statusCode: 400,
    fix: 'Write consul { address = "127.0.0.1:8500" }, an http:// or https:// URL, or unix:///path/to/socket.',
  });
}

/** It would be shown wherever the address is. */
function addressHoldsSecret(): NamedError {
  return new NamedError("CONSUL_ADDRESS_INVALID", "Cannot reach Consul: a user or a password stands in its address", {
    statusCode: 400,
    fix: 'Write them to consul { auth = "user:password" } (CONSUL_HTTP_AUTH), and the address without them.',
  });
}

function tlsOptions({ tls }: ConsulAddress): Record<string, unknown> {
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.caFile === "" ? {} : { ca: fileOf(tls.caFile, "ca_file", "CERTIFICATE") }),
    ...(tls.certFile === "" ? {} : { cert: fileOf(tls.certFile, "cert_file", "CERTIFICATE") }),
    ...(tls.keyFile === "" ? {} : { key: fileOf(tls.keyFile, "key_file", "PRIVATE KEY") }),
  };
}

/** Of a file that holds none of what it should Node says nothing: it trusts nobody then. */
function fileOf(path: string, key: string, holds: string): Buffer {
  const cannot = (why: string): NamedError =>
    new NamedError("CONSUL_TLS_FILE_UNREADABLE", `Cannot read ${key} ${JSON.stringify(path)} for Consul: ${why}`, {
      statusCode: 400,
      fix: `Check the path and its rights, or leave ${key} out of consul { … }.`,
    });
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (thrown) {
    throw cannot(messageOf(thrown));
  }
  if (!new RegExp(`-----BEGIN [A-Z ]*${holds}-----`).test(bytes.toString("latin1")))
    throw cannot(`there is no ${holds.toLowerCase()} in it (PEM)`);
  return bytes;
}

function basic(auth: string): string {
  return `Basic ${Buffer.from(auth).toString("base64")}`;
}
