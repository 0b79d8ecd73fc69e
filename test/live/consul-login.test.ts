/** Identities traded for tokens at the real Consul, after `drover setup consul` has prepared it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { consulCatalog, consulTokens } from "#integrations/consul";
import { catalogDigest, type TokenExchange } from "#ports";
import { anUpstream, aServiceInstance, withSidecar } from "../conformance/catalog.ts";
import { connectionTo, suiteOwner } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { workloadKeys, type WorkloadKeys } from "./parts/workload-keys.ts";
import { REPOSITORY, run, type CommandResult } from "./real-agent.ts";

const METHOD = "nomad-workloads";
const CLAIMS = { nomad_namespace: "default", nomad_job_id: "web", nomad_allocation_id: "a1" };
/** No agent listens there: the command says so, and takes the namespace there always is. */
const NO_AGENT = "http://127.0.0.1:9";

function setup(consul: Pick<RealConsul, "httpAddress" | "token">, ...args: readonly string[]): Promise<CommandResult> {
  return run(process.execPath, [join(REPOSITORY, "src/main.ts"), "setup", "consul", `-address=${NO_AGENT}`, ...args], {
    env: { PATH: process.env["PATH"], CONSUL_HTTP_ADDR: consul.httpAddress, CONSUL_HTTP_TOKEN: consul.token ?? "" },
  });
}

describe("a Consul with access control", () => {
  const owner = suiteOwner(after);
  let consul: RealConsul;
  let keys: WorkloadKeys;
  let tokens: TokenExchange;
  const service = { jwt: "", kind: "service", description: { allocation: "a1", service: "web" } } as const;
  const acl = async (): Promise<readonly unknown[]> =>
    Promise.all(
      ["auth-methods", "binding-rules", "roles", "policies", "tokens"].map(async (kind) =>
        (await consul.get<Record<string, unknown>[]>(`/v1/acl/${kind}`))
          .map((each) => each["Name"] ?? each["AccessorID"] ?? each["ID"])
          .toSorted(),
      ),
    );

  before(async () => {
    consul = await startConsul({ owner, acl: true });
    keys = await workloadKeys(owner);
    // A login needs no token of its own.
    tokens = consulTokens({ connection: connectionTo(consul, owner, { token: "" }), methods: { service: METHOD, task: METHOD } });
  });

  test("what setup consul makes is enough, repeated it changes nothing, and -destroy leaves nothing", async () => {
    const untouched = await acl();
    const unreachable = await setup(consul, "-y", "-jwks-url=http://127.0.0.1:9/");
    assert.equal(unreachable.code, 1);
    assert.match(unreachable.stderr, /start the agent first/);
    const asked = await setup(consul);
    assert.equal(asked.code, 1, "nobody is there to say yes");
    assert.match(asked.stderr, /give -y/);
    assert.deepEqual(await acl(), untouched);
    const made = await setup(consul, "-y", `-jwks-url=${keys.jwksUrl}`);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(made.stdout.match(/^Made /gm)?.length, 6);
    assert.match(made.stdout, /service_identity \{\n +aud = \["consul.io"\]/);
    const after = await acl();
    const again = await setup(consul, "-y", `-jwks-url=${keys.jwksUrl}`);
    assert.equal(again.stdout.match(/^Already there: /gm)?.length, 6);
    assert.doesNotMatch(again.stdout, /^(Made|Changed) /m);
    assert.deepEqual(await acl(), after);
    const elsewhere = await workloadKeys(owner);
    const moved = await setup(consul, "-y", `-jwks-url=${elsewhere.jwksUrl}`);
    assert.match(moved.stdout, /^Changed auth-method/m);
    await consul.put("/v1/acl/role", { Name: "nomad-tasks-made-by-hand" });
    const destroyed = await setup(consul, "-y", "-destroy");
    assert.equal(destroyed.stdout.match(/^Removed /gm)?.length, 6);
    const role = await consul.get<{ ID: string }>("/v1/acl/role/name/nomad-tasks-made-by-hand");
    await consul.api(`/v1/acl/role/${role.ID}`, { method: "DELETE" });
    assert.deepEqual(await acl(), untouched);
    assert.match((await setup(consul, "-y", "-destroy")).stdout, /^Nothing of this command's is there/m);
    assert.ok(![asked, made, again, moved, destroyed].some((each) => `${each.stdout}${each.stderr}`.includes(consul.token as string)));
  });

  test("what somebody else made under the same name is left alone, and nothing is half made", async () => {
    const untouched = await acl();
    const foreign = { Name: METHOD, Type: "jwt", Config: { JWKSURL: keys.jwksUrl, BoundAudiences: ["theirs"] } };
    await consul.put("/v1/acl/auth-method", foreign);
    const refused = await setup(consul, "-y");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /auth-method "nomad-workloads" is there already/);
    await setup(consul, "-y", "-destroy");
    const [methods, ...rest] = await acl();
    assert.deepEqual(methods, [METHOD]);
    assert.deepEqual(rest, untouched.slice(1));
    await consul.api(`/v1/acl/auth-method/${METHOD}`, { method: "DELETE" });
  });

  test("an identity is traded for a token of exactly its service, which is known until it is given back (F30)", async () => {
    assert.equal((await setup(consul, "-y", `-jwks-url=${keys.jwksUrl}`)).code, 0);
    const base = (await consul.get<unknown[]>("/v1/acl/tokens")).length;
    for (const algorithm of ["RS256", "EdDSA"] as const) {
      const token = await tokens.exchange({ ...service, jwt: keys.sign({ ...CLAIMS, nomad_service: "web" }, algorithm) });
      assert.ok(token.expiresAtMs !== null && token.expiresAtMs > Date.now());
      assert.equal(await tokens.known(token.SecretID), true);
      const shown = await consul.get<Record<string, unknown>>(`/v1/acl/token/${token.AccessorID}`);
      assert.deepEqual(shown["ServiceIdentities"], [{ ServiceName: "web" }]);
      assert.equal(shown["Roles"], undefined);
      assert.match(String(shown["Description"]), /"allocation":"a1"/);
      await tokens.revoke(token.SecretID);
      assert.equal(await tokens.known(token.SecretID), false);
      await tokens.revoke(token.SecretID);
    }
    const task = await tokens.exchange({ ...service, kind: "task", jwt: keys.sign({ ...CLAIMS, nomad_task: "server" }) });
    const reads = await consul.api("/v1/catalog/services", { headers: { "X-Consul-Token": task.SecretID } });
    assert.equal(reads.status, 200);
    const writes = await consul.api("/v1/kv/x", { method: "PUT", body: "1", headers: { "X-Consul-Token": task.SecretID } });
    assert.equal(writes.status, 403);
    await tokens.revoke(task.SecretID);
    assert.equal((await consul.get<unknown[]>("/v1/acl/tokens")).length, base);
  });

  test("that token registers its service with a sidecar, and reads what a proxy needs; nobody else's; with the role of its name it may more", async () => {
    assert.equal((await setup(consul, "-y", `-jwks-url=${keys.jwksUrl}`)).code, 0);
    const exchange = () => tokens.exchange({ ...service, jwt: keys.sign({ ...CLAIMS, nomad_service: "web" }) });
    const may = async (path: string, secret: string): Promise<number> =>
      (await consul.api(path, { headers: { "X-Consul-Token": secret } })).status;
    const { SecretID } = await exchange();
    const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: "node-1" });
    const web = withSidecar(aServiceInstance("web"), {}, { Upstreams: [anUpstream()] });
    await catalog.register(web, SecretID);
    assert.equal((await catalog.owned()).get(web.ID)?.digest, catalogDigest(web));
    await assert.rejects(catalog.register(withSidecar(aServiceInstance("api")), SecretID), { code: "CATALOG_DENIED" });
    await assert.rejects(catalog.register({ ...web, ...withSidecar(web, { Name: "api-sidecar-proxy" }) }, SecretID), {
      code: "CATALOG_DENIED",
    });
    await catalog.register(web, SecretID);
    for (const path of ["/v1/discovery-chain/api", "/v1/health/connect/api", "/v1/agent/connect/ca/leaf/web", "/v1/catalog/nodes"])
      assert.equal(await may(path, SecretID), 200, path);
    assert.equal(await may("/v1/agent/connect/ca/leaf/billing", SecretID), 403);
    await catalog.deregister(web.ID, SecretID);
    assert.deepEqual([...(await catalog.owned()).keys()], []);

    await consul.put("/v1/acl/policy", { Name: "billing", Rules: 'service "billing" { policy = "write" }' });
    await consul.put("/v1/acl/role", { Name: "nomad-service-web", Policies: [{ Name: "billing" }] });
    const more = await exchange();
    assert.equal(await may("/v1/agent/connect/ca/leaf/billing", more.SecretID), 200);
    assert.equal(await may("/v1/agent/connect/ca/leaf/web", more.SecretID), 200);
    for (const each of [SecretID, more.SecretID]) await tokens.revoke(each);
    for (const [kind, name] of [
      ["role", "nomad-service-web"],
      ["policy", "billing"],
    ] as const) {
      const { ID } = await consul.get<{ ID: string }>(`/v1/acl/${kind}/name/${name}`);
      await consul.api(`/v1/acl/${kind}/${ID}`, { method: "DELETE" });
    }
  });

  test("a login that is refused for good is told from one to try again, and no identity is shown", async () => {
    const jwtOf = (claims: Readonly<Record<string, unknown>>) => keys.sign({ ...CLAIMS, nomad_task: "server", ...claims });
    const stranger = await workloadKeys(owner);
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ["TOKEN_REFUSED", jwtOf({ aud: ["elsewhere"] }), /service_identity/],
      ["TOKEN_UNPREPARED", jwtOf({ nomad_namespace: "no-role" }), /nomad-tasks-<namespace>/],
      ["TOKEN_REFUSED", stranger.sign({ ...CLAIMS, nomad_task: "server" }), /jwks-url/],
      ["TOKEN_REFUSED", "not.an.identity", /jwks-url/],
      ["TOKEN_UNREACHABLE", jwtOf({ exp: 1000, nbf: 900, iat: 900 }), /tried again/],
    ];
    for (const [code, jwt, fix] of cases) {
      await assert.rejects(tokens.exchange({ ...service, kind: "task", jwt }), (error: Error & { code?: string; fix?: string }) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.fix ?? "", fix);
        assert.ok(!`${error.message} ${error.fix} ${error.stack}`.includes(jwt.slice(-40)));
        return true;
      });
    }
    const unnamed = consulTokens({ connection: connectionTo(consul, owner), methods: { service: "nobodys", task: "nobodys" } });
    await assert.rejects(unnamed.exchange({ ...service, jwt: jwtOf({}) }), { code: "TOKEN_UNPREPARED", fix: /setup consul/ });
  });

  test("servers that Consul cannot ask for their keys, and a Consul that is away, are waited for", async () => {
    const keysOfNow = await workloadKeys(owner);
    assert.equal((await setup(consul, "-y", `-jwks-url=${keysOfNow.jwksUrl}`)).code, 0);
    await keysOfNow.close();
    const jwt = keysOfNow.sign({ ...CLAIMS, nomad_task: "server" });
    await assert.rejects(tokens.exchange({ ...service, kind: "task", jwt }), { code: "TOKEN_UNREACHABLE", message: /get keys failed/ });
    await consul.stop();
    const away = { code: "TOKEN_UNREACHABLE" };
    await assert.rejects(tokens.exchange({ ...service, jwt }), away);
    await assert.rejects(tokens.known("3f1c2d5e-0000-4000-8000-000000000000"), away);
    await assert.rejects(tokens.revoke("3f1c2d5e-0000-4000-8000-000000000000"), away);
  });
});

test("a Consul without access control asks for no tokens, and setup consul says that it does not", async (t) => {
  const consul = await startConsul({ owner: t });
  const tokens = consulTokens({ connection: connectionTo(consul, t), methods: { service: METHOD, task: METHOD } });
  const token = await tokens.exchange({ jwt: "a.b.c", kind: "service", description: {} });
  assert.equal(token.SecretID, "");
  assert.ok(token.expiresAtMs !== null && token.expiresAtMs < Date.now() + 600_000, "asked again before long");
  assert.equal(await tokens.known(""), true);
  await tokens.revoke("");
  assert.equal(await tokens.known("3f1c2d5e-0000-4000-8000-000000000000"), false);
  await tokens.revoke("3f1c2d5e-0000-4000-8000-000000000000");
  const refused = await setup(consul, "-y");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /ACLs are off/);
});
