/** tls { … }: files as the link and HTTPS take them. Read at start and at every reload; config/tls-files.ts has said what is wrong with them. */
import { readFileSync } from "node:fs";
import type { ServingTls } from "#api/server";
import type { LinkTls } from "#integrations/link";
import type { Config } from "./config/mod.ts";

export interface AgentTls {
  /** tls { rpc = true } */
  readonly link: LinkTls | undefined;
  /** tls { http = true } */
  readonly http: ServingTls | undefined;
}

export function readTls({ tls, region, limits }: Config): AgentTls {
  if (!tls.rpc && !tls.http) return { link: undefined, http: undefined };
  const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
  const ca = tls.caFile === "" ? undefined : readFileSync(tls.caFile);
  return {
    link:
      tls.rpc && ca !== undefined
        ? { ca, cert, key, region, verifyServerHostname: tls.verifyServerHostname, minVersion: tls.minVersion, ciphers: tls.ciphers }
        : undefined,
    http: tls.http
      ? {
          certificate: cert.toString("utf8"),
          key: key.toString("utf8"),
          clientAuthorities: tls.verifyHttpsClient && ca !== undefined ? ca.toString("utf8") : null,
          minVersion: tls.minVersion,
          ciphers: tls.ciphers,
          handshakeTimeoutMs: limits.httpsHandshakeTimeoutMs,
        }
      : undefined,
  };
}
