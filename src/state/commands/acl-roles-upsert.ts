/** Roles are written or replaced. One that names a policy which is not there, or has another's name, is refused. nomad.md §8 acl/Role. */
import type { AclRole } from "#model";
import type { Command } from "../contract.ts";
import { putRole } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type RolesUpsert = Extract<Command, { type: "acl-roles-upsert" }>;

export function applyAclRolesUpsert(draft: Draft, command: RolesUpsert): Refusal | undefined {
  for (const role of command.Roles) {
    const refusal = refuse(draft, role);
    if (refusal !== undefined) return refusal;
    putRole(draft, role);
  }
  return undefined;
}

function refuse(draft: Draft, role: AclRole): Refusal | undefined {
  const { policies, roleNames } = draft.tables.acl;
  const missing = role.Policies.find(({ Name }) => !policies.has(Name));
  if (missing !== undefined) return { code: "invalid", reason: `cannot find policy ${missing.Name}` };
  const holder = roleNames.get(role.Name);
  if (holder === undefined || holder === role.ID) return undefined;
  return { code: "conflict", reason: `role with name ${role.Name} already exists` };
}
