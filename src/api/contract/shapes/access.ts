/** Policies, tokens, auth methods and binding rules, without what is secret in them. nomad.md §3.2–3.5. */
import type { AclAuthMethod, AclAuthMethodConfig, AclBindingRule, AclPolicy, AclToken } from "#model";

/** GET /v1/acl/policies */
export type AclPolicyStub = Omit<AclPolicy, "Rules">;

/** A token, wherever one is answered: its ExpirationTTL as Go writes it, "" for none. */
export interface AclTokenAnswer extends Omit<AclToken, "ExpirationTTL"> {
  readonly ExpirationTTL: string;
}

/** GET /v1/acl/tokens: without secrets. */
export type AclTokenStub = Omit<AclToken, "SecretID" | "ExpirationTTL">;

/** GET /v1/acl/auth-methods */
export type AclAuthMethodStub = Pick<AclAuthMethod, "Name" | "Type" | "Default" | "Hash" | "CreateIndex" | "ModifyIndex">;

/** GET /v1/acl/auth-method/:name: durations as Go writes them; secrets are "redacted". */
export interface AclAuthMethodAnswer extends Omit<AclAuthMethod, "MaxTokenTTL" | "Config"> {
  readonly MaxTokenTTL: string;
  readonly Config: Omit<AclAuthMethodConfig, "ExpirationLeeway" | "NotBeforeLeeway" | "ClockSkewLeeway"> & {
    readonly ExpirationLeeway: string;
    readonly NotBeforeLeeway: string;
    readonly ClockSkewLeeway: string;
  };
}

/** GET /v1/acl/binding-rules */
export type AclBindingRuleStub = Pick<AclBindingRule, "ID" | "Description" | "AuthMethod" | "Hash" | "CreateIndex" | "ModifyIndex">;
