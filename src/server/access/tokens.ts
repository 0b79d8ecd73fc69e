/**
 * Tokens come, change and go; some hand another one over, once. nomad.md §7 (Tokens), §8 acl/TokenExpiration.
 *
 * What a token is never changes: its accessor, its secret, where it counts, when it ends. Its name, type, policies and roles may.
 */
import type { AclToken, OneTimeToken } from "#model";
import { formatDuration } from "#std";
import type { Snapshot } from "#state";
import type { AccessControl } from "./contract.ts";
import { invalid, notFound, tokenExpired } from "./errors.ts";
import { durationNs, listOf, recordFields, valueOf, withoutRepeats } from "./fields.ts";
import type { AccessParts } from "./parts.ts";
import { hashOf, timeText, write } from "./write.ts";

const NAME_MAX = 256;
const ONE_TIME_MS = 600_000;

export async function upsertToken(parts: AccessParts, given: unknown, accessor: string | null): ReturnType<AccessControl["upsertToken"]> {
  const snapshot = parts.cluster.state.snapshot();
  const named = recordFields(given, "Cannot store ACL token").text("AccessorID");
  if (accessor !== null && named !== "" && named !== accessor) throw invalid("AccessorID of ACL token is not that of the request's path");
  const existing = accessor ?? (named === "" ? null : named);
  const before = existing === null ? undefined : snapshot.aclToken(existing);
  if (existing !== null && before === undefined) throw notFound(`cannot find token ${existing}`);
  const said = readToken(given, snapshot);
  const token = before === undefined ? created(parts, given, said) : changed(given, said, before);
  return storeToken(parts, token, before !== undefined);
}

/** Logins make theirs by it, too. */
export async function storeToken(parts: AccessParts, token: AclToken, existing = false): ReturnType<AccessControl["upsertToken"]> {
  const Index = await write(parts, { type: "acl-tokens-upsert", Tokens: [token], ...(existing ? { Existing: true as const } : {}) });
  return { Index, Token: parts.cluster.state.snapshot().aclToken(token.AccessorID) ?? token };
}

export async function deleteToken(parts: AccessParts, accessor: string): ReturnType<AccessControl["deleteToken"]> {
  return { Index: await write(parts, { type: "acl-tokens-delete", AccessorIDs: [accessor], Expired: false }) };
}

type Said = Pick<AclToken, "Name" | "Type" | "Policies" | "Roles">;

function readToken(given: unknown, snapshot: Snapshot): Said {
  const fields = recordFields(given, "Cannot store ACL token");
  const Name = fields.text("Name");
  if (Name.length > NAME_MAX) throw invalid(`token name too long: ${Name.length} characters, at most ${NAME_MAX} are taken`);
  const Type = fields.text("Type");
  const Policies = withoutRepeats(fields.texts("Policies"), (each) => each);
  const Roles = withoutRepeats(
    listOf(given, "Roles", "token").map((link) => roleOf(link, snapshot)),
    ({ ID }) => ID,
  );
  if (Type !== "client" && Type !== "management") throw invalid("token type must be client or management");
  const links = Policies.length + Roles.length;
  if (Type === "client" && links === 0) throw invalid("client token missing policies or roles");
  if (Type === "management" && links > 0) throw invalid("management token cannot be associated with policies or roles");
  return { Name, Type, Policies, Roles };
}

function roleOf(link: unknown, snapshot: Snapshot): { readonly ID: string; readonly Name: string } {
  const fields = recordFields(link, "Cannot store ACL token");
  const [id, name] = [fields.text("ID"), fields.text("Name")];
  const role = id === "" ? snapshot.aclRoleByName(name) : snapshot.aclRole(id);
  if (role === undefined) throw invalid(`cannot find role ${id === "" ? name : id}`);
  return { ID: role.ID, Name: role.Name };
}

function created(parts: AccessParts, given: unknown, said: Said): AclToken {
  const ttlNs = durationNs(valueOf(given, "ExpirationTTL"), "ExpirationTTL");
  const time = valueOf(given, "ExpirationTime") ?? null;
  if (ttlNs < 0) throw invalid(`token expiration TTL ${formatDuration(ttlNs)} should not be negative`);
  if (ttlNs !== 0 && time !== null) throw invalid("token expiration TTL and expiration time cannot both be set");
  const nowMs = parts.clock.nowMs();
  const endMs = time === null ? (ttlNs === 0 ? null : nowMs + ttlNs / 1e6) : Date.parse(String(time));
  if (endMs !== null) checkEnd(parts, endMs - nowMs);
  return newToken(parts, { ...said, Global: recordFields(given, "Cannot store ACL token").flag("Global") ?? false, endMs, ttlNs });
}

function checkEnd({ policy }: AccessParts, inMs: number): void {
  const shown = (ms: number) => formatDuration(ms * 1e6);
  if (Number.isNaN(inMs)) throw invalid("token expiration time is not a time");
  // A request that was a moment on its way is no shorter for it.
  if (inMs > policy.tokenMaxExpirationMs) {
    throw invalid(`expiration time cannot be more than ${shown(policy.tokenMaxExpirationMs)} in the future (was ${shown(inMs)})`);
  }
  if (inMs < policy.tokenMinExpirationMs) {
    throw invalid(`expiration time cannot be less than ${shown(policy.tokenMinExpirationMs)} in the future (was ${shown(inMs)})`);
  }
}

/** With an accessor and a secret of its own. */
export function newToken(
  { clock, random }: Pick<AccessParts, "clock" | "random">,
  said: Said & { readonly Global: boolean; readonly endMs: number | null; readonly ttlNs: number; readonly secret?: string },
): AclToken {
  const { Name, Type, Policies, Roles, Global, endMs, ttlNs, secret } = said;
  return {
    AccessorID: random.uuid(),
    SecretID: secret ?? random.uuid(),
    Name,
    Type,
    Policies,
    Roles,
    Global,
    Hash: hashOf(Name, Type, Policies, Roles, Global),
    CreateTime: timeText(clock.nowMs()),
    ExpirationTime: endMs === null ? null : timeText(endMs),
    ExpirationTTL: ttlNs,
    CreateIndex: 0,
    ModifyIndex: 0,
  };
}

function changed(given: unknown, said: Said, before: AclToken): AclToken {
  const fields = recordFields(given, "Cannot store ACL token");
  if ((fields.flag("Global") ?? before.Global) !== before.Global) throw invalid(`cannot toggle global mode of ${before.AccessorID}`);
  const time = valueOf(given, "ExpirationTime") ?? null;
  const ttlNs = durationNs(valueOf(given, "ExpirationTTL"), "ExpirationTTL");
  const sameTime = time === null || (before.ExpirationTime !== null && Date.parse(String(time)) === Date.parse(before.ExpirationTime));
  if (!sameTime || (ttlNs !== 0 && ttlNs !== before.ExpirationTTL)) throw invalid("cannot update expiration time of a token");
  const { Name, Type, Policies, Roles } = said;
  return { ...before, ...said, Hash: hashOf(Name, Type, Policies, Roles, before.Global) };
}

/** Its time is over: nobody is served for it, though it is still there until it is reaped. */
export function hasExpired({ ExpirationTime }: Pick<AclToken, "ExpirationTime">, nowMs: number): boolean {
  return ExpirationTime !== null && Date.parse(ExpirationTime) <= nowMs;
}

export async function createOneTimeToken(parts: AccessParts, accessor: string): ReturnType<AccessControl["createOneTimeToken"]> {
  const { clock, random, cluster } = parts;
  const token: OneTimeToken = {
    OneTimeSecretID: random.uuid(),
    AccessorID: accessor,
    ExpiresAt: timeText(clock.nowMs() + ONE_TIME_MS),
    CreateIndex: 0,
    ModifyIndex: 0,
  };
  const Index = await write(parts, { type: "one-time-token-put", Token: token });
  return { Index, OneTimeToken: cluster.state.snapshot().oneTimeToken(token.OneTimeSecretID) ?? token };
}

/** Gone by it: of two who come with the same one gets the token. */
export async function exchangeOneTimeToken(parts: AccessParts, secret: string): ReturnType<AccessControl["exchangeOneTimeToken"]> {
  const snapshot = await parts.cluster.read();
  const oneTime = snapshot.oneTimeToken(secret);
  const token = oneTime === undefined ? undefined : snapshot.aclToken(oneTime.AccessorID);
  const nowMs = parts.clock.nowMs();
  if (oneTime === undefined || token === undefined) throw notFound("one-time token not found");
  if (Date.parse(oneTime.ExpiresAt) <= nowMs || hasExpired(token, nowMs)) throw tokenExpired();
  const Index = await write(parts, { type: "one-time-tokens-delete", Secrets: [secret], Expired: false });
  return { Index, Token: token };
}
