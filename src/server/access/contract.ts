/**
 * Access control as a server does it: who is behind a token, and everything that changes policies, roles, tokens and ways to log in. What is
 * stored is read from the Snapshot (aclPolicies, aclTokens, …); refusals are NamedErrors with the HTTP status.
 */
import type { Grant } from "#access";
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken, OneTimeToken } from "#model";

interface Changed {
  readonly Index: number;
}

export interface AccessControl {
  /** Off: everybody may everything, and `resolve` says so. */
  readonly enabled: boolean;
  /**
   * "": anonymous. A token's secret, a workload's identity, a node's. Rejects with ACL_TOKEN_NOT_FOUND (403 "ACL token not found") and
   * ACL_TOKEN_EXPIRED (403 "ACL token expired"). Answered from this server's state; what it found is kept until the state changes.
   */
  resolve(token: string): Promise<Grant>;
  /** `secret` null: made here. Rejects with ACL_BOOTSTRAPPED (400 "ACL bootstrap already done (reset index: N)"), ACL_DISABLED (400). */
  bootstrap(secret: string | null): Promise<Changed & { readonly Token: AclToken }>;
  upsertPolicy(policy: unknown): Promise<Changed & { readonly Policy: AclPolicy }>;
  deletePolicy(name: string): Promise<Changed>;
  /** `accessor` null: created. By whom: expiry and type are checked against the limits of the configuration. */
  upsertToken(token: unknown, accessor: string | null): Promise<Changed & { readonly Token: AclToken }>;
  deleteToken(accessor: string): Promise<Changed>;
  createOneTimeToken(accessor: string): Promise<Changed & { readonly OneTimeToken: OneTimeToken }>;
  exchangeOneTimeToken(secret: string): Promise<Changed & { readonly Token: AclToken }>;
  upsertRole(role: unknown, id: string | null): Promise<Changed & { readonly Role: AclRole }>;
  deleteRole(id: string): Promise<Changed>;
  upsertAuthMethod(method: unknown, name: string | null): Promise<Changed & { readonly AuthMethod: AclAuthMethod }>;
  deleteAuthMethod(name: string): Promise<Changed>;
  upsertBindingRule(rule: unknown, id: string | null): Promise<Changed & { readonly BindingRule: AclBindingRule }>;
  deleteBindingRule(id: string): Promise<Changed>;
  /** JWT methods. `method` "": the default one of the type. */
  login(method: string, token: string): Promise<Changed & { readonly Token: AclToken }>;
  oidcAuthUrl(request: {
    readonly method: string;
    readonly redirectUri: string;
    readonly clientNonce: string;
  }): Promise<{ readonly AuthURL: string }>;
  oidcCompleteAuth(request: {
    readonly method: string;
    readonly redirectUri: string;
    readonly clientNonce: string;
    readonly state: string;
    readonly code: string;
  }): Promise<Changed & { readonly Token: AclToken }>;
}
