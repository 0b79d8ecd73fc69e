/** A token to hand another one over, once. An accessor has one at most: a newer one takes its place. */
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { secretKey } from "../tables/acl-tables.ts";

type OneTimeTokenPut = Extract<Command, { type: "one-time-token-put" }>;

export function applyOneTimeTokenPut(draft: Draft, { Token }: OneTimeTokenPut): Refusal | undefined {
  const { tokens, oneTimeTokens } = draft.tables.acl;
  if (!tokens.has(Token.AccessorID))
    return { code: "missing", reason: `Cannot make one-time token: there is no token "${Token.AccessorID}"` };
  const earlier = [...oneTimeTokens.range()].filter(([, { AccessorID }]) => AccessorID === Token.AccessorID);
  for (const [key] of earlier) draft.delete(oneTimeTokens, key, "one-time-tokens");
  const record = { ...Token, CreateIndex: draft.index, ModifyIndex: draft.index };
  draft.set(oneTimeTokens, secretKey(Token.OneTimeSecretID), record, "one-time-tokens");
  return undefined;
}
