/** What logins were given they are not given any more; tokens that exist stay. */
import type { Command } from "../contract.ts";
import { dropBindingRule } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type BindingRulesDelete = Extract<Command, { type: "acl-binding-rules-delete" }>;

export function applyAclBindingRulesDelete(draft: Draft, command: BindingRulesDelete): Refusal | undefined {
  for (const id of command.IDs) {
    const rule = draft.tables.acl.bindingRules.get(id);
    if (rule === undefined) return { code: "missing", reason: `Cannot delete ACL binding rule "${id}": no such rule` };
    dropBindingRule(draft, rule);
  }
  return undefined;
}
