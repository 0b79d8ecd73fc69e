/**
 * Whose token is this? Signed by a key of the keyring, made for us, in time, and of a workload that lives. nomad.md §7. One made for somebody else
 * (Vault, Consul, a cloud) is in their hands, and opens nothing here: stricter than Nomad, which takes any.
 */
import { clientTerminal, DEFAULT_IDENTITY_AUDIENCE, type WorkloadClaims } from "#model";
import { importJWK, jwtVerify } from "jose";
import type { ServerContext } from "../context.ts";

export async function verifyIdentity({ cluster, clock }: ServerContext, token: string): Promise<WorkloadClaims | undefined> {
  const snapshot = cluster.state.snapshot();
  const keys = new Map([...snapshot.rootKeys()].map((key) => [key.KeyID, key]));
  const claims = await jwtVerify(
    token,
    async ({ kid, alg }) => {
      const key = keys.get(kid ?? "");
      if (key === undefined || key.Algorithm !== alg) throw new Error("not a key of this keyring");
      return importJWK({ ...key.PublicJwk } as Parameters<typeof importJWK>[0], alg);
    },
    { currentDate: new Date(clock.nowMs()), algorithms: ["RS256", "EdDSA"], audience: DEFAULT_IDENTITY_AUDIENCE },
  ).then(
    ({ payload }) => payload as unknown as WorkloadClaims,
    () => undefined,
  );
  if (claims === undefined) return undefined;
  const allocation = snapshot.allocation(claims.nomad_allocation_id);
  return allocation === undefined || clientTerminal(allocation) ? undefined : workloadClaims(claims);
}

/** Without the registered names, which are about the token. */
const REGISTERED = new Set(["sub", "aud", "iss", "iat", "nbf", "exp", "jti"]);

function workloadClaims(claims: WorkloadClaims): WorkloadClaims {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !REGISTERED.has(name))) as unknown as WorkloadClaims;
}
