/** Ways to log in: /v1/acl/auth-method(s), /v1/acl/binding-rule(s), /v1/acl/oidc and /v1/acl/login. nomad.md §3.2. Their secrets are told to nobody. */
import type { AclAuthMethod, AclBindingRule } from "#model";
import { formatDuration } from "#std";
import type { AclAuthMethodStub, AclBindingRuleStub } from "../../contract/mod.ts";
import { reading } from "../blocking.ts";
import { empty, list, value, type Call, type Handler } from "../call.ts";
import { byId, byName } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireAccess } from "./acl-access.ts";
import { shownToken } from "./acl-tokens.ts";

/** What stands for a secret that is kept. Sent back, it leaves the secret as it is. */
const REDACTED = "redacted";

/** For who is about to log in: names and kinds. */
export const listMethods: Handler = (call, context) => {
  requireAccess(context);
  return readMethods(call, context);
};

const readMethods: Handler = reading(["acl-auth-methods"], (snapshot, call) => {
  const index = snapshot.tableIndex("acl-auth-methods");
  return {
    index,
    async answer() {
      const stubs = [...snapshot.aclAuthMethods(call.query.text("prefix"))].map(stubOf);
      const found = await page(call, stubs, byName<AclAuthMethodStub>());
      return list(found.items, (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
    },
  };
});

function stubOf({ Name, Type, Default, Hash, CreateIndex, ModifyIndex }: AclAuthMethod): AclAuthMethodStub {
  return { Name, Type, Default, Hash, CreateIndex, ModifyIndex };
}

export const readMethod: Handler = (call, context) => {
  requireAccess(context);
  return readOneMethod(call, context);
};

const readOneMethod: Handler = reading(["acl-auth-methods"], (snapshot, call) => {
  const method = snapshot.aclAuthMethod(nameOf(call));
  const index = method?.ModifyIndex ?? snapshot.tableIndex("acl-auth-methods");
  return {
    index,
    answer() {
      if (method === undefined) throw notFound("ACL auth-method not found");
      return value(shown(method), { index });
    },
  };
});

export const createMethod: Handler = async (call, context) => {
  const { AuthMethod, Index } = await requireAccess(context).upsertAuthMethod(call.body().fields, null);
  return value(shown(AuthMethod), { index: Index });
};

export const updateMethod: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("Name") !== nameOf(call)) throw badRequest("ACL auth method name does not match request path");
  const stored = context.cluster?.state.snapshot().aclAuthMethod(nameOf(call));
  const { AuthMethod, Index } = await access.upsertAuthMethod(withSecrets(body.fields, stored), nameOf(call));
  return value(shown(AuthMethod), { index: Index });
};

export const deleteMethod: Handler = async (call, context) => {
  const { Index } = await requireAccess(context).deleteAuthMethod(nameOf(call));
  return empty({ index: Index });
};

/** Durations as Go writes them, which clients parse; secrets as "redacted". */
function shown(method: AclAuthMethod): unknown {
  const { Config } = method;
  const assertion = Config.OIDCClientAssertion;
  const key = assertion?.["PrivateKey"];
  return {
    ...method,
    MaxTokenTTL: formatDuration(method.MaxTokenTTL),
    Config: {
      ...Config,
      OIDCClientSecret: hidden(Config.OIDCClientSecret),
      OIDCClientAssertion:
        assertion === null
          ? null
          : {
              ...assertion,
              ...(assertion["ClientSecret"] === undefined ? {} : { ClientSecret: hidden(assertion["ClientSecret"]) }),
              ...(isRecord(key) ? { PrivateKey: { ...key, PemKey: hidden(key["PemKey"]) } } : {}),
            },
      ExpirationLeeway: formatDuration(Config.ExpirationLeeway),
      NotBeforeLeeway: formatDuration(Config.NotBeforeLeeway),
      ClockSkewLeeway: formatDuration(Config.ClockSkewLeeway),
    },
  };
}

function hidden(secret: unknown): string {
  return secret === "" || secret === undefined || secret === null ? "" : REDACTED;
}

/** A method that is read, changed and written keeps what its reader was not told. */
function withSecrets(fields: Readonly<Record<string, unknown>>, stored: AclAuthMethod | undefined): Readonly<Record<string, unknown>> {
  const config = fields["Config"];
  if (stored === undefined || !isRecord(config)) return fields;
  const assertion = config["OIDCClientAssertion"];
  const kept = stored.Config.OIDCClientAssertion;
  const keptKey = kept?.["PrivateKey"];
  const key = isRecord(assertion) ? assertion["PrivateKey"] : undefined;
  return {
    ...fields,
    Config: {
      ...config,
      ...(config["OIDCClientSecret"] === REDACTED ? { OIDCClientSecret: stored.Config.OIDCClientSecret } : {}),
      ...(isRecord(assertion)
        ? {
            OIDCClientAssertion: {
              ...assertion,
              ...(assertion["ClientSecret"] === REDACTED ? { ClientSecret: kept?.["ClientSecret"] } : {}),
              ...(isRecord(key) && key["PemKey"] === REDACTED && isRecord(keptKey)
                ? { PrivateKey: { ...key, PemKey: keptKey["PemKey"] } }
                : {}),
            },
          }
        : {}),
    },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const listRules: Handler = (call, context) => {
  requireAccess(context);
  return readRules(call, context);
};

const readRules: Handler = reading(["acl-binding-rules"], (snapshot, call) => {
  const index = snapshot.tableIndex("acl-binding-rules");
  return {
    index,
    async answer() {
      const found = await page(call, snapshot.aclBindingRules(call.query.text("prefix")), byId<AclBindingRule>());
      return list(found.items, ruleStubText, { index, nextToken: found.nextToken });
    },
  };
});

function ruleStubText({ ID, Description, AuthMethod, Hash, CreateIndex, ModifyIndex }: AclBindingRule): string {
  return JSON.stringify({ ID, Description, AuthMethod, Hash, CreateIndex, ModifyIndex } satisfies AclBindingRuleStub);
}

export const readRule: Handler = (call, context) => {
  requireAccess(context);
  return readOneRule(call, context);
};

const readOneRule: Handler = reading(["acl-binding-rules"], (snapshot, call) => {
  const rule = snapshot.aclBindingRule(idOf(call));
  const index = rule?.ModifyIndex ?? snapshot.tableIndex("acl-binding-rules");
  return {
    index,
    answer() {
      if (rule === undefined) throw notFound("ACL binding rule not found");
      return value(rule, { index });
    },
  };
});

export const createRule: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("ID") !== "") throw badRequest("Cannot create ACL binding rule: it has an ID already, wanted none");
  const { BindingRule, Index } = await access.upsertBindingRule(body.fields, null);
  return value(BindingRule, { index: Index });
};

export const updateRule: Handler = async (call, context) => {
  const access = requireAccess(context);
  const body = call.body();
  if (body.text("ID") !== idOf(call)) throw badRequest("ACL binding rule ID does not match request path");
  const { BindingRule, Index } = await access.upsertBindingRule(body.fields, idOf(call));
  return value(BindingRule, { index: Index });
};

export const deleteRule: Handler = async (call, context) => {
  const { Index } = await requireAccess(context).deleteBindingRule(idOf(call));
  return empty({ index: Index });
};

export const login: Handler = async (call, context) => {
  const body = call.body();
  const { Token, Index } = await requireAccess(context).login(body.text("AuthMethodName"), body.text("LoginToken"));
  return value(shownToken(Token), { index: Index });
};

export const oidcAuthUrl: Handler = async (call, context) => {
  const body = call.body();
  const answer = await requireAccess(context).oidcAuthUrl({
    method: body.text("AuthMethodName"),
    redirectUri: body.text("RedirectURI"),
    clientNonce: body.text("ClientNonce"),
  });
  return value(answer);
};

export const oidcCompleteAuth: Handler = async (call, context) => {
  const body = call.body();
  const { Token, Index } = await requireAccess(context).oidcCompleteAuth({
    method: body.text("AuthMethodName"),
    redirectUri: body.text("RedirectURI"),
    clientNonce: body.text("ClientNonce"),
    state: body.text("State"),
    code: body.text("Code"),
  });
  return value(shownToken(Token), { index: Index });
};

function nameOf(call: Call): string {
  return call.parameters["name"] ?? "";
}
function idOf(call: Call): string {
  return call.parameters["id"] ?? "";
}
