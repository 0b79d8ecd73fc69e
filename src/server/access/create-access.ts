/**
 * Access control of a server: who is behind a token, and everything that changes policies, roles, tokens and ways to log in.
 *
 *   resolve.ts     token ─► Grant
 *   bootstrap, policies, roles, tokens, auth-methods, binding-rules: what may be written
 *   login/         a provider's word ─► verified ─► claims ─► binding rules ─► a token
 *   reaper.ts      what is over goes (on the server that leads)
 */
import type { AclAuthMethod } from "#model";
import { bootstrap } from "./bootstrap.ts";
import { deleteAuthMethod, upsertAuthMethod } from "./auth-methods.ts";
import { deleteBindingRule, upsertBindingRule } from "./binding-rules.ts";
import type { AccessControl } from "./contract.ts";
import { invalid, notFound } from "./errors.ts";
import { tokenOf } from "./login/bind.ts";
import { createDocuments } from "./login/documents.ts";
import { authUrl, completeAuth } from "./login/oidc.ts";
import { createLoginStates } from "./login/state-text.ts";
import { verified } from "./login/verify.ts";
import type { AccessParts } from "./parts.ts";
import { deletePolicy, upsertPolicy } from "./policies.ts";
import { createResolver } from "./resolve.ts";
import { deleteRole, upsertRole } from "./roles.ts";
import { createOneTimeToken, deleteToken, exchangeOneTimeToken, storeToken, upsertToken } from "./tokens.ts";

export function createAccess(parts: AccessParts): AccessControl {
  const { cluster, clock } = parts;
  const documents = createDocuments(parts.web, clock);
  const flow = { parts, documents, states: createLoginStates(parts) };

  /** After a barrier: it may have been made on another server. `name` "": the default of the type. */
  async function methodOf(name: string, type: AclAuthMethod["Type"]): Promise<AclAuthMethod> {
    const snapshot = await cluster.read();
    const wanted =
      name === "" ? [...snapshot.aclAuthMethods()].find((each) => each.Default && each.Type === type) : snapshot.aclAuthMethod(name);
    if (wanted === undefined)
      throw notFound(name === "" ? `no default auth method of type ${type} found` : `auth method ${name} not found`);
    if (wanted.Type !== type) throw invalid(`auth method ${wanted.Name} is of type ${wanted.Type}, wanted is ${type}`);
    return wanted;
  }

  return {
    enabled: true,
    resolve: createResolver(parts),
    bootstrap: (secret) => bootstrap(parts, secret),
    upsertPolicy: (policy) => upsertPolicy(parts, policy),
    deletePolicy: (name) => deletePolicy(parts, name),
    upsertToken: (token, accessor) => upsertToken(parts, token, accessor),
    deleteToken: (accessor) => deleteToken(parts, accessor),
    createOneTimeToken: (accessor) => createOneTimeToken(parts, accessor),
    exchangeOneTimeToken: (secret) => exchangeOneTimeToken(parts, secret),
    upsertRole: (role, id) => upsertRole(parts, role, id),
    deleteRole: (id) => deleteRole(parts, id),
    upsertAuthMethod: (method, name) => upsertAuthMethod(parts, method, name),
    deleteAuthMethod: (name) => deleteAuthMethod(parts, name),
    upsertBindingRule: (rule, id) => upsertBindingRule(parts, rule, id),
    deleteBindingRule: (id) => deleteBindingRule(parts, id),
    async login(name, token) {
      const method = await methodOf(name, "JWT");
      const audiences = method.Config.BoundAudiences;
      const claims = await verified(documents, token, { config: method.Config, nowMs: clock.nowMs(), audiences });
      return storeToken(parts, tokenOf(parts, cluster.state.snapshot(), method, claims));
    },
    async oidcAuthUrl({ method: name, redirectUri, clientNonce }) {
      const method = await methodOf(name, "OIDC");
      return { AuthURL: await authUrl(flow, method, { redirectUri, clientNonce }) };
    },
    async oidcCompleteAuth({ method: name, ...answer }) {
      const method = await methodOf(name, "OIDC");
      const claims = await completeAuth(flow, method, answer);
      return storeToken(parts, tokenOf(parts, cluster.state.snapshot(), method, claims));
    },
  };
}
