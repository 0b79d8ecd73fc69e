/** No access control: everybody may everything, and what would change policies, tokens or ways to log in says that there is none. */
import { EVERYTHING } from "#access";
import { NamedError } from "#std";
import type { AccessControl } from "./access/contract.ts";

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
