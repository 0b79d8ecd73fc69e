/** A policy's text is read once, until it changes. */
import { parsePolicy, type Rules } from "#access";
import type { AclPolicy } from "#model";

export type PolicyRules = (policy: AclPolicy) => Rules;

export function createPolicyRules(): PolicyRules {
  const parsed = new Map<string, { readonly index: number; readonly rules: Rules }>();
  return (policy) => {
    const known = parsed.get(policy.Name);
    if (known?.index === policy.ModifyIndex) return known.rules;
    const rules = parsePolicy(policy.Rules, policy.Name);
    parsed.set(policy.Name, { index: policy.ModifyIndex, rules });
    return rules;
  };
}
