/** Writing access control's records, with what finds them and what the event stream says. Stamped with the entry's index. */
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken } from "#model";
import { authMethodEvent, bindingRuleEvent, policyEvent, roleEvent, tokenEvent } from "./acl-events.ts";
import type { Draft } from "./draft.ts";
import { secretKey } from "./tables/acl-tables.ts";

interface Stamped {
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

function stamped<T extends Stamped>(draft: Draft, record: T, before: Stamped | undefined): T {
  return { ...record, CreateIndex: before?.CreateIndex ?? draft.index, ModifyIndex: draft.index };
}

export function putPolicy(draft: Draft, given: AclPolicy): void {
  const { policies } = draft.tables.acl;
  const policy = stamped(draft, given, policies.get(given.Name));
  draft.set(policies, policy.Name, policy, "acl-policies");
  draft.aclEvents.push(policyEvent(policy, "Upserted"));
}
export function dropPolicy(draft: Draft, policy: AclPolicy): void {
  draft.delete(draft.tables.acl.policies, policy.Name, "acl-policies");
  draft.aclEvents.push(policyEvent(policy, "Deleted"));
}

export function putRole(draft: Draft, given: AclRole): void {
  const { roles, roleNames } = draft.tables.acl;
  const before = roles.get(given.ID);
  const role = stamped(draft, given, before);
  draft.set(roles, role.ID, role, "acl-roles");
  if (before !== undefined && before.Name !== role.Name) draft.journal.delete(roleNames, before.Name);
  draft.journal.set(roleNames, role.Name, role.ID);
  draft.aclEvents.push(roleEvent(role, "Upserted"));
}
export function dropRole(draft: Draft, role: AclRole): void {
  const { roles, roleNames } = draft.tables.acl;
  draft.delete(roles, role.ID, "acl-roles");
  draft.journal.delete(roleNames, role.Name);
  draft.aclEvents.push(roleEvent(role, "Deleted"));
}

export function putToken(draft: Draft, given: AclToken): void {
  const { tokens, secrets } = draft.tables.acl;
  const before = tokens.get(given.AccessorID);
  const token = stamped(draft, given, before);
  draft.set(tokens, token.AccessorID, token, "acl-tokens");
  if (before?.SecretID !== token.SecretID) {
    if (before !== undefined) draft.journal.delete(secrets, secretKey(before.SecretID));
    draft.journal.set(secrets, secretKey(token.SecretID), token.AccessorID);
  }
  draft.aclEvents.push(tokenEvent(token, "Upserted"));
}
export function dropToken(draft: Draft, token: AclToken): void {
  const { tokens, secrets } = draft.tables.acl;
  draft.delete(tokens, token.AccessorID, "acl-tokens");
  draft.journal.delete(secrets, secretKey(token.SecretID));
  draft.aclEvents.push(tokenEvent(token, "Deleted"));
}

export function putAuthMethod(draft: Draft, given: AclAuthMethod): void {
  const { authMethods } = draft.tables.acl;
  const method = stamped(draft, given, authMethods.get(given.Name));
  draft.set(authMethods, method.Name, method, "acl-auth-methods");
  draft.aclEvents.push(authMethodEvent(method, "Upserted"));
}
export function dropAuthMethod(draft: Draft, method: AclAuthMethod): void {
  draft.delete(draft.tables.acl.authMethods, method.Name, "acl-auth-methods");
  draft.aclEvents.push(authMethodEvent(method, "Deleted"));
}

export function putBindingRule(draft: Draft, given: AclBindingRule): void {
  const { bindingRules, rulesByMethod } = draft.tables.acl;
  const before = bindingRules.get(given.ID);
  const rule = stamped(draft, given, before);
  draft.set(bindingRules, rule.ID, rule, "acl-binding-rules");
  if (before !== undefined && before.AuthMethod !== rule.AuthMethod) draft.journal.deleteIn(rulesByMethod, before.AuthMethod, rule.ID);
  draft.journal.setIn(rulesByMethod, rule.AuthMethod, rule.ID, rule.ID);
  draft.aclEvents.push(bindingRuleEvent(rule, "Upserted"));
}
export function dropBindingRule(draft: Draft, rule: AclBindingRule): void {
  const { bindingRules, rulesByMethod } = draft.tables.acl;
  draft.delete(bindingRules, rule.ID, "acl-binding-rules");
  draft.journal.deleteIn(rulesByMethod, rule.AuthMethod, rule.ID);
  draft.aclEvents.push(bindingRuleEvent(rule, "Deleted"));
}
