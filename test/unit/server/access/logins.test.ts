import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { SignJWT } from "jose";
import { memoryKeyEncryption } from "#integrations/memory";
import { makeKey } from "../../../../src/server/keyring/key-pair.ts";
import { type Provider, SECRET, startProvider } from "./provider.ts";
import { accessWorld, type AccessWorld } from "./world.ts";

const REDIRECT = "http://localhost:4649/oidc/callback";
const world: AccessWorld = accessWorld();
let provider: Provider;
before(async () => {
  provider = await startProvider(() => Math.floor(world.clock.nowMs() / 1000));
});
after(() => provider.close());

function refusal(code: string, statusCode: number, message: RegExp) {
  return (thrown: unknown) => {
    const { code: is, statusCode: status, message: says } = thrown as { code: string; statusCode: number; message: string };
    assert.equal(is, code, says);
    assert.equal(status, statusCode, says);
    assert.match(says, message);
    return true;
  };
}

/** One that allows readers in by their groups. */
async function withMethod(of: AccessWorld, method: object, config: object): Promise<void> {
  await of.access.upsertPolicy({ Name: "team-a", Rules: 'namespace "default" { policy = "read" }' });
  await of.access.upsertAuthMethod(
    {
      Name: "sso",
      TokenLocality: "local",
      MaxTokenTTL: "1h",
      TokenNameFormat: "${auth_method_name}/${value.user}",
      ...method,
      Config: { ClaimMappings: { sub: "user", "/org/team": "team" }, ListClaimMappings: { groups: "groups" }, ...config },
    },
    null,
  );
  const rules = [...of.state.snapshot().bindingRulesByMethod("sso")];
  if (rules.length > 0) return;
  await of.access.upsertBindingRule(
    { AuthMethod: "sso", Selector: '"readers" in list.groups', BindType: "policy", BindName: "team-${value.team}" },
    null,
  );
  await of.access.upsertBindingRule({ AuthMethod: "sso", Selector: 'value.user == "root"', BindType: "management" }, null);
}

const GOOD = { sub: "ana", aud: "drover", groups: ["readers"], org: { team: "a" } };

test("A JWT by the provider's discovered keys becomes a token for its time, bound by rules", async () => {
  await withMethod(
    world,
    { Type: "JWT", Default: true },
    { OIDCDiscoveryURL: provider.url, DiscoveryCaPem: [provider.ca], BoundAudiences: ["drover"] },
  );
  const { Token } = await world.access.login("", await provider.jwt(GOOD));
  assert.deepEqual(
    [Token.Type, Token.Policies, Token.Name, Token.Global, Token.ExpirationTTL],
    ["client", ["team-a"], "sso/ana", false, 3_600e9],
  );
  assert.equal(Date.parse(Token.ExpirationTime ?? ""), world.clock.nowMs() + 3_600_000);
  assert.equal((await world.access.resolve(Token.SecretID)).Subject, Token.AccessorID);
  const root = await world.access.login("sso", await provider.jwt({ ...GOOD, sub: "root" }));
  assert.deepEqual([root.Token.Type, root.Token.Policies], ["management", []]);
});

const REFUSED: readonly (readonly [what: string, claims: object, code: string, says: RegExp])[] = [
  ["another audience", { aud: "vault" }, "ACL_LOGIN_REFUSED", /audience/],
  ["no audience", { aud: undefined }, "ACL_LOGIN_REFUSED", /audience/],
  ["another issuer", { iss: "https://evil.example" }, "ACL_LOGIN_REFUSED", /issuer/],
  ["over", { exp: 1_700_000_000 }, "ACL_LOGIN_REFUSED", /expired/],
  ["not yet", { nbf: 1_900_000_000 }, "ACL_LOGIN_REFUSED", /not good yet/],
  ["times that are none", { exp: "never" }, "ACL_LOGIN_REFUSED", /no time/],
  ["no rule matches", { groups: ["others"] }, "ACL_LOGIN_UNBOUND", /^no role or policy bindings matched$/],
  ["a policy that is not there", { org: { team: "b" } }, "ACL_LOGIN_UNBOUND", /no role or policy/],
  ["nothing to fill the name with", { org: {} }, "ACL_LOGIN_UNBOUND", /no role or policy/],
];
for (const [what, claims, code, says] of REFUSED) {
  test(`A JWT is refused: ${what}`, async () => {
    const status = code === "ACL_LOGIN_UNBOUND" ? 400 : 403;
    await assert.rejects(world.access.login("sso", await provider.jwt({ ...GOOD, ...claims })), refusal(code, status, says));
  });
}

test("A JWT somebody else signed, or nobody, is refused, and the message does not hold it", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Math.floor(world.clock.nowMs() / 1000);
  const forged = await new SignJWT({ ...GOOD, iss: provider.url, exp: now + 60 }).setProtectedHeader({ alg: "ES256" }).sign(privateKey);
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify({ ...GOOD, exp: now + 60 })).toString("base64url")}.`;
  const shared = await new SignJWT({ ...GOOD, exp: now + 60 }).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(provider.ca));
  for (const token of [forged, none, shared, "a.b.c", ""]) {
    await assert.rejects(world.access.login("sso", token), (thrown: unknown) => {
      assert.equal((thrown as { code: string }).code, "ACL_LOGIN_REFUSED");
      return token === "" || !(thrown as Error).message.includes(token);
    });
  }
});

test("Keys the provider has made since are asked for; made-up ones do not become a flood", async () => {
  provider.rotate();
  await world.clock.advance(11_000);
  await world.access.login("sso", await provider.jwt(GOOD));
  const asked = provider.requests.filter((path) => path === "/keys").length;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  for (let count = 0; count < 20; count++) {
    const token = await new SignJWT({ ...GOOD }).setProtectedHeader({ alg: "ES256", kid: `made-up-${count}` }).sign(privateKey);
    await assert.rejects(world.access.login("sso", token));
  }
  assert.ok(provider.requests.filter((path) => path === "/keys").length <= asked + 1);
});

test("Another authority's certificate is not believed", async () => {
  const lone = accessWorld();
  await withMethod(lone, { Type: "JWT" }, { OIDCDiscoveryURL: provider.url, BoundAudiences: ["drover"] });
  await assert.rejects(lone.access.login("sso", await provider.jwt(GOOD)), refusal("WEB_UNREACHABLE", 503, /certificate/));
});

test("By keys that were written down, with leeway for tokens that say no end", async () => {
  const lone = accessWorld();
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  await withMethod(
    lone,
    { Type: "JWT" },
    { JWTValidationPubKeys: [provider.ca === "" ? "" : pem], BoundIssuer: ["me"], SigningAlgs: ["RS256"] },
  );
  const now = Math.floor(lone.clock.nowMs() / 1000);
  const sign = (claims: object, alg = "RS256") =>
    new SignJWT({ ...GOOD, aud: undefined, iss: "me", ...claims } as never).setProtectedHeader({ alg }).sign(privateKey);
  const { Token } = await lone.access.login("sso", await sign({ iat: now - 200 }));
  assert.deepEqual(Token.Policies, ["team-a"]);
  await assert.rejects(lone.access.login("sso", await sign({ iat: now - 211 })), refusal("ACL_LOGIN_REFUSED", 403, /expired/));
  await assert.rejects(lone.access.login("sso", await sign({})), refusal("ACL_LOGIN_REFUSED", 403, /since when/));
  await assert.rejects(
    lone.access.login("sso", await sign({ exp: now + 60, iss: "you" })),
    refusal("ACL_LOGIN_REFUSED", 403, /BoundIssuer/),
  );
  await assert.rejects(
    lone.access.login("sso", await sign({ exp: now + 60, aud: "x" })),
    refusal("ACL_LOGIN_REFUSED", 403, /BoundAudiences/),
  );
  await assert.rejects(
    lone.access.login("sso", await sign({ exp: now + 60 }, "PS256")),
    refusal("ACL_LOGIN_REFUSED", 403, /none of the method's keys/),
  );
});

async function oidcWorld(config: object = {}, parts: Parameters<typeof accessWorld>[0] = {}): Promise<AccessWorld> {
  const lone = accessWorld(parts);
  await withMethod(
    lone,
    { Type: "OIDC" },
    {
      OIDCDiscoveryURL: provider.url,
      DiscoveryCaPem: [provider.ca],
      OIDCClientID: "drover",
      OIDCClientSecret: SECRET,
      OIDCEnablePKCE: true,
      OIDCScopes: ["groups"],
      AllowedRedirectURIs: [REDIRECT],
      ...config,
    },
  );
  provider.claims = { groups: ["readers"] };
  provider.user = { sub: "ana", org: { team: "a" } };
  return lone;
}

test("OIDC: there and back, on two servers that share nothing but the keyring", async () => {
  const key = await makeKey("key-1", "EdDSA", memoryKeyEncryption());
  const keys = { signing: () => Promise.resolve(key.signing), opened: () => Promise.resolve(key.signing) };
  const { access, another } = await oidcWorld({}, { keys });
  const request = { method: "sso", redirectUri: REDIRECT, clientNonce: "nonce-1" };
  const { AuthURL } = await access.oidcAuthUrl(request);
  const asked = new URL(AuthURL).searchParams;
  assert.equal(asked.get("scope"), "openid groups");
  assert.equal(asked.get("code_challenge_method"), "S256");
  assert.ok(!AuthURL.includes(encodeURIComponent(SECRET)));
  const { Token } = await another().oidcCompleteAuth({ ...request, ...provider.approve(AuthURL) });
  assert.deepEqual([Token.Policies, Token.Name], [["team-a"], "sso/ana"]);
});

test("OIDC: what does not belong together is refused", async () => {
  const lone = await oidcWorld();
  const request = { method: "sso", redirectUri: REDIRECT, clientNonce: "nonce-1" };
  const begin = async () => {
    const { AuthURL } = await lone.access.oidcAuthUrl(request);
    return { ...request, ...provider.approve(AuthURL) };
  };
  const complete = (answer: Parameters<AccessWorld["access"]["oidcCompleteAuth"]>[0]) => lone.access.oidcCompleteAuth(answer);
  await assert.rejects(
    lone.access.oidcAuthUrl({ ...request, redirectUri: "https://evil.example/cb" }),
    refusal("ACL_INVALID", 400, /unauthorized redirect_uri/),
  );
  await assert.rejects(complete({ ...(await begin()), state: "made.1.up.x" }), refusal("ACL_LOGIN_REFUSED", 403, /state/));
  await assert.rejects(complete({ ...(await begin()), clientNonce: "nonce-2" }), refusal("ACL_LOGIN_REFUSED", 403, /state/));
  const twice = await begin();
  await complete(twice);
  await assert.rejects(complete(twice), refusal("ACL_LOGIN_REFUSED", 403, /did not take the code/));
  provider.claims = { ...provider.claims, nonce: "another" };
  await assert.rejects(complete(await begin()), refusal("ACL_LOGIN_REFUSED", 403, /nonce/));
  provider.claims = { groups: ["readers"], aud: "another-client" };
  await assert.rejects(complete(await begin()), refusal("ACL_LOGIN_REFUSED", 403, /audience/));
  provider.claims = { groups: ["readers"] };
  provider.user = { sub: "eve", org: { team: "a" } };
  await assert.rejects(complete(await begin()), refusal("ACL_LOGIN_REFUSED", 403, /another user/));
  const late = await begin();
  await lone.clock.advance(601_000);
  await assert.rejects(complete(late), refusal("ACL_LOGIN_REFUSED", 403, /too long/));
});

test("OIDC: a client that proves itself by an assertion of its own key", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const PemKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const lone = await oidcWorld({
    OIDCClientSecret: "",
    OIDCClientAssertion: { KeySource: "private_key", PrivateKey: { PemKey, KeyID: "mine" } },
  });
  provider.claims = { groups: ["readers"] };
  provider.user = { sub: "ana", org: { team: "a" } };
  const request = { method: "sso", redirectUri: REDIRECT, clientNonce: "n" };
  const { AuthURL } = await lone.access.oidcAuthUrl(request);
  const { Token } = await lone.access.oidcCompleteAuth({ ...request, ...provider.approve(AuthURL) });
  assert.deepEqual(Token.Policies, ["team-a"]);
});

const WRONG_METHODS: readonly (readonly [method: object, says: RegExp])[] = [
  [{ Type: "LDAP" }, /OIDC or JWT/],
  [{ TokenLocality: "here" }, /locality/],
  [{ MaxTokenTTL: "1s" }, /invalid MaxTokenTTL value '1s' \(should be between 1m0s and 24h0m0s\)/],
  [{ Config: {} }, /exactly one of/],
  [{ Config: { JWKSURL: "ftp://x" } }, /no http or https address/],
  [{ Config: { JWKSURL: "https://x", SigningAlgs: ["HS256"] } }, /invalid signing algorithm "HS256"/],
  [{ Config: { JWTValidationPubKeys: ["no key"] } }, /no PEM public key/],
  [{ Type: "OIDC", Config: { OIDCDiscoveryURL: "https://x", OIDCClientID: "y" } }, /AllowedRedirectURIs/],
  [{ TokenNameFormat: "${oops" }, /token name format/],
];
for (const [method, says] of WRONG_METHODS) {
  test(`No way to log in: ${JSON.stringify(method)}`, async () => {
    const given = { Name: "m", Type: "JWT", TokenLocality: "local", MaxTokenTTL: "1h", Config: { JWKSURL: "https://x" }, ...method };
    await assert.rejects(accessWorld().access.upsertAuthMethod(given, null), refusal("ACL_INVALID", 400, says));
  });
}

test("A change of a method keeps what it does not say, and a redacted secret", async () => {
  const lone = await oidcWorld();
  await lone.access.upsertAuthMethod({ MaxTokenTTL: "2h", Config: { OIDCClientSecret: "redacted" } }, "sso");
  const method = lone.state.snapshot().aclAuthMethod("sso");
  assert.deepEqual([method?.MaxTokenTTL, method?.Config.OIDCClientSecret, method?.Config.OIDCEnablePKCE], [7_200e9, SECRET, true]);
  await assert.rejects(
    lone.access.upsertBindingRule({ AuthMethod: "none", BindType: "policy", BindName: "x" }, null),
    refusal("ACL_REFUSED", 400, /not found/),
  );
  await assert.rejects(
    lone.access.upsertBindingRule({ AuthMethod: "sso", BindType: "policy", BindName: "x", Selector: "value.user ==" }, null),
    refusal("API_FILTER_INVALID", 400, /column/),
  );
  await lone.access.deleteAuthMethod("sso");
  assert.deepEqual([...lone.state.snapshot().aclBindingRules()], []);
});
