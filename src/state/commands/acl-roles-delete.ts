/** Roles go, all of those named or none. Tokens that name them keep the id: it opens nothing any more. */
import type { Command } from "../contract.ts";
import { dropRole } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type RolesDelete = Extract<Command, { type: "acl-roles-delete" }>;

export function applyAclRolesDelete(draft: Draft, command: RolesDelete): Refusal | undefined {
  for (const id of command.IDs) {
    const role = draft.tables.acl.roles.get(id);
    if (role === undefined) return { code: "missing", reason: `Cannot delete ACL role "${id}": no such role` };
    dropRole(draft, role);
  }
  return undefined;
}
