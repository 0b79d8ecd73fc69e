/** Access control put together with what a server has: its identities, its keyring, its lead. */
import type { Web } from "#ports";
import type { ServerContext } from "../context.ts";
import { verifyNodeIdentity } from "../nodes/identities.ts";
import { verifyIdentity } from "../operations/verify-identity.ts";
import type { AccessControl } from "./contract.ts";
import { createAccess } from "./create-access.ts";
import { type AccessKeys, type AccessPolicy, DEFAULT_ACCESS_POLICY } from "./parts.ts";
import { createTokenReaper } from "./reaper.ts";

export interface AccessSettings {
  /** acl { token_min_expiration_ttl, token_max_expiration_ttl } */
  readonly policy: AccessPolicy;
  /** Providers of logins are asked through it. */
  readonly web: Web;
  /** The number in `<data_dir>/server/acl-bootstrap-reset`; null: there is none. */
  readonly resetIndex: () => Promise<number | null>;
  /** server { acl_token_gc_threshold }: how long an expired token is still shown. */
  readonly expiredShownMs: number;
}
export const DEFAULT_ACCESS_SETTINGS: Omit<AccessSettings, "web"> = {
  policy: DEFAULT_ACCESS_POLICY,
  resetIndex: () => Promise.resolve(null),
  expiredShownMs: 3_600_000,
};

/** `ends` is given what has to be waited for at the end. */
export async function startAccess(
  context: ServerContext,
  settings: AccessSettings & { readonly keys: AccessKeys | undefined },
  ends: (end: () => void) => void,
): Promise<AccessControl> {
  const { cluster, clock, random, report } = context;
  const { expiredShownMs, ...given } = settings;
  const stop = await cluster.whenLeading(async (leadership) => {
    const reaper = createTokenReaper({ cluster: leadership.cluster, clock, report }, expiredShownMs);
    return async () => reaper.close();
  });
  ends(stop);
  return createAccess({
    cluster,
    clock,
    random,
    report,
    ...given,
    verifyIdentity: (token) => verifyIdentity(context, token),
    verifyNode: async (token) => (await verifyNodeIdentity(context, token))?.nomad_node_id,
  });
}
