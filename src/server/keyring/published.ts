/** What anybody may know of the keyring, to verify what it signed. nomad.md §3.2 `/.well-known/…`. */
import type { RootKey } from "#model";

const SECOND_MS = 1_000;
const AGE_MIN_S = 60;
/** A rotation somebody asks for comes without notice: it is known everywhere within this. */
const AGE_MAX_S = 3_600;

export interface Jwks {
  readonly keys: readonly Readonly<Record<string, string>>[];
  /** Seconds. Less than the time between a key's publication and its first signature. */
  readonly maxAgeS: number;
}

export function jwksOf(keys: Iterable<RootKey>, rotationMs: number): Jwks {
  const published = [...keys].map(({ KeyID, Algorithm, PublicJwk }) => ({ use: "sig", ...PublicJwk, kid: KeyID, alg: Algorithm }));
  const maxAgeS = Math.min(AGE_MAX_S, Math.max(AGE_MIN_S, Math.floor(rotationMs / 2 / SECOND_MS)));
  return { keys: published, maxAgeS };
}

/** null: no issuer is configured. */
export function discoveryOf(issuer: string): Readonly<Record<string, unknown>> | null {
  if (issuer === "") return null;
  return {
    issuer,
    jwks_uri: `${issuer.replace(/\/$/, "")}/.well-known/jwks.json`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256", "EdDSA"],
  };
}
