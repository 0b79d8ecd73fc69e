/**
 * One Vault, as one operator reaches it: the package `node-vault`, over our own carrier (direct.ts). Nothing is tried twice in here:
 * whoever asks knows what to do about a failure.
 *
 * The package costs a quarter of a second to load, so it is loaded with the first request. What it would do of its own accord is switched
 * off: it takes an address, a token and a namespace from the environment, keeps the token of whoever logged in last for everybody's next
 * request, and prints bodies when DEBUG says so.
 */
import { readFileSync, readdirSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { join } from "node:path";
import type { client as VaultClient } from "node-vault";
import { NamedError, messageOf } from "#std";
import { carrier, type CarriedRequest } from "./direct.ts";
import { VaultProblem, answeredProblem } from "./problem.ts";

/** The part of `vault { … }` that says where it is. */
export interface VaultAddress {
  /** https://vault.service.consul:8200, http://…, unix:///… */
  readonly address: string;
  /** Where no other is asked for; "" for none. */
  readonly namespace: string;
  readonly tls: {
    readonly caFile: string;
    /** A directory of certificates. */
    readonly caPath: string;
    readonly certFile: string;
    readonly keyFile: string;
    /** The name that has to stand in its certificate; "": its address's. */
    readonly serverName: string;
    readonly verify: boolean;
  };
  readonly timeoutMs: number;
}

/** For the package's calls: `vault.read(path, options)`, or `{ …, requestOptions: options }` for its commands. */
export type RequestOptions = Pick<CarriedRequest, "headers" | "signal" | "timeoutMs" | "spelled" | "heard">;

export interface AskHow {
  /** A secret; "": none is sent. */
  readonly token?: string;
  /** Left out: the connection's own; "": the root. */
  readonly namespace?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** Numbers as { "#number": text }. */
  readonly spelled?: boolean;
}

export interface VaultConnection {
  /** For people: nothing secret in it. */
  readonly address: string;
  readonly namespace: string;
  readonly timeoutMs: number;
  /** Calls the package. Rejects with VaultProblem, or with the reason of `how.signal`. */
  ask<T>(call: (vault: VaultClient, options: RequestOptions) => Promise<unknown>, how?: AskHow): Promise<T>;
  close(): void;
}

/** At once. */
const SOCKETS_MAX = 32;

/** Throws NamedError VAULT_ADDRESS_INVALID, VAULT_TLS_FILE_UNREADABLE. Connects at the first request. */
export function vaultConnection(options: VaultAddress): VaultConnection {
  const { origin, secure, socketPath } = readAddress(options.address);
  const shown = socketPath === undefined ? origin : `unix://${socketPath}`;
  const pool = { keepAlive: true, maxSockets: SOCKETS_MAX, ...(secure ? tlsOptions(options) : {}) };
  const agent = secure ? new HttpsAgent(pool) : new HttpAgent(pool);
  const { timeoutMs, namespace } = options;
  const carry = carrier({ shown, socketPath, agent, secure, timeoutMs });
  let loading: Promise<VaultClient> | undefined;
  return {
    address: shown,
    namespace,
    timeoutMs,
    async ask<T>(call: (vault: VaultClient, options: RequestOptions) => Promise<unknown>, how: AskHow = {}): Promise<T> {
      const heard = { serverTimeMs: null };
      const asked = how.namespace ?? namespace;
      const headers = {
        ...(how.token === undefined || how.token === "" ? {} : { "X-Vault-Token": how.token }),
        ...(asked === "" ? {} : { "X-Vault-Namespace": asked }),
      };
      const { signal, spelled = false, timeoutMs: limitMs = timeoutMs } = how;
      const carried = { headers, heard, spelled, timeoutMs: limitMs, ...(signal === undefined ? {} : { signal }) };
      try {
        return (await call(await (loading ??= load(origin, carry)), carried)) as T;
      } catch (thrown) {
        signal?.throwIfAborted();
        throw packageProblem(thrown, heard.serverTimeMs);
      }
    },
    close: () => agent.destroy(),
  };
}

async function load(origin: string, carry: ReturnType<typeof carrier>): Promise<VaultClient> {
  const { default: nodeVault } = await import("node-vault");
  const client = nodeVault({
    endpoint: origin,
    // GET …?list=1: proxies know no LIST.
    noCustomHTTPVerbs: true,
    debug: () => undefined,
    "request-promise": { defaults: () => carry },
  } as Parameters<typeof nodeVault>[0]);
  const never = { get: () => "", set: () => undefined };
  Object.defineProperties(client, { token: never, namespace: never, pathPrefix: never });
  return client;
}

/** The package's errors carry the answer: of it only what Vault says in words goes on. */
function packageProblem(thrown: unknown, serverTimeMs: number | null): VaultProblem {
  if (thrown instanceof VaultProblem) return thrown;
  const { response } = thrown as { response?: { statusCode?: number; body?: unknown } };
  if (response?.statusCode !== undefined) return answeredProblem(response.statusCode, response.body, serverTimeMs);
  return new VaultProblem(0, `Vault cannot be asked: ${messageOf(thrown)}`);
}

function readAddress(text: string): { origin: string; secure: boolean; socketPath: string | undefined } {
  if (text.startsWith("unix://")) {
    const socketPath = text.slice("unix://".length);
    if (!socketPath.startsWith("/")) throw addressInvalid(text);
    return { origin: "http://localhost", secure: false, socketPath };
  }
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "") throw addressInvalid(text);
  if (url.username !== "" || url.password !== "") {
    throw new NamedError("VAULT_ADDRESS_INVALID", "Cannot reach Vault: a user or a password stands in its address", {
      statusCode: 400,
      fix: "Write the address without them: it is shown in many places.",
    });
  }
  return {
    origin: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`,
    secure: url.protocol === "https:",
    socketPath: undefined,
  };
}

function addressInvalid(text: string): NamedError {
  return new NamedError("VAULT_ADDRESS_INVALID", `Cannot reach Vault: its address ${JSON.stringify(text)} is none`, {
    statusCode: 400,
    fix: 'Write vault { address = "https://vault.service.consul:8200" }, an http:// URL, or unix:///path/to/socket.',
  });
}

function tlsOptions({ tls }: VaultAddress): Record<string, unknown> {
  const authorities = [
    ...(tls.caFile === "" ? [] : [fileOf(tls.caFile, "ca_file", "CERTIFICATE")]),
    ...(tls.caPath === "" ? [] : filesIn(tls.caPath)),
  ];
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.serverName === "" ? {} : { servername: tls.serverName }),
    ...(authorities.length === 0 ? {} : { ca: authorities }),
    ...(tls.certFile === "" ? {} : { cert: fileOf(tls.certFile, "cert_file", "CERTIFICATE") }),
    ...(tls.keyFile === "" ? {} : { key: fileOf(tls.keyFile, "key_file", "PRIVATE KEY") }),
  };
}

/** Of a file that holds none of what it should Node says nothing: it trusts nobody then. */
function fileOf(path: string, key: string, holds: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (thrown) {
    throw unreadable(path, key, messageOf(thrown));
  }
  if (!holdsPem(bytes, holds)) throw unreadable(path, key, `there is no ${holds.toLowerCase()} in it (PEM)`);
  return bytes;
}

/** What else lies in the directory is passed over. */
function filesIn(path: string): readonly Buffer[] {
  try {
    const names = readdirSync(path, { withFileTypes: true }).filter(
      (entry) => !entry.isDirectory() && /\.(pem|crt|cer)$/i.test(entry.name),
    );
    const found = names.map((entry) => readFileSync(join(path, entry.name))).filter((bytes) => holdsPem(bytes, "CERTIFICATE"));
    if (found.length > 0) return found;
  } catch (thrown) {
    throw unreadable(path, "ca_path", messageOf(thrown));
  }
  throw unreadable(path, "ca_path", "there is no certificate in it (*.pem, *.crt)");
}

const holdsPem = (bytes: Buffer, holds: string): boolean => new RegExp(`-----BEGIN [A-Z ]*${holds}-----`).test(bytes.toString("latin1"));

function unreadable(path: string, key: string, why: string): NamedError {
  return new NamedError("VAULT_TLS_FILE_UNREADABLE", `Cannot read ${key} ${JSON.stringify(path)} for Vault: ${why}`, {
    statusCode: 400,
    fix: `Check the path and its rights, or leave ${key} out of vault { … }.`,
  });
}
