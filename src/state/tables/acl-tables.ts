/**
 * Access control as it is kept: records by their names or ids, and how to find them otherwise. A token is found by a digest of its
 * secret, so that neither order nor timing of the search says anything about secrets near it.
 */
import { createHash } from "node:crypto";
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken, OneTimeToken } from "#model";
import { OrderedMap } from "#std";
import { Grouped } from "./grouped.ts";

/** There is one at most, under BOOTSTRAP. */
export interface Bootstrapped {
  /** Of the entry that did it: what a reset has to name. */
  readonly Index: number;
}
export const BOOTSTRAP = "done";

export class AclTables {
  readonly policies: OrderedMap<AclPolicy>;
  readonly roles: OrderedMap<AclRole>;
  /** Name → id. */
  readonly roleNames: OrderedMap<string>;
  /** By accessor. */
  readonly tokens: OrderedMap<AclToken>;
  /** `secretKey` → accessor. */
  readonly secrets: OrderedMap<string>;
  readonly authMethods: OrderedMap<AclAuthMethod>;
  readonly bindingRules: OrderedMap<AclBindingRule>;
  /** Method → ids of its rules. */
  readonly rulesByMethod: Grouped<string>;
  /** By `secretKey`. */
  readonly oneTimeTokens: OrderedMap<OneTimeToken>;
  readonly bootstrap: OrderedMap<Bootstrapped>;

  constructor(from?: AclTables) {
    this.policies = from?.policies.fork() ?? new OrderedMap();
    this.roles = from?.roles.fork() ?? new OrderedMap();
    this.roleNames = from?.roleNames.fork() ?? new OrderedMap();
    this.tokens = from?.tokens.fork() ?? new OrderedMap();
    this.secrets = from?.secrets.fork() ?? new OrderedMap();
    this.authMethods = from?.authMethods.fork() ?? new OrderedMap();
    this.bindingRules = from?.bindingRules.fork() ?? new OrderedMap();
    this.rulesByMethod = from?.rulesByMethod.fork() ?? new Grouped();
    this.oneTimeTokens = from?.oneTimeTokens.fork() ?? new OrderedMap();
    this.bootstrap = from?.bootstrap.fork() ?? new OrderedMap();
  }

  fork(): AclTables {
    return new AclTables(this);
  }
}

/** What a secret is found by. */
export function secretKey(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Ones that are read back. */
export function indexRole(acl: AclTables, role: AclRole): void {
  acl.roles.set(role.ID, role);
  acl.roleNames.set(role.Name, role.ID);
}
export function indexToken(acl: AclTables, token: AclToken): void {
  acl.tokens.set(token.AccessorID, token);
  acl.secrets.set(secretKey(token.SecretID), token.AccessorID);
}
export function indexBindingRule(acl: AclTables, rule: AclBindingRule): void {
  acl.bindingRules.set(rule.ID, rule);
  acl.rulesByMethod.set(rule.AuthMethod, rule.ID, rule.ID);
}
