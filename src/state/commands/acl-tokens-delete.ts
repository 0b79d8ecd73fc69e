/** Tokens go: named by a person (all or none), or because their time is over (whichever are still there). Their one-time tokens go too. */
import type { Command } from "../contract.ts";
import { dropToken } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type TokensDelete = Extract<Command, { type: "acl-tokens-delete" }>;

export function applyAclTokensDelete(draft: Draft, command: TokensDelete): Refusal | undefined {
  const { tokens, oneTimeTokens } = draft.tables.acl;
  const gone = new Set<string>();
  for (const accessor of command.AccessorIDs) {
    const token = tokens.get(accessor);
    if (token === undefined && command.Expired) continue;
    if (token === undefined) return { code: "missing", reason: `Cannot delete ACL token "${accessor}": no such token` };
    dropToken(draft, token);
    gone.add(accessor);
  }
  const orphans = [...oneTimeTokens.range()].filter(([, { AccessorID }]) => gone.has(AccessorID));
  for (const [key] of orphans) draft.delete(oneTimeTokens, key, "one-time-tokens");
  return undefined;
}
