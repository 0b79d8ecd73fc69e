/** tls { http = true } → what the API is served with; read again at SIGHUP. */
import type { ServingTls } from "#api/server";
import type { Config, TlsMaterial } from "./config/mod.ts";

/** null: HTTP in the clear. */
export function servingTls(config: Pick<Config, "tls" | "limits">, material: TlsMaterial | null): ServingTls | null {
  const { tls, limits } = config;
  if (!tls.http || material === null) return null;
  return {
    certificate: material.certificate,
    key: material.key.reveal(),
    clientAuthorities: tls.verifyHttpsClient ? material.authorities : null,
    minVersion: tls.minVersion,
    ciphers: tls.ciphers,
    handshakeTimeoutMs: limits.httpsHandshakeTimeoutMs,
  };
}
