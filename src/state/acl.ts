/** Writing access control's records, with what finds them and what the event stream says. Stamped with the entry's index. */
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken } from "#model";
import { authMethodEvent, bindingRuleEvent, policyEvent, roleEvent, tokenEvent } from "./acl-events.ts";
import type { Entry } from "./entry.ts";
import { secretKey } from "./tables/acl-tables.ts";

interface Stamped {
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

function stamped<T extends Stamped>(entry: Entry, record: T, before: Stamped | undefined): T {
  return { ...record, CreateIndex: before?.CreateIndex ?? entry.index, ModifyIndex: entry.index };
}

export function putPolicy(entry: Entry, given: AclPolicy): void {
  const { policies } = entry.tables.acl;
  const policy = stamped(entry, given, policies.get(given.Name));
  entry.set(policies, policy.Name, policy, "acl-policies");
  entry.aclEvents.push(policyEvent(policy, "Upserted"));
}
export function dropPolicy(entry: Entry, policy: AclPolicy): void {
  entry.delete(entry.tables.acl.policies, policy.Name, "acl-policies");
  entry.aclEvents.push(policyEvent(policy, "Deleted"));
}

export function putRole(entry: Entry, given: AclRole): void {
  const { roles, roleNames } = entry.tables.acl;
  const before = roles.get(given.ID);
  const role = stamped(entry, given, before);
  entry.set(roles, role.ID, role, "acl-roles");
  if (before !== undefined && before.Name !== role.Name) entry.journal.delete(roleNames, before.Name);
  entry.journal.set(roleNames, role.Name, role.ID);
  entry.aclEvents.push(roleEvent(role, "Upserted"));
}
export function dropRole(entry: Entry, role: AclRole): void {
  const { roles, roleNames } = entry.tables.acl;
  entry.delete(roles, role.ID, "acl-roles");
  entry.journal.delete(roleNames, role.Name);
  entry.aclEvents.push(roleEvent(role, "Deleted"));
}

export function putToken(entry: Entry, given: AclToken): void {
  const { tokens, secrets } = entry.tables.acl;
  const before = tokens.get(given.AccessorID);
  const token = stamped(entry, given, before);
  entry.set(tokens, token.AccessorID, token, "acl-tokens");
  if (before?.SecretID !== token.SecretID) {
    if (before !== undefined) entry.journal.delete(secrets, secretKey(before.SecretID));
    entry.journal.set(secrets, secretKey(token.SecretID), token.AccessorID);
  }
  entry.aclEvents.push(tokenEvent(token, "Upserted"));
}
export function dropToken(entry: Entry, token: AclToken): void {
  const { tokens, secrets } = entry.tables.acl;
  entry.delete(tokens, token.AccessorID, "acl-tokens");
  entry.journal.delete(secrets, secretKey(token.SecretID));
  entry.aclEvents.push(tokenEvent(token, "Deleted"));
}

export function putAuthMethod(entry: Entry, given: AclAuthMethod): void {
  const { authMethods } = entry.tables.acl;
  const method = stamped(entry, given, authMethods.get(given.Name));
  entry.set(authMethods, method.Name, method, "acl-auth-methods");
  entry.aclEvents.push(authMethodEvent(method, "Upserted"));
}
export function dropAuthMethod(entry: Entry, method: AclAuthMethod): void {
  entry.delete(entry.tables.acl.authMethods, method.Name, "acl-auth-methods");
  entry.aclEvents.push(authMethodEvent(method, "Deleted"));
}

export function putBindingRule(entry: Entry, given: AclBindingRule): void {
  const { bindingRules, rulesByMethod } = entry.tables.acl;
  const before = bindingRules.get(given.ID);
  const rule = stamped(entry, given, before);
  entry.set(bindingRules, rule.ID, rule, "acl-binding-rules");
  if (before !== undefined && before.AuthMethod !== rule.AuthMethod) entry.journal.deleteIn(rulesByMethod, before.AuthMethod, rule.ID);
  entry.journal.setIn(rulesByMethod, rule.AuthMethod, rule.ID, rule.ID);
  entry.aclEvents.push(bindingRuleEvent(rule, "Upserted"));
}
export function dropBindingRule(entry: Entry, rule: AclBindingRule): void {
  const { bindingRules, rulesByMethod } = entry.tables.acl;
  entry.delete(bindingRules, rule.ID, "acl-binding-rules");
  entry.journal.deleteIn(rulesByMethod, rule.AuthMethod, rule.ID);
  entry.aclEvents.push(bindingRuleEvent(rule, "Deleted"));
}
