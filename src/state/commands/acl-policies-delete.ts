/** Policies go, all of those named or none. Tokens and roles that name them keep the name: it opens nothing any more. */
import type { Command } from "../contract.ts";
import { dropPolicy } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type PoliciesDelete = Extract<Command, { type: "acl-policies-delete" }>;

export function applyAclPoliciesDelete(draft: Draft, command: PoliciesDelete): Refusal | undefined {
  for (const name of command.Names) {
    const policy = draft.tables.acl.policies.get(name);
    if (policy === undefined) return { code: "missing", reason: `Cannot delete ACL policy "${name}": no such policy` };
    dropPolicy(draft, policy);
  }
  return undefined;
}
