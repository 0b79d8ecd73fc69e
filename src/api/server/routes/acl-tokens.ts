/** /v1/acl/bootstrap, /v1/acl/tokens, /v1/acl/token and one-time tokens. nomad.md §3.2. A secret is told to who has it, or has management. */
import type { AclToken } from "#model";
import { formatDuration } from "#std";
import type { AclTokenAnswer, AclTokenStub } from "../../contract/mod.ts";
import { reading } from "../blocking.ts";
import { empty, list, value, type Call, type Handler } from "../call.ts";
import { denied } from "../guard/denied.ts";
import { compareText, type Order } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";
import { requireAccess } from "./acl-access.ts";

export const bootstrap: Handler = async (call, context) => {
  const secret = call.body(true).text("BootstrapSecret");
  const { Token, Index } = await requireAccess(context).bootstrap(secret === "" ? null : secret);
  return value(shownToken(Token), { index: Index });
};

export const readGrant: Handler = async (call, context) => {
  return value(await requireAccess(context).resolve(call.token));
};

export const listTokens: Handler = (call, context) => {
  requireAccess(context);
  return readTokens(call, context);
};

/** ?global: those alone. A filter sees no secret. */
const readTokens: Handler = reading(["acl-tokens"], (snapshot, call) => {
  const index = snapshot.tableIndex("acl-tokens");
  return {
    index,
    async answer() {
      const prefix = call.query.text("prefix");
      const globals = call.query.flag("global", false, true);
      const keep = globals ? ({ Global }: AclTokenStub) => Global : undefined;
      const order = prefix === "" && !globals ? byCreation : byAccessor;
      const found = await page(call, stubs(snapshot.aclTokens(prefix)), order, keep);
      return list(found.items, (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
    },
  };
});

function* stubs(tokens: Iterable<AclToken>): Generator<AclTokenStub> {
  for (const { SecretID: _secret, ExpirationTTL: _ttl, ...stub } of tokens) yield stub;
}

const byAccessor: Order<AclTokenStub> = {
  sorted: true,
  compare: (a, b) => compareText(a.AccessorID, b.AccessorID),
  token: ({ AccessorID }) => AccessorID,
  against: (token) => (item) => compareText(item.AccessorID, token),
};

/** Oldest first. */
const byCreation: Order<AclTokenStub> = {
  sorted: false,
  compare: (a, b) => a.CreateIndex - b.CreateIndex || compareText(a.AccessorID, b.AccessorID),
  token: ({ CreateIndex, AccessorID }) => `${CreateIndex}.${AccessorID}`,
  against(token) {
    const match = /^(\d{1,15})\.(.+)$/s.exec(token);
    if (match === null) throw badRequest(`Invalid next_token: ${JSON.stringify(token.slice(0, 80))} is not from a page of this list`);
    return (item) => item.CreateIndex - Number(match[1]) || compareText(item.AccessorID, match[2] as string);
  },
};

export const readToken: Handler = (call, context) => {
  requireAccess(context);
  return tokenAt(({ parameters }) => parameters["accessor"] ?? "")(call, context);
};

export function shownToken(token: AclToken): AclTokenAnswer {
  return { ...token, ExpirationTTL: token.ExpirationTTL === 0 ? "" : formatDuration(token.ExpirationTTL) };
}

/** Where there is no access control, what everybody is: clients ask this first, to learn who they are. */
const EVERYBODY = {
  AccessorID: "acls-disabled",
  SecretID: "",
  Name: "ACLs disabled token",
  Type: "client",
  Policies: null,
  Roles: null,
  Global: false,
  Hash: null,
  CreateTime: "0001-01-01T00:00:00Z",
  ExpirationTime: null,
  ExpirationTTL: "",
  CreateIndex: 0,
  ModifyIndex: 0,
};

export const readOwnToken: Handler = (call, context) => {
  if (!requireServer(context).access.enabled) return value(EVERYBODY);
  return tokenAt(({ grant }) => grant.AccessorID)(call, context);
};

function tokenAt(accessorOf: (call: Call) => string): Handler {
  return reading(["acl-tokens"], (snapshot, call) => {
    const accessor = accessorOf(call);
    const token = snapshot.aclToken(accessor);
    const index = token?.ModifyIndex ?? snapshot.tableIndex("acl-tokens");
    return {
      index,
      answer() {
        const { Management, AccessorID } = call.grant;
        if (!Management && (AccessorID === "" || AccessorID !== accessor)) throw denied();
        if (token === undefined) throw notFound("ACL token not found");
        return value(shownToken(token), { index });
      },
    };
  });
}

export const createToken: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("AccessorID") !== "") throw badRequest("Cannot create ACL token: it has an AccessorID already, wanted none");
  const { Token, Index } = await access.upsertToken(body.fields, null);
  return value(shownToken(Token), { index: Index });
};

export const updateToken: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  const accessor = accessorIn(call);
  if (body.text("AccessorID") !== accessor) throw badRequest("ACL token accessor ID does not match request path");
  const { Token, Index } = await access.upsertToken(body.fields, accessor);
  return value(shownToken(Token), { index: Index });
};

export const deleteToken: Handler = async (call, context) => {
  const { Index } = await requireAccess(context).deleteToken(accessorIn(call));
  return empty({ index: Index });
};

export const createOneTime: Handler = async (call, context) => {
  const access = requireAccess(context);
  if (call.grant.AccessorID === "") throw denied("Only an ACL token is handed over, no identity of a workload.");
  const { OneTimeToken, Index } = await access.createOneTimeToken(call.grant.AccessorID);
  return value({ OneTimeToken, Index }, { index: Index });
};

export const exchangeOneTime: Handler = async (call, context) => {
  const access = requireAccess(context);
  const { Token, Index } = await access.exchangeOneTimeToken(call.body().text("OneTimeSecretID"));
  return value({ Token: shownToken(Token), Index }, { index: Index });
};

function accessorIn(call: Call): string {
  return call.parameters["accessor"] ?? "";
}
