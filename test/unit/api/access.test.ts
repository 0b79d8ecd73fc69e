/** /v1/acl over HTTP: what each endpoint answers, to whom, and what it never tells. nomad.md §3.2. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { AclToken } from "#model";
import { accessApi } from "./access-api.ts";

const world = await accessApi();
after(() => world.api.close());
const { ask, root } = world;

interface Made {
  readonly ID: string;
  readonly SecretID: string;
  readonly AccessorID: string;
}
/** As the management token; refused answers fail the test. */
async function manage<T = Made>(method: string, url: string, body?: unknown): Promise<T> {
  const answer = await ask(method, url, { token: root, ...(body === undefined ? {} : { body }) });
  assert.equal(answer.status, 200, `${method} ${url}: ${answer.text}`);
  return answer.text === "" ? (undefined as T) : answer.json<T>();
}

test("Policies, roles and tokens come, are listed to whom they belong, and go", async () => {
  await manage("PUT", "/v1/acl/policy/reads", { Name: "reads", Rules: 'namespace "default" { policy = "read" }' });
  await manage("PUT", "/v1/acl/policy/other", { Name: "other", Rules: 'node { policy = "read" }' });
  const role = await manage("PUT", "/v1/acl/role", { Name: "readers", Policies: [{ Name: "reads" }] });
  await manage("PUT", "/v1/acl/role", { Name: "others", Policies: [{ Name: "other" }] });
  assert.equal((await manage<Made[]>("GET", "/v1/acl/roles")).length, 2);
  const { SecretID: token } = await manage("PUT", "/v1/acl/token", { Name: "ana", Type: "client", Roles: [{ Name: "readers" }] });
  const own = async <T>(url: string) => (await ask("GET", url, { token })).json<T>();
  assert.deepEqual(
    (await own<Made[]>("/v1/acl/roles")).map(({ ID }) => ID),
    [role.ID],
  );
  assert.equal((await own<Made>("/v1/acl/role/name/readers")).ID, role.ID);
  assert.equal((await ask("GET", "/v1/acl/role/name/others", { token })).status, 403);
  assert.deepEqual(
    (await own<{ Name: string }[]>("/v1/acl/policy/self")).map(({ Name }) => Name),
    ["reads"],
  );
  assert.equal((await own<AclToken>("/v1/acl/token/self")).Name, "ana");
  assert.equal((await ask("GET", "/v1/acl/token/self")).status, 403, "nobody has no token");
  await manage("DELETE", `/v1/acl/role/${role.ID}`);
  assert.deepEqual(await own("/v1/acl/roles"), []);
});

test("Fields are found whatever the case of their names, as Go's decoder does", async () => {
  await manage("PUT", "/v1/acl/policy/small", { name: "small", rules: 'agent { policy = "read" }', jobacl: { jobid: "web" } });
  const policy = await manage<{ JobACL: { JobID: string } }>("GET", "/v1/acl/policy/small");
  assert.equal(policy.JobACL.JobID, "web");
});

test("A token says its time to live as Go writes it, wherever it is answered, and takes it back so", async () => {
  const made = await manage<AclToken>("PUT", "/v1/acl/token", { Name: "brief", Type: "client", Policies: ["reads"], ExpirationTTL: "1h" });
  assert.equal(made.ExpirationTTL, "1h0m0s");
  const read = await manage<AclToken>("GET", `/v1/acl/token/${made.AccessorID}`);
  assert.equal(read.ExpirationTTL, "1h0m0s");
  const updated = await manage<AclToken>("PUT", `/v1/acl/token/${made.AccessorID}`, { ...read, Name: "shorter" });
  assert.deepEqual([updated.Name, updated.ExpirationTTL], ["shorter", "1h0m0s"]);
  const ever = await manage<AclToken>("PUT", "/v1/acl/token", { Type: "client", Policies: ["reads"] });
  assert.equal(ever.ExpirationTTL, "");
});

test("A one-time token hands over the token of whoever made it, once", async () => {
  const { SecretID: token, AccessorID } = await manage("PUT", "/v1/acl/token", { Type: "client", Policies: ["reads"] });
  const made = (await ask("PUT", "/v1/acl/token/onetime", { token })).json<{
    OneTimeToken: { OneTimeSecretID: string; AccessorID: string };
  }>();
  assert.equal(made.OneTimeToken.AccessorID, AccessorID);
  const exchange = () => ask("PUT", "/v1/acl/token/onetime/exchange", { body: { OneTimeSecretID: made.OneTimeToken.OneTimeSecretID } });
  assert.equal((await exchange()).json<{ Token: AclToken }>().Token.SecretID, token);
  assert.equal((await exchange()).status, 404, "a second time there is nothing");
  assert.equal((await ask("PUT", "/v1/acl/token/onetime")).status, 403, "nobody has nothing to hand over");
});

test("What somebody may is told to agents without a server, and it holds no secret", async () => {
  const { SecretID: token, AccessorID } = await manage("PUT", "/v1/acl/token", { Type: "client", Policies: ["reads"] });
  const answer = await ask("GET", "/v1/acl/grant", { token });
  assert.equal(answer.json<{ Subject: string }>().Subject, AccessorID);
  assert.ok(!answer.text.includes(token));
  assert.equal((await ask("GET", "/v1/acl/grant")).json<{ Subject: string }>().Subject, "anonymous");
  assert.equal((await ask("GET", "/v1/acl/grant", { token: "ffffffff-0000-0000-0000-000000000000" })).status, 403);
});

test("Ways to log in are listed to anyone, told to managers without their secrets, and binding rules to managers alone", async () => {
  const config = {
    OIDCDiscoveryURL: "https://127.0.0.1:1",
    OIDCClientID: "drover",
    OIDCClientSecret: "t0psecret",
    AllowedRedirectURIs: ["http://localhost:4649/oidc/callback"],
  };
  const method = { Name: "company", Type: "OIDC", TokenLocality: "local", MaxTokenTTL: "1h", Config: config };
  const made = await ask("PUT", "/v1/acl/auth-method", { token: root, body: method });
  assert.equal(made.status, 200, made.text);
  assert.ok(!made.text.includes("t0psecret"));
  assert.deepEqual(
    (await ask("GET", "/v1/acl/auth-methods")).json<{ Name: string }[]>().map(({ Name }) => Name),
    ["company"],
  );
  assert.ok(!(await ask("GET", "/v1/acl/auth-methods")).text.includes("127.0.0.1"));
  assert.equal((await ask("GET", "/v1/acl/auth-method/company")).status, 403);
  const rule = await manage("PUT", "/v1/acl/binding-rule", { AuthMethod: "company", BindType: "policy", BindName: "reads" });
  assert.equal((await manage<Made[]>("GET", "/v1/acl/binding-rules")).length, 1);
  assert.equal((await ask("GET", "/v1/acl/binding-rules")).status, 403);
  assert.equal((await ask("GET", `/v1/acl/binding-rule/${rule.ID}`)).status, 403);
  await manage("PUT", `/v1/acl/binding-rule/${rule.ID}`, { ID: rule.ID, BindType: "management" });
  assert.equal((await manage<{ BindType: string }>("GET", `/v1/acl/binding-rule/${rule.ID}`)).BindType, "management");
  // The provider is not there: both steps of a login say so, or what was wrong with the request.
  const request = { AuthMethodName: "company", RedirectURI: "http://localhost:4649/oidc/callback", ClientNonce: "n" };
  assert.equal((await ask("PUT", "/v1/acl/oidc/auth-url", { body: request })).status, 503);
  assert.equal((await ask("PUT", "/v1/acl/oidc/auth-url", { body: { ...request, RedirectURI: "https://evil.example" } })).status, 400);
  const answer = { ...request, State: "made up", Code: "c" };
  const refused = await ask("PUT", "/v1/acl/oidc/complete-auth", { body: answer });
  assert.ok([400, 403].includes(refused.status), refused.text);
  await manage("DELETE", `/v1/acl/binding-rule/${rule.ID}`);
  await manage("DELETE", "/v1/acl/auth-method/company");
});
