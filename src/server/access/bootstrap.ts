/** The first management token. Once; and again when somebody who reaches this server's disk names the index of the last time. */
import type { AccessControl } from "./contract.ts";
import { bootstrapped, invalid } from "./errors.ts";
import { isUuid } from "./fields.ts";
import type { AccessParts } from "./parts.ts";
import { newToken } from "./tokens.ts";
import { refusedByState } from "./errors.ts";

export async function bootstrap(parts: AccessParts, secret: string | null): ReturnType<AccessControl["bootstrap"]> {
  if (secret !== null && !isUuid(secret)) throw invalid("invalid bootstrap token: it must be a UUID");
  const snapshot = await parts.cluster.read();
  const done = snapshot.aclBootstrapIndex();
  const ResetIndex = done === 0 ? null : await parts.resetIndex();
  if (done !== 0 && ResetIndex !== done) throw bootstrapped(done);
  const Token = newToken(parts, {
    Name: "Bootstrap Token",
    Type: "management",
    Policies: [],
    Roles: [],
    Global: true,
    endMs: null,
    ttlNs: 0,
    ...(secret === null ? {} : { secret }),
  });
  const outcome = await parts.cluster.propose({ type: "acl-bootstrap", Token, ResetIndex });
  if (!outcome.ok) {
    const index = parts.cluster.state.snapshot().aclBootstrapIndex();
    throw outcome.code === "conflict" && index !== 0 && index !== done ? bootstrapped(index) : refusedByState(outcome);
  }
  return { Index: outcome.index, Token: parts.cluster.state.snapshot().aclToken(Token.AccessorID) ?? Token };
}
