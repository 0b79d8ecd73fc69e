/**
 * tls { … }, acl { … }, limits { … } → Config: who may speak to this agent, and how. nomad.md §5.4. Files are looked at in
 * tls-files.ts.
 */
import { isLoopback } from "./addresses.ts";
import type { AclConfig, Config, LimitsConfig, TlsConfig } from "./config.ts";
import type { SettingReader } from "./setting-reader.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

export function resolveTls(read: SettingReader): TlsConfig {
  const at = (name: string) => `tls.${name}`;
  const tls: TlsConfig = {
    http: read.flag(at("http")),
    rpc: read.flag(at("rpc")),
    caFile: read.text(at("ca_file"), ""),
    certFile: read.text(at("cert_file"), ""),
    keyFile: read.text(at("key_file"), ""),
    verifyServerHostname: read.flag(at("verify_server_hostname")),
    verifyHttpsClient: read.flag(at("verify_https_client")),
    rpcUpgradeMode: read.flag(at("rpc_upgrade_mode")),
    minVersion: resolveMinVersion(read),
    ciphers: resolveCiphers(read),
  };
  const wanted = (on: boolean, by: string, names: readonly (readonly [key: string, value: string])[]) => {
    for (const [key, value] of on ? names : [])
      if (value === "") read.problem(at(by), `tls.${by} is true and tls.${key} is missing`, `${MAKE[key as keyof typeof MAKE]}`);
  };
  const pair = [
    ["cert_file", tls.certFile],
    ["key_file", tls.keyFile],
  ] as const;
  // Both sides of RPC show a certificate and check the other's.
  wanted(tls.rpc, "rpc", [["ca_file", tls.caFile], ...pair]);
  wanted(tls.http, "http", tls.rpc ? [] : pair);
  wanted(tls.verifyHttpsClient && tls.http && !tls.rpc, "verify_https_client", [["ca_file", tls.caFile]]);
  if (tls.verifyHttpsClient && !tls.http)
    read.problem(
      at("verify_https_client"),
      "tls.verify_https_client is true and tls.http is not",
      "Without HTTPS nobody shows a certificate: set http = true.",
    );
  return tls;
}

const MAKE = {
  ca_file: 'Make an authority with `drover tls ca create`, and write ca_file = "…/nomad-agent-ca.pem".',
  cert_file: 'Make a certificate with `drover tls cert create -server` (or -client), and write cert_file = "….pem".',
  key_file: 'The key lies beside the certificate `drover tls cert create` made: key_file = "…-key.pem".',
};

function resolveMinVersion(read: SettingReader): TlsConfig["minVersion"] {
  const written = read.text("tls.tls_min_version", "tls12").toLowerCase();
  if (written === "tls13") return "TLSv1.3";
  if (written !== "tls12")
    read.problem(
      "tls.tls_min_version",
      `tls_min_version is ${JSON.stringify(written)}, must be tls12 or tls13`,
      written === "tls10" || written === "tls11" ? "TLS before 1.2 is broken and not spoken here." : "",
    );
  return "TLSv1.2";
}

/** Go's names, as Nomad's users write them, to OpenSSL's. Those of TLS 1.3 are always there, as in Go. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: "ECDHE-RSA-AES128-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
};
const TLS13_CIPHERS = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

function resolveCiphers(read: SettingReader): string {
  const at = "tls.tls_cipher_suites";
  const names = read
    .text(at, "")
    .split(/[,:\s]+/)
    .filter((each) => each !== "" && !TLS13_CIPHERS.includes(each));
  const unknown = names.filter((each) => CIPHERS[each] === undefined);
  if (unknown.length > 0)
    read.problem(at, `tls_cipher_suites holds ${unknown.join(", ")}, not known or broken`, `Known are ${Object.keys(CIPHERS).join(", ")}.`);
  const known = names.flatMap((each) => CIPHERS[each] ?? []);
  return known.length === 0 ? "" : [...TLS13_CIPHERS, ...known].join(":");
}

export function resolveAcl(read: SettingReader): AclConfig {
  const ttl = (name: string, fallback: number) => read.within(`acl.${name}`, fallback, 0, YEAR_MS);
  const acl: AclConfig = {
    enabled: read.flag("acl.enabled"),
    tokenTtlMs: ttl("token_ttl", 30 * SECOND_MS),
    policyTtlMs: ttl("policy_ttl", 30 * SECOND_MS),
    roleTtlMs: ttl("role_ttl", 30 * SECOND_MS),
    tokenMinExpirationMs: ttl("token_min_expiration_ttl", 60 * SECOND_MS),
    tokenMaxExpirationMs: ttl("token_max_expiration_ttl", 24 * HOUR_MS),
  };
  if (acl.tokenMinExpirationMs > acl.tokenMaxExpirationMs)
    read.problem(
      read.has("acl.token_min_expiration_ttl") ? "acl.token_min_expiration_ttl" : "acl.token_max_expiration_ttl",
      "token_min_expiration_ttl is more than token_max_expiration_ttl",
      "No token could be made that ends.",
    );
  return acl;
}

export function resolveLimits(read: SettingReader): LimitsConfig {
  return {
    rpcConnectionsPerClientMax: read.whole("limits.rpc_max_conns_per_client", 100),
    httpsHandshakeTimeoutMs: read.whole("limits.https_handshake_timeout", 5 * SECOND_MS),
    rpcHandshakeTimeoutMs: read.whole("limits.rpc_handshake_timeout", 5 * SECOND_MS),
  };
}

/** Doors that stand open, and locks that lock nothing. */
export function guardWarnings(config: Pick<Config, "bind" | "tls" | "acl" | "server">): readonly string[] {
  const { bind, tls, acl, server } = config;
  const warnings: string[] = [];
  const open = bind.http.filter((address) => !isLoopback(address));
  if (open.length > 0) {
    const where = `the HTTP API listens on ${open.join(", ")}`;
    if (!acl.enabled && !(tls.http && tls.verifyHttpsClient))
      warnings.push(`${where} and nothing guards it: whoever reaches it can run programs here. Set acl { enabled = true }`);
    else if (!tls.http) warnings.push(`${where} without TLS: tokens travel in the clear. Set tls { http = true }`);
  }
  if (server.enabled && !tls.rpc && !isLoopback(bind.rpc))
    warnings.push(
      `nodes and servers connect on ${bind.rpc} without TLS: whoever reaches it can register a node, ask for the cluster's key and read along. ` +
        "Set tls { rpc = true } with certificates of your own (drover tls ca create), or let only your own machines reach it",
    );
  if (tls.rpc && !tls.verifyServerHostname)
    warnings.push(
      "tls.verify_server_hostname is not set: any certificate of this authority may speak as a server, a node's too. Set it to true",
    );
  if (tls.rpc && tls.rpcUpgradeMode)
    warnings.push("tls.rpc_upgrade_mode is set: connections in the clear are still taken. Remove it when every agent speaks TLS");
  if (!tls.rpc && !tls.http && (tls.certFile !== "" || tls.caFile !== ""))
    warnings.push("tls has files and neither http nor rpc is true: nothing is encrypted");
  return warnings;
}
