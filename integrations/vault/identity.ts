/** What stands in a workload's JWT, as far as Vault is concerned. It is not verified here: Vault does. Pure. */

export interface IdentityClaims {
  /** "" for none. */
  readonly role: string;
  readonly namespace: string;
  readonly audience: readonly string[];
  /** Unix milliseconds; null: not said. */
  readonly issuedAtMs: number | null;
  readonly notBeforeMs: number | null;
  readonly expiresAtMs: number | null;
}

export function readClaims(jwt: string): IdentityClaims {
  const claims = payloadOf(jwt);
  const text = (name: string): string => (typeof claims[name] === "string" ? claims[name] : "");
  const time = (name: string): number | null => (typeof claims[name] === "number" ? claims[name] * 1000 : null);
  const aud = claims["aud"];
  return {
    role: text("vault_role"),
    namespace: text("vault_namespace"),
    audience: Array.isArray(aud) ? aud.map(String) : typeof aud === "string" ? [aud] : [],
    issuedAtMs: time("iat"),
    notBeforeMs: time("nbf"),
    expiresAtMs: time("exp"),
  };
}

function payloadOf(jwt: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * What Vault's clock makes of it, in words; "" when the times fit. `hereMs`: this machine's clock when the answer came.
 */
export function skewText(claims: IdentityClaims, vaultMs: number | null, hereMs: number): string {
  if (vaultMs === null) return "";
  const starts = Math.max(claims.issuedAtMs ?? 0, claims.notBeforeMs ?? 0);
  const between = Math.abs(hereMs - vaultMs);
  const here = between > 2_000 ? `; this machine's clock and Vault's differ by ${seconds(between)}` : "";
  if (starts > vaultMs)
    return `by Vault's clock the identity begins in ${seconds(starts - vaultMs)}: the clocks of the servers and of Vault differ by so much${here}`;
  if (claims.expiresAtMs !== null && claims.expiresAtMs < vaultMs)
    return `by Vault's clock the identity ended ${seconds(vaultMs - claims.expiresAtMs)} ago${here}`;
  return "";
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
