/** What the event stream says of access control: that something changed, never a secret. nomad.md §3.4. */
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken } from "#model";
import { formatDuration } from "#std";

export interface AclEvent {
  readonly topic: "ACLPolicy" | "ACLRole" | "ACLToken" | "ACLAuthMethod" | "ACLBindingRule";
  readonly type: string;
  readonly key: string;
  readonly filterKeys: readonly string[];
  /** Without secrets already: what lies in the buffer holds none. */
  readonly payload: object;
}

type Happened = "Upserted" | "Deleted";

export function policyEvent(policy: AclPolicy, happened: Happened): AclEvent {
  return { topic: "ACLPolicy", type: `ACLPolicy${happened}`, key: policy.Name, filterKeys: [], payload: policy };
}
export function roleEvent(role: AclRole, happened: Happened): AclEvent {
  return { topic: "ACLRole", type: `ACLRole${happened}`, key: role.ID, filterKeys: [role.Name], payload: role };
}
export function tokenEvent(token: AclToken, happened: Happened): AclEvent {
  // As the API shows it: a duration as Go writes it.
  const ttl = token.ExpirationTTL === 0 ? "" : formatDuration(token.ExpirationTTL);
  const payload = { ...token, SecretID: "", ExpirationTTL: ttl };
  return { topic: "ACLToken", type: `ACLToken${happened}`, key: token.AccessorID, filterKeys: [], payload };
}
export function authMethodEvent(method: AclAuthMethod, happened: Happened): AclEvent {
  const { OIDCClientAssertion: _assertion, ...config } = method.Config;
  const payload = { ...method, Config: { ...config, OIDCClientSecret: "", OIDCClientAssertion: null } };
  return { topic: "ACLAuthMethod", type: `ACLAuthMethod${happened}`, key: method.Name, filterKeys: [], payload };
}
export function bindingRuleEvent(rule: AclBindingRule, happened: Happened): AclEvent {
  return { topic: "ACLBindingRule", type: `ACLBindingRule${happened}`, key: rule.ID, filterKeys: [rule.AuthMethod], payload: rule };
}
