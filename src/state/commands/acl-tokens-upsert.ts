/** Tokens are made or changed. A secret belongs to one token for ever. */
import type { Command } from "../contract.ts";
import { putToken } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { secretKey } from "../tables/acl-tables.ts";

type TokensUpsert = Extract<Command, { type: "acl-tokens-upsert" }>;

export function applyAclTokensUpsert(draft: Draft, command: TokensUpsert): Refusal | undefined {
  const { tokens, secrets } = draft.tables.acl;
  for (const token of command.Tokens) {
    const cannot = `Cannot store ACL token "${token.AccessorID}"`;
    const before = tokens.get(token.AccessorID);
    if (command.Existing === true && before === undefined) return { code: "missing", reason: `${cannot}: no such token` };
    if (before !== undefined && before.SecretID !== token.SecretID) return { code: "conflict", reason: `${cannot}: it has another secret` };
    const holder = secrets.get(secretKey(token.SecretID));
    if (holder !== undefined && holder !== token.AccessorID) return { code: "conflict", reason: `${cannot}: another has its secret` };
    putToken(draft, token);
  }
  return undefined;
}
