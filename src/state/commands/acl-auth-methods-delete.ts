/** Ways to log in go, all of those named or none, with the rules that bind their logins: another of the same name starts without any. */
import type { Command } from "../contract.ts";
import { dropAuthMethod, dropBindingRule } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type AuthMethodsDelete = Extract<Command, { type: "acl-auth-methods-delete" }>;

export function applyAclAuthMethodsDelete(draft: Draft, command: AuthMethodsDelete): Refusal | undefined {
  const { authMethods, rulesByMethod, bindingRules } = draft.tables.acl;
  for (const name of command.Names) {
    const method = authMethods.get(name);
    if (method === undefined) return { code: "missing", reason: `Cannot delete ACL auth method "${name}": no such method` };
    for (const id of Array.from(rulesByMethod.values(name))) {
      const rule = bindingRules.get(id);
      if (rule !== undefined) dropBindingRule(draft, rule);
    }
    dropAuthMethod(draft, method);
  }
  return undefined;
}
