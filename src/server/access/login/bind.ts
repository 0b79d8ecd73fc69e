/** A login that is believed → the token it gets, or nothing: what no rule binds may not in. Pure but for the random ids. nomad.md §7 (SSO). */
import type { AclAuthMethod, AclBindingRule, AclToken } from "#model";
import { compileFilter, NamedError } from "#std";
import type { Snapshot } from "#state";
import { unbound } from "../errors.ts";
import { withoutRepeats } from "../fields.ts";
import type { AccessParts } from "../parts.ts";
import { newToken } from "../tokens.ts";
import { type Claims, selectableOf, type Selectable } from "./claims.ts";
import { interpolate } from "./interpolate.ts";

export interface Bound {
  readonly management: boolean;
  readonly roles: readonly { readonly ID: string; readonly Name: string }[];
  readonly policies: readonly string[];
}

/** What rules name and is not there binds nothing; a selector that cannot be asked of these claims matches nothing. */
export function bind(snapshot: Snapshot, method: AclAuthMethod, from: Selectable): Bound {
  const names = Object.fromEntries(Object.entries(from.value).map(([name, value]) => [`value.${name}`, value]));
  const roles: { ID: string; Name: string }[] = [];
  const policies: string[] = [];
  let management = false;
  for (const rule of snapshot.bindingRulesByMethod(method.Name)) {
    if (!matches(rule, from)) continue;
    if (rule.BindType === "management") management = true;
    const name = rule.BindType === "management" ? undefined : interpolate(rule.BindName, names);
    if (name === undefined || name === "") continue;
    const role = rule.BindType === "role" ? snapshot.aclRoleByName(name) : undefined;
    if (role !== undefined) roles.push({ ID: role.ID, Name: role.Name });
    if (rule.BindType === "policy" && snapshot.aclPolicy(name) !== undefined) policies.push(name);
  }
  return { management, roles: withoutRepeats(roles, ({ ID }) => ID), policies: withoutRepeats(policies, (each) => each) };
}

function matches({ Selector }: AclBindingRule, from: Selectable): boolean {
  if (Selector === "") return true;
  try {
    return compileFilter(Selector)(from);
  } catch (thrown) {
    if (thrown instanceof NamedError) return false;
    throw thrown;
  }
}

/** NamedError ACL_LOGIN_UNBOUND (400) when nothing is bound. */
export function tokenOf(parts: Pick<AccessParts, "clock" | "random">, snapshot: Snapshot, method: AclAuthMethod, claims: Claims): AclToken {
  const from = selectableOf(claims, method.Config);
  const { management, roles, policies } = bind(snapshot, method, from);
  if (!management && roles.length === 0 && policies.length === 0) throw unbound();
  const values = Object.fromEntries(Object.entries(from.value).map(([name, value]) => [`value.${name}`, value]));
  const given = { ...values, auth_method_type: method.Type, auth_method_name: method.Name };
  const Name = interpolate(method.TokenNameFormat, given) ?? `${method.Type}-${method.Name}`;
  return newToken(parts, {
    Name: Name.slice(0, 256),
    Type: management ? "management" : "client",
    Policies: management ? [] : policies,
    Roles: management ? [] : roles,
    Global: method.TokenLocality === "global",
    endMs: parts.clock.nowMs() + method.MaxTokenTTL / 1e6,
    ttlNs: method.MaxTokenTTL,
  });
}
