/** A policy's text is read once, until it changes. Index and name are not enough: what is restored may have both, and another text. */
import { parsePolicy, type Rules } from "#access";
import type { AclPolicy } from "#model";

export type PolicyRules = (policy: AclPolicy) => Rules;

export function createPolicyRules(): PolicyRules {
  const parsed = new Map<string, { readonly text: string; readonly rules: Rules }>();
  return (policy) => {
    const known = parsed.get(policy.Name);
    if (known?.text === policy.Rules) return known.rules;
    const rules = parsePolicy(policy.Rules, policy.Name);
    parsed.set(policy.Name, { text: policy.Rules, rules });
    return rules;
  };
}
