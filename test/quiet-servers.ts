/** The rest of a servers' end for tests that are about something else: it signs whatever it is asked to, keeps no registry, grants every turn. */
import type { LinkConnection } from "#ports";

export const QUIET_SERVERS: Pick<
  LinkConnection,
  | "signIdentities"
  | "services"
  | "upsertServices"
  | "deleteServices"
  | "followServices"
  | "readVariable"
  | "takeTurn"
  | "giveTurnBack"
  | "unseal"
  | "verifyIdentity"
> = {
  signIdentities: async (requests) =>
    requests.map((Request) => ({ Request, JWT: `signed-${Request.Identity}`, IssuedAt: 1, ExpiresAt: 0 })),
  services: async () => [],
  upsertServices: async () => undefined,
  deleteServices: async () => undefined,
  followServices: async () => undefined,
  readVariable: async () => ({ Index: 1, Variable: null, List: [] }),
  takeTurn: async () => ({ Granted: true, Reason: "" }),
  giveTurnBack: async () => undefined,
  unseal: async () => ({}),
  verifyIdentity: async () => false,
};
