/**
 * vault { … } → Config. As in Nomad it takes `enabled = true`. What the block leaves open the environment says, as for Vault's own
 * command line.
 */
import type { VaultConfig } from "./config.ts";
import { resolveIdentity } from "./resolve-identity.ts";
import type { SettingReader } from "./setting-reader.ts";

/** What -dev-vault stands for: `bao server -dev`, `vault server -dev`, set up with the defaults of `drover setup vault`. */
const DEV_ADDRESS = "http://127.0.0.1:8200";
const ADDRESS = "https://vault.service.consul:8200";
const AUDIENCE = "vault.io";

export function resolveVault(
  read: SettingReader,
  environment: Readonly<Record<string, string | undefined>>,
  dev: boolean,
): VaultConfig | null {
  const at = (name: string) => `vault.${name}`;
  if (!read.flag(at("enabled"), dev)) return null;
  const text = (name: string, variable = "", fallback = "") => read.text(at(name), environment[variable] || fallback);
  const given = text("address", "VAULT_ADDR", dev ? DEV_ADDRESS : ADDRESS);
  const address = /^[a-z]+:\/\//i.test(given) ? given : `https://${given}`;
  const url = URL.parse(address);
  if (/\/\/[^/]*@/.test(address))
    read.problem(at("address"), "vault.address holds a user or a password: it is shown wherever the address is", "Write it without them.");
  else if (url === null || !/^(https?|unix):$/.test(url.protocol) || (url.hostname === "" && url.protocol !== "unix:"))
    read.problem(at("address"), `vault.address is ${JSON.stringify(given)}, must be a URL`, `For example ${JSON.stringify(ADDRESS)}.`);
  return {
    address,
    namespace: text("namespace", "VAULT_NAMESPACE").replaceAll(/^\/+|\/+$/g, ""),
    createFromRole: text("create_from_role"),
    jwtAuthBackendPath: text("jwt_auth_backend_path", "", "jwt-nomad").replaceAll(/^\/+|\/+$/g, ""),
    tls: {
      caFile: text("ca_file", "VAULT_CACERT"),
      caPath: text("ca_path", "VAULT_CAPATH"),
      certFile: text("cert_file", "VAULT_CLIENT_CERT"),
      keyFile: text("key_file", "VAULT_CLIENT_KEY"),
      serverName: text("tls_server_name", "VAULT_TLS_SERVER_NAME"),
      verify: !read.flag(at("tls_skip_verify"), ["1", "t", "true"].includes((environment["VAULT_SKIP_VERIFY"] ?? "").toLowerCase())),
    },
    defaultIdentity: resolveIdentity(read, at("default_identity"), { dev, audience: AUDIENCE }),
  };
}

export function vaultWarnings(read: SettingReader, vault: VaultConfig | null): readonly string[] {
  if (vault === null)
    return read.hasBelow("vault") && !read.has("vault.enabled")
      ? ["vault { … } is written and not enabled: add enabled = true to use it"]
      : [];
  return vault.defaultIdentity === null
    ? ['vault has no default_identity: only tasks that bring an identity of their own (name = "vault_default") can log in to Vault']
    : [];
}
