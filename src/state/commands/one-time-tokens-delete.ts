/** One-time tokens go: used ("missing" for one that is gone: of two who come with it one gets the token), or too old. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { secretKey } from "../tables/acl-tables.ts";

type OneTimeTokensDelete = Extract<Command, { type: "one-time-tokens-delete" }>;

export function applyOneTimeTokensDelete(draft: Draft, command: OneTimeTokensDelete): Refusal | undefined {
  const { oneTimeTokens } = draft.tables.acl;
  for (const secret of command.Secrets) {
    const key = secretKey(secret);
    if (oneTimeTokens.has(key)) draft.delete(oneTimeTokens, key, "one-time-tokens");
    else if (!command.Expired) return { code: "missing", reason: "Cannot exchange one-time token: no such token" };
  }
  return undefined;
}
