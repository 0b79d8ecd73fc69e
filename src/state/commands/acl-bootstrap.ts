/** The first management token; and again when somebody who reaches a server's disk named the index of the last time. nomad.md §7 (Tokens). */
import type { Command } from "../contract.ts";
import { putToken } from "../acl.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { BOOTSTRAP, secretKey } from "../tables/acl-tables.ts";

type AclBootstrap = Extract<Command, { type: "acl-bootstrap" }>;

export function applyAclBootstrap(draft: Draft, command: AclBootstrap): Refusal | undefined {
  const { bootstrap, secrets } = draft.tables.acl;
  const before = bootstrap.get(BOOTSTRAP);
  if (before !== undefined && before.Index !== command.ResetIndex) {
    return { code: "conflict", reason: `ACL bootstrap already done (reset index: ${before.Index})` };
  }
  const { Token } = command;
  if (secrets.has(secretKey(Token.SecretID))) return { code: "conflict", reason: "Cannot bootstrap ACLs: the secret is a token's already" };
  putToken(draft, Token);
  draft.set(bootstrap, BOOTSTRAP, { Index: draft.index }, "acl-tokens");
  return undefined;
}
