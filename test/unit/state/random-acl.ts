/** Commands of access control, few names, so that they meet: roles without their policies, secrets twice, methods that go. */
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken } from "#model";
import type { Random } from "#ports";
import type { Command } from "#state";

export function aclPolicy(Name: string, with_: Partial<AclPolicy> = {}): AclPolicy {
  return { Name, Description: "", Rules: "", JobACL: null, Hash: "", CreateIndex: 0, ModifyIndex: 0, ...with_ };
}
export function aclRole(ID: string, with_: Partial<AclRole> = {}): AclRole {
  return { ID, Name: ID, Description: "", Policies: [], Hash: "", CreateIndex: 0, ModifyIndex: 0, ...with_ };
}
export function aclToken(AccessorID: string, with_: Partial<AclToken> = {}): AclToken {
  return {
    AccessorID,
    SecretID: `secret-of-${AccessorID}`,
    Name: "",
    Type: "client",
    Policies: [],
    Roles: [],
    Global: false,
    Hash: "",
    CreateTime: "2026-01-01T00:00:00Z",
    ExpirationTime: null,
    ExpirationTTL: 0,
    CreateIndex: 0,
    ModifyIndex: 0,
    ...with_,
  };
}
export function authMethod(Name: string, with_: Partial<AclAuthMethod> = {}): AclAuthMethod {
  return {
    Name,
    Type: "JWT",
    TokenLocality: "local",
    TokenNameFormat: "",
    MaxTokenTTL: 3600e9,
    Default: false,
    Config: {
      JWTValidationPubKeys: [],
      JWKSURL: "",
      JWKSCACert: "",
      OIDCDiscoveryURL: "",
      OIDCClientID: "",
      OIDCClientSecret: "its client secret",
      OIDCClientAssertion: null,
      OIDCEnablePKCE: false,
      OIDCDisableUserInfo: false,
      OIDCScopes: [],
      BoundAudiences: [],
      BoundIssuer: [],
      AllowedRedirectURIs: [],
      DiscoveryCaPem: [],
      SigningAlgs: [],
      ExpirationLeeway: 0,
      NotBeforeLeeway: 0,
      ClockSkewLeeway: 0,
      ClaimMappings: {},
      ListClaimMappings: {},
      VerboseLogging: false,
    },
    Hash: "",
    CreateTime: "2026-01-01T00:00:00Z",
    ModifyTime: "2026-01-01T00:00:00Z",
    CreateIndex: 0,
    ModifyIndex: 0,
    ...with_,
  };
}
export function bindingRule(ID: string, AuthMethod: string, with_: Partial<AclBindingRule> = {}): AclBindingRule {
  return {
    ID,
    Description: "",
    AuthMethod,
    Selector: "",
    BindType: "policy",
    BindName: "read",
    Hash: "",
    CreateTime: "2026-01-01T00:00:00Z",
    ModifyTime: "2026-01-01T00:00:00Z",
    CreateIndex: 0,
    ModifyIndex: 0,
    ...with_,
  };
}

type AclType = Extract<Command["type"], `acl-${string}` | `one-time-${string}`>;

export function aclMakers(random: Random): { readonly [Type in AclType]: () => Command } {
  const some = <T>(list: readonly T[]): T => list[random.integer(list.length)] as T;
  const chance = (percent: number) => random.integer(100) < percent;
  const policy = () => `policy-${random.integer(3)}`;
  const role = () => `role-${random.integer(3)}`;
  const accessor = () => `token-${random.integer(4)}`;
  const method = () => `method-${random.integer(3)}`;
  const rule = () => `rule-${random.integer(3)}`;
  const token = () => {
    const id = accessor();
    return aclToken(id, { ...(chance(10) ? { SecretID: `secret-of-${accessor()}` } : {}), Policies: [policy()] });
  };
  const oneTime = () => `once-${random.integer(4)}`;
  return {
    "acl-policies-upsert": () => ({
      type: "acl-policies-upsert",
      Policies: [aclPolicy(policy(), { Description: String(random.integer(9)) })],
    }),
    "acl-policies-delete": () => ({ type: "acl-policies-delete", Names: [policy(), ...(chance(20) ? [policy()] : [])] }),
    "acl-roles-upsert": () => ({
      type: "acl-roles-upsert",
      Roles: [aclRole(role(), { Name: `name-${random.integer(3)}`, Policies: [{ Name: policy() }] })],
    }),
    "acl-roles-delete": () => ({ type: "acl-roles-delete", IDs: [role()] }),
    "acl-tokens-upsert": () => ({ type: "acl-tokens-upsert", Tokens: [token()], ...(chance(30) ? { Existing: true as const } : {}) }),
    "acl-tokens-delete": () => ({ type: "acl-tokens-delete", AccessorIDs: [accessor(), accessor()], Expired: chance(50) }),
    "acl-bootstrap": () => ({ type: "acl-bootstrap", Token: token(), ResetIndex: chance(50) ? null : random.integer(50) }),
    "acl-auth-methods-upsert": () => ({
      type: "acl-auth-methods-upsert",
      Methods: [authMethod(method(), { Type: some(["JWT", "OIDC"] as const), Default: chance(30) })],
    }),
    "acl-auth-methods-delete": () => ({ type: "acl-auth-methods-delete", Names: [method()] }),
    "acl-binding-rules-upsert": () => ({ type: "acl-binding-rules-upsert", Rules: [bindingRule(rule(), method())] }),
    "acl-binding-rules-delete": () => ({ type: "acl-binding-rules-delete", IDs: [rule()] }),
    "one-time-token-put": () => ({
      type: "one-time-token-put",
      Token: {
        OneTimeSecretID: oneTime(),
        AccessorID: accessor(),
        ExpiresAt: "2026-01-01T00:10:00Z",
        CreateIndex: 0,
        ModifyIndex: 0,
      },
    }),
    "one-time-tokens-delete": () => ({ type: "one-time-tokens-delete", Secrets: [oneTime()], Expired: chance(50) }),
  };
}
