/** What a login is given is said, or said anew. */
import type { Command } from "../contract.ts";
import { putBindingRule } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type BindingRulesUpsert = Extract<Command, { type: "acl-binding-rules-upsert" }>;

export function applyAclBindingRulesUpsert(draft: Draft, command: BindingRulesUpsert): Refusal | undefined {
  for (const rule of command.Rules) {
    if (!draft.tables.acl.authMethods.has(rule.AuthMethod)) {
      return { code: "invalid", reason: `ACL auth method ${rule.AuthMethod} not found` };
    }
    putBindingRule(draft, rule);
  }
  return undefined;
}
