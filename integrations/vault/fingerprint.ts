/** What a node's description says of the Vault beside it. nomad.md §2.3. */
import type { FingerprintSource, Surrounding } from "#ports";
import type { VaultConnection } from "./connection.ts";

/** The part of GET /v1/sys/health that is used. */
export interface VaultHealth {
  readonly initialized?: boolean;
  readonly sealed?: boolean;
  readonly version?: string;
  readonly cluster_id?: string;
  readonly cluster_name?: string;
}

const LOOK_MS = 5_000;

export function vaultFingerprint(connection: VaultConnection): FingerprintSource {
  return {
    name: "vault",
    async look() {
      try {
        // Also a sealed one, or a standby, says how it is; no namespace has a health of its own.
        const ask = { namespace: "", timeoutMs: LOOK_MS };
        const health = await connection.ask<VaultHealth>((vault, requestOptions) => vault.health({ requestOptions }), ask);
        // Something else may answer at its place.
        return typeof health?.version === "string" ? describeVault(health) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/** Pure. What Vault does not say (sealed, it knows no cluster) is left out. */
export function describeVault({ initialized, sealed, version, cluster_id, cluster_name }: VaultHealth): Surrounding {
  const found: Readonly<Record<string, string | undefined>> = {
    "vault.accessible": String(initialized !== false && sealed !== true),
    "vault.version": version,
    "vault.cluster_id": cluster_id,
    "vault.cluster_name": cluster_name,
  };
  const attributes = Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "");
  return { attributes: Object.fromEntries(attributes), links: {} };
}
