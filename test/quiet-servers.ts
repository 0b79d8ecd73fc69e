/** The rest of a servers' end for tests that are about something else: it signs whatever it is asked to, and keeps no registry. */
import type { LinkConnection } from "#ports";

export const QUIET_SERVERS: Pick<
  LinkConnection,
  "signIdentities" | "services" | "upsertServices" | "deleteServices" | "followServices" | "verifyIdentity"
> = {
  signIdentities: async (requests) =>
    requests.map((Request) => ({ Request, JWT: `signed-${Request.Identity}`, IssuedAt: 1, ExpiresAt: 0 })),
  services: async () => [],
  upsertServices: async () => undefined,
  deleteServices: async () => undefined,
  followServices: async () => undefined,
  verifyIdentity: async () => false,
};
