/** No access control: everybody may everything, and what would change policies, tokens or ways to log in says that there is none. */
import type { Grant, Rules } from "#access";
import { NamedError } from "#std";
import type { AccessControl } from "./access/contract.ts";

const NO_RULES: Rules = {
  Namespaces: [],
  NodePools: [],
  HostVolumes: [],
  Node: "",
  Agent: "",
  Operator: "",
  OperatorCapabilities: [],
  Quota: "",
  Plugin: "",
};
const EVERYTHING: Grant = {
  Subject: "anonymous",
  Management: true,
  Rules: NO_RULES,
  Workload: null,
  AccessorID: "",
  ExpiresAtMs: null,
};

export function openAccess(): AccessControl {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new NamedError("ACL_DISABLED", "ACL support disabled", {
        statusCode: 400,
        fix: "Turn it on in every agent's configuration: acl { enabled = true }.",
      }),
    );
  return {
    enabled: false,
    resolve: () => Promise.resolve(EVERYTHING),
    bootstrap: refuse,
    upsertPolicy: refuse,
    deletePolicy: refuse,
    upsertToken: refuse,
    deleteToken: refuse,
    createOneTimeToken: refuse,
    exchangeOneTimeToken: refuse,
    upsertRole: refuse,
    deleteRole: refuse,
    upsertAuthMethod: refuse,
    deleteAuthMethod: refuse,
    upsertBindingRule: refuse,
    deleteBindingRule: refuse,
    login: refuse,
    oidcAuthUrl: refuse,
    oidcCompleteAuth: refuse,
  };
}
