/** Access control: policies, tokens, roles, ways to log in. nomad.md §3.2. Tokens' secrets come with what makes or reads one. */
import type { AclBindingRule, AclPolicy, AclRole, OneTimeToken } from "#model";
import {
  endpointPath,
  type AclAuthMethodAnswer,
  type AclAuthMethodStub,
  type AclBindingRuleStub,
  type AclPolicyStub,
  type AclTokenAnswer,
  type AclTokenStub,
} from "../contract/mod.ts";
import { withParameters, type QueryOptions, type Requester } from "./requester.ts";

type Fields = Readonly<Record<string, unknown>>;

export function aclCalls(ask: Requester) {
  return {
    /** `secret` "": made by the servers. */
    bootstrap: (secret: string, query?: QueryOptions) =>
      ask.put<AclTokenAnswer>(endpointPath("acl-bootstrap", {}), secret === "" ? {} : { BootstrapSecret: secret }, query),
    policies: {
      list: (query?: QueryOptions) => ask.get<readonly AclPolicyStub[]>(endpointPath("acl-policies", {}), query),
      self: (query?: QueryOptions) => ask.get<readonly AclPolicyStub[]>(endpointPath("acl-policy-self", {}), query),
      read: (name: string, query?: QueryOptions) => ask.get<AclPolicy>(endpointPath("acl-policy", { name }), query),
      write: (policy: Fields & { readonly Name: string }, query?: QueryOptions) =>
        ask.put<null>(endpointPath("acl-policy", { name: policy.Name }), policy, query),
      delete: (name: string, query?: QueryOptions) => ask.delete<null>(endpointPath("acl-policy", { name }), query),
    },
    tokens: {
      list: (globalOnly = false, query?: QueryOptions) =>
        ask.get<readonly AclTokenStub[]>(endpointPath("acl-tokens", {}), withParameters(query, { global: globalOnly ? true : undefined })),
      self: (query?: QueryOptions) => ask.get<AclTokenAnswer>(endpointPath("acl-token-self", {}), query),
      read: (accessor: string, query?: QueryOptions) => ask.get<AclTokenAnswer>(endpointPath("acl-token", { accessor }), query),
      create: (token: Fields, query?: QueryOptions) => ask.put<AclTokenAnswer>(endpointPath("acl-token-create", {}), token, query),
      update: (token: Fields & { readonly AccessorID: string }, query?: QueryOptions) =>
        ask.put<AclTokenAnswer>(endpointPath("acl-token", { accessor: token.AccessorID }), token, query),
      delete: (accessor: string, query?: QueryOptions) => ask.delete<null>(endpointPath("acl-token", { accessor }), query),
      createOneTime: (query?: QueryOptions) =>
        ask.put<{ readonly OneTimeToken: OneTimeToken }>(endpointPath("acl-token-onetime", {}), {}, query),
    },
    roles: {
      list: (query?: QueryOptions) => ask.get<readonly AclRole[]>(endpointPath("acl-roles", {}), query),
      read: (id: string, query?: QueryOptions) => ask.get<AclRole>(endpointPath("acl-role", { id }), query),
      readByName: (name: string, query?: QueryOptions) => ask.get<AclRole>(endpointPath("acl-role-by-name", { name }), query),
      create: (role: Fields, query?: QueryOptions) => ask.put<AclRole>(endpointPath("acl-role-create", {}), role, query),
      update: (role: Fields & { readonly ID: string }, query?: QueryOptions) =>
        ask.put<AclRole>(endpointPath("acl-role", { id: role.ID }), role, query),
      delete: (id: string, query?: QueryOptions) => ask.delete<null>(endpointPath("acl-role", { id }), query),
    },
    authMethods: {
      list: (query?: QueryOptions) => ask.get<readonly AclAuthMethodStub[]>(endpointPath("acl-auth-methods", {}), query),
      read: (name: string, query?: QueryOptions) => ask.get<AclAuthMethodAnswer>(endpointPath("acl-auth-method", { name }), query),
      create: (method: Fields, query?: QueryOptions) =>
        ask.put<AclAuthMethodAnswer>(endpointPath("acl-auth-method-create", {}), method, query),
      update: (method: Fields & { readonly Name: string }, query?: QueryOptions) =>
        ask.put<AclAuthMethodAnswer>(endpointPath("acl-auth-method", { name: method.Name }), method, query),
      delete: (name: string, query?: QueryOptions) => ask.delete<null>(endpointPath("acl-auth-method", { name }), query),
    },
    bindingRules: {
      list: (query?: QueryOptions) => ask.get<readonly AclBindingRuleStub[]>(endpointPath("acl-binding-rules", {}), query),
      read: (id: string, query?: QueryOptions) => ask.get<AclBindingRule>(endpointPath("acl-binding-rule", { id }), query),
      create: (rule: Fields, query?: QueryOptions) => ask.put<AclBindingRule>(endpointPath("acl-binding-rule-create", {}), rule, query),
      update: (rule: Fields & { readonly ID: string }, query?: QueryOptions) =>
        ask.put<AclBindingRule>(endpointPath("acl-binding-rule", { id: rule.ID }), rule, query),
      delete: (id: string, query?: QueryOptions) => ask.delete<null>(endpointPath("acl-binding-rule", { id }), query),
    },
    /** `method` "": the default one of the type. */
    login: (method: string, loginToken: string, query?: QueryOptions) =>
      ask.put<AclTokenAnswer>(endpointPath("acl-login", {}), { AuthMethodName: method, LoginToken: loginToken }, query),
    oidcAuthUrl: (request: Fields, query?: QueryOptions) =>
      ask.put<{ readonly AuthURL: string }>(endpointPath("acl-oidc-auth-url", {}), request, query),
    oidcCompleteAuth: (request: Fields, query?: QueryOptions) =>
      ask.put<AclTokenAnswer>(endpointPath("acl-oidc-complete-auth", {}), request, query),
  };
}
