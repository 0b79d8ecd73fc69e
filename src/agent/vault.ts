/** Everything of the agent that stands on `vault { … }`: made once, given to the rooms by wire.ts. */
import { vaultConnection, vaultFingerprint, vaultThings, vaultTokens } from "#integrations/vault";
import type { FingerprintSource, ThingSource, TokenExchange } from "#ports";
import type { VaultConfig } from "./config/mod.ts";

export interface AgentVault {
  readonly fingerprint: FingerprintSource;
  readonly tokens: TokenExchange;
  readonly things: ThingSource;
  /** Last of all. */
  close(): void;
}

/** Making credentials takes an engine its time: a database is asked. */
const TIMEOUT_MS = 30_000;

/** `defaultLeaseMs`: client { template { vault_default_lease_duration } }. Nothing is asked yet. */
export function openVault(vault: VaultConfig, defaultLeaseMs: number): AgentVault {
  const connection = vaultConnection({ ...vault, timeoutMs: TIMEOUT_MS });
  return {
    fingerprint: vaultFingerprint(connection),
    tokens: vaultTokens({ connection, authPath: vault.jwtAuthBackendPath, createFromRole: vault.createFromRole }),
    things: vaultThings({ connection, defaultLeaseMs }),
    close: () => connection.close(),
  };
}
