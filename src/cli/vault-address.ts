/** Where Vault is, as its own command line finds it. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { VaultAddress } from "#integrations/vault";
import type { Context } from "./command.ts";

const ADDRESS = "https://127.0.0.1:8200";
const TIMEOUT_MS = 15_000;

export function vaultOf(environment: Context["environment"]): VaultAddress {
  const set = (name: string): string => environment[name] ?? "";
  return {
    address: set("VAULT_ADDR") || ADDRESS,
    namespace: set("VAULT_NAMESPACE").replaceAll(/^\/+|\/+$/g, ""),
    tls: {
      caFile: set("VAULT_CACERT"),
      caPath: set("VAULT_CAPATH"),
      certFile: set("VAULT_CLIENT_CERT"),
      keyFile: set("VAULT_CLIENT_KEY"),
      serverName: set("VAULT_TLS_SERVER_NAME"),
      verify: !["1", "t", "true"].includes(set("VAULT_SKIP_VERIFY").toLowerCase()),
    },
    timeoutMs: TIMEOUT_MS,
  };
}

/** VAULT_TOKEN, or where `vault login` leaves it; undefined when there is neither. */
export function vaultTokenOf(environment: Context["environment"]): string | undefined {
  const given = environment["VAULT_TOKEN"] ?? "";
  if (given !== "") return given;
  try {
    return readFileSync(join(environment["HOME"] ?? homedir(), ".vault-token"), "utf8").trim();
  } catch {
    return undefined;
  }
}
