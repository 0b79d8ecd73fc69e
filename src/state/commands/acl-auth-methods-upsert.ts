/** Ways to log in are written or replaced. Of a type, one at most is the default. */
import type { Command } from "../contract.ts";
import { putAuthMethod } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type AuthMethodsUpsert = Extract<Command, { type: "acl-auth-methods-upsert" }>;

export function applyAclAuthMethodsUpsert(draft: Draft, command: AuthMethodsUpsert): Refusal | undefined {
  const { authMethods } = draft.tables.acl;
  for (const method of command.Methods) {
    const others = method.Default ? [...authMethods.values()] : [];
    const other = others.find(({ Name, Type, Default }) => Default && Type === method.Type && Name !== method.Name);
    if (other !== undefined) {
      return { code: "invalid", reason: `default auth method for type ${method.Type} already exists: ${other.Name}` };
    }
    putAuthMethod(draft, method);
  }
  return undefined;
}
