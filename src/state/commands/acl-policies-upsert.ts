/** Policies are written or replaced. */
import type { Command } from "../contract.ts";
import { putPolicy } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type PoliciesUpsert = Extract<Command, { type: "acl-policies-upsert" }>;

export function applyAclPoliciesUpsert(draft: Draft, command: PoliciesUpsert): Refusal | undefined {
  for (const policy of command.Policies) putPolicy(draft, policy);
  return undefined;
}
