/** The servers' access control, or the refusal where there is none. */
import type { Server } from "#server";
import { NamedError } from "#std";
import type { Context } from "../call.ts";
import { requireServer } from "../require.ts";

/** Throws ACL_DISABLED (400), as Nomad says it. */
export function requireAccess(context: Context): Server["access"] {
  const { access } = requireServer(context);
  if (access.enabled) return access;
  throw new NamedError("ACL_DISABLED", "ACL support disabled", {
    statusCode: 400,
    fix: "Turn it on in every agent's configuration: acl { enabled = true }.",
  });
}
