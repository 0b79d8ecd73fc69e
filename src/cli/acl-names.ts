/** Names and ids of what access control keeps, for completion. */
import type { ApiClient } from "#api/client";

/** `kind`: "acl policy", "acl role", "acl role by name", "acl token", "acl auth-method", "acl binding-rule"; of anything else there are none. */
export async function aclNames({ acl }: ApiClient, kind: string, prefix: string): Promise<readonly string[]> {
  const query = { prefix };
  switch (kind) {
    case "acl policy":
      return (await acl.policies.list(query)).value.map(({ Name }) => Name);
    case "acl role":
      return (await acl.roles.list(query)).value.map(({ ID }) => ID);
    case "acl role by name":
      return (await acl.roles.list()).value.map(({ Name }) => Name);
    case "acl token":
      return (await acl.tokens.list(false, query)).value.map(({ AccessorID }) => AccessorID);
    case "acl auth-method":
      return (await acl.authMethods.list(query)).value.map(({ Name }) => Name);
    case "acl binding-rule":
      return (await acl.bindingRules.list(query)).value.map(({ ID }) => ID);
    default:
      return [];
  }
}
