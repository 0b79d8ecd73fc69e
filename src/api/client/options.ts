/** Who to ask, and as whom: from flags and the environment. nomad.md §4.1. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf, NamedError } from "#std";
import { DEFAULT_ADDRESS } from "./address.ts";
import type { TlsFiles } from "./tls.ts";

export interface ApiClientOptions {
  /** Default http://127.0.0.1:4646. */
  readonly address?: string;
  readonly token?: string;
  /** Sent with every request that does not name its own. */
  readonly namespace?: string;
  readonly region?: string;
  /** "user:password" */
  readonly basicAuth?: string;
  readonly tls?: TlsFiles;
  readonly headers?: Readonly<Record<string, string>>;
  /** For an answer that is not a stream and does not block. Default 60,000. */
  readonly timeoutMs?: number;
}

/** Flags as the CLI reads them; an undefined one leaves the environment's word. */
export interface ClientFlags {
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly namespace?: string | undefined;
  readonly region?: string | undefined;
  readonly caCert?: string | undefined;
  /** A folder of CA files; asked only when there is no caCert. */
  readonly caPath?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly tlsServerName?: string | undefined;
  readonly tlsSkipVerify?: boolean | undefined;
}

/**
 * NOMAD_ADDR, NOMAD_TOKEN, NOMAD_NAMESPACE, NOMAD_REGION, NOMAD_HTTP_AUTH, NOMAD_CACERT, NOMAD_CAPATH, NOMAD_CLIENT_CERT,
 * NOMAD_CLIENT_KEY, NOMAD_TLS_SERVER_NAME, NOMAD_SKIP_VERIFY; flags win. Empty values count as absent.
 * Throws NamedError API_TLS_FILE_UNREADABLE.
 */
export function clientOptions(environment: Readonly<Record<string, string | undefined>>, flags: ClientFlags = {}): ApiClientOptions {
  const pick = (flag: string | undefined, name: string) => (flag !== undefined && flag !== "" ? flag : environment[name] || undefined);
  const file = (flag: string | undefined, name: string) => {
    const path = pick(flag, name);
    return path === undefined ? undefined : readPem(path);
  };
  const tls: Record<string, unknown> = {
    ca: file(flags.caCert, "NOMAD_CACERT") ?? authoritiesIn(pick(flags.caPath, "NOMAD_CAPATH")),
    certificate: file(flags.clientCert, "NOMAD_CLIENT_CERT"),
    key: file(flags.clientKey, "NOMAD_CLIENT_KEY"),
    serverName: pick(flags.tlsServerName, "NOMAD_TLS_SERVER_NAME"),
    skipVerify: flags.tlsSkipVerify ?? /^(1|t|true)$/i.test(environment["NOMAD_SKIP_VERIFY"] ?? ""),
  };
  const options: Record<string, unknown> = {
    address: pick(flags.address, "NOMAD_ADDR") ?? DEFAULT_ADDRESS,
    token: pick(flags.token, "NOMAD_TOKEN"),
    namespace: pick(flags.namespace, "NOMAD_NAMESPACE"),
    region: pick(flags.region, "NOMAD_REGION"),
    basicAuth: pick(undefined, "NOMAD_HTTP_AUTH"),
    tls: present(tls),
  };
  return present(options) as ApiClientOptions;
}

function present(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** All certificates of a folder, one after the other; hidden files and folders in it are left alone. */
function authoritiesIn(folder: string | undefined): string | undefined {
  if (folder === undefined) return undefined;
  let paths: string[];
  try {
    const names = readdirSync(folder).filter((name) => !name.startsWith("."));
    paths = names.toSorted().map((name) => join(folder, name));
    paths = paths.filter((path) => statSync(path).isFile());
  } catch (error) {
    throw new NamedError("API_TLS_FILE_UNREADABLE", `Cannot read CA folder "${folder}": ${messageOf(error)}`, {
      statusCode: 400,
      cause: error,
    });
  }
  if (paths.length === 0) {
    throw new NamedError("API_TLS_FILE_UNREADABLE", `Cannot use CA folder "${folder}": there is no file in it`, { statusCode: 400 });
  }
  return paths.map(readPem).join("\n");
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new NamedError("API_TLS_FILE_UNREADABLE", `Cannot read TLS file "${path}": ${messageOf(error)}`, {
      statusCode: 400,
      cause: error,
    });
  }
}
