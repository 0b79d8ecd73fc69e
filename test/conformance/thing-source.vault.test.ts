/** The contract of a source of things, kept by the real OpenBao, and what is Vault's own: both KV engines, certificates, leases, denials. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { vaultThings } from "#integrations/vault";
import type { Reading, Thing, ThingSource } from "#ports";
import { NamedError } from "#std";
import { suiteOwner } from "../live/parts/consul-window.ts";
import { startOpenBao, type RealOpenBao } from "../live/parts/openbao.ts";
import { startPostgres, type RealPostgres } from "../live/parts/postgres.ts";
import { slowOpenBao, tokenWith, vaultAt } from "../live/parts/vault-window.ts";
import { thingSourceConformance } from "./thing-source.ts";

const thing = (kind: string, name: string, options: Record<string, string> = {}): Thing => ({ system: "vault", kind, name, options });
const secret = (name: string, options?: Record<string, string>) => thing("secret", name, options);
const LEASE_MS = 30_000;

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  const owner = suiteOwner(after);
  let bao: RealOpenBao;
  let postgres: RealPostgres;
  before(async () => {
    [bao, postgres] = await Promise.all([startOpenBao({ owner }), startPostgres({ owner })]);
    await bao.put("/v1/sys/mounts/database", { type: "database" });
    await bao.put("/v1/database/config/herd", {
      plugin_name: "postgresql-database-plugin",
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`,
      username: postgres.admin.user,
      password: postgres.admin.password,
      allowed_roles: "*",
    });
    const creation_statements = [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`];
    await bao.put("/v1/database/roles/app", { db_name: "herd", creation_statements, default_ttl: "10m", max_ttl: "1h" });
  });
  const sourceAt = (address = bao.address): ThingSource =>
    vaultThings({ connection: vaultAt({ address }, owner, { timeoutMs: 10_000 }), defaultLeaseMs: LEASE_MS });

  thingSourceConformance("Vault", async () => {
    const network = await slowOpenBao(bao, owner);
    const path = `conformance-${Math.random().toString(36).slice(2)}`;
    const everything = `path "secret/*" { capabilities = ["read", "list"] } path "database/creds/*" { capabilities = ["read"] } path "sys/leases/revoke" { capabilities = ["update"] }`;
    return {
      source: sourceAt(`http://${network.address}`),
      thing: secret(`secret/${path}`),
      async write(text) {
        if (text === undefined) await bao.api(`/v1/secret/data/${path}`, { method: "DELETE" });
        else await bao.put(`/v1/secret/data/${path}`, { data: { value: text } });
      },
      expected: (text) => ({ LeaseID: "", Renewable: false, Data: { data: { value: text }, metadata: { destroyed: false } } }),
      loosely: true,
      token: await tokenWith(bao, everything),
      poorToken: await tokenWith(bao, 'path "elsewhere/*" { capabilities = ["read"] }'),
      deadToken: "s.nobodyKnowsThisOne000000",
      leased: { thing: secret("database/creds/app"), living: async () => (await postgres.logins()).length },
      invalid: secret("secret/../sys/health"),
      cut: () => network.cut(),
      close: () => network.cut(),
    };
  });

  describe("things of Vault", () => {
    const read = (what: Thing, token = bao.token): Promise<Reading> =>
      sourceAt().read(what, { token, after: "", signal: AbortSignal.timeout(30_000) });
    const dataOf = async (what: Thing): Promise<unknown> => ((await read(what)).value as { Data: unknown } | undefined)?.Data;
    const denial = async (doing: Promise<unknown>): Promise<NamedError> => {
      const thrown: unknown = await doing.then(
        () => assert.fail("it was not denied"),
        (reason: unknown) => reason,
      );
      assert.ok(thrown instanceof NamedError);
      return thrown;
    };

    test("a path of a versioned KV means its data, with and without saying so, and a version of it", async () => {
      await bao.put("/v1/secret/data/app/config", { data: { colour: "red" } });
      await bao.put("/v1/secret/data/app/config", { data: { colour: "blue" } });
      for (const path of ["secret/app/config", "secret/data/app/config", "/secret/app/config/"]) {
        assert.partialDeepStrictEqual(
          await dataOf(secret(path)),
          { data: { colour: "blue" }, metadata: { version: { "#number": "2" } } },
          path,
        );
      }
      assert.partialDeepStrictEqual(await dataOf(secret("secret/app/config?version=1")), { data: { colour: "red" } });
      assert.equal((await read(secret("secret/app/config?version=7"))).value, undefined);
      await bao.put("/v1/secret/delete/app/config", { versions: [1] });
      assert.equal((await read(secret("secret/app/config?version=1"))).value, undefined);
    });

    test("a KV of version 1 has its values at the path itself, and a ttl its author chose", async () => {
      await bao.put("/v1/sys/mounts/old/kv", { type: "kv", options: { version: "1" } });
      await bao.put("/v1/old/kv/data/it", { colour: "green" });
      await bao.put("/v1/old/kv/brief", { colour: "red", ttl: "5s" });
      const plain = await read(secret("old/kv/data/it"));
      assert.deepEqual((plain.value as { Data: unknown }).Data, { colour: "green" });
      assert.deepEqual([plain.private, plain.lease, plain.againMs], [false, null, LEASE_MS]);
      assert.equal((await read(secret("old/kv/brief"))).againMs, 5_000);
      assert.deepEqual((await read(thing("secrets", "old/kv"))).value, ["brief", "data/"]);
      await bao.api("/v1/sys/mounts/old/kv", { method: "DELETE" });
    });

    test("names below a path are listed; below none there are none", async () => {
      await bao.put("/v1/secret/data/tree/a", { data: {} });
      await bao.put("/v1/secret/data/tree/b/c", { data: {} });
      for (const path of ["secret/tree", "secret/tree/", "secret/metadata/tree"]) {
        assert.deepEqual((await read(thing("secrets", path))).value, ["a", "b/"], path);
      }
      assert.deepEqual((await read(thing("secrets", "secret/forest"))).value, []);
    });

    test("numbers keep the spelling Vault has them in, and odd names their characters", async () => {
      const body = '{"price":1.50,"big":12345678901234567890,"list":[1.0],"text":"1.50"}';
      await bao.put("/v1/sys/mounts/plain", { type: "kv", options: { version: "1" } });
      await bao.put("/v1/plain/odd%20name/%C3%BC%25", body);
      assert.deepEqual(await dataOf(secret("plain/odd name/ü%")), {
        price: { "#number": "1.50" },
        big: { "#number": "12345678901234567890" },
        list: [{ "#number": "1.0" }],
        text: "1.50",
      });
      // A versioned KV makes floating-point numbers of them itself: more than it says cannot be known.
      await bao.put("/v1/secret/data/odd%20name/%C3%BC%25", `{"data":${body}}`);
      assert.partialDeepStrictEqual(await dataOf(secret("secret/odd name/ü%")), { data: { price: { "#number": "1.5" }, text: "1.50" } });
    });

    test("a secret that Vault rotates says when the next one comes", async () => {
      await postgres.query(`CREATE ROLE fixed WITH LOGIN PASSWORD 'first'`);
      await bao.put("/v1/database/static-roles/fixed", { db_name: "herd", username: "fixed", rotation_period: "100s" });
      const { againMs, private: own, value } = await read(secret("database/static-creds/fixed"));
      assert.equal(own, false);
      assert.ok(againMs !== null && againMs > LEASE_MS && againMs <= 101_000, String(againMs));
      assert.equal((value as { Data: Record<string, unknown> }).Data["username"], "fixed");
      await bao.api("/v1/database/static-roles/fixed", { method: "DELETE" });
      await postgres.query("DROP ROLE fixed");
    });

    test("a lease says how long it is; one that can be renewed says itself when it is time, another is looked at before it ends", async () => {
      const { againMs, lease, value } = await read(secret("database/creds/app"));
      assert.deepEqual([lease?.durationMs, lease?.renewable], [600_000, true]);
      assert.equal(againMs, null);
      assert.equal((value as { LeaseID: string }).LeaseID, lease?.id);
      await sourceAt().revoke(lease?.id ?? "", bao.token);
    });

    test("a token that may not give a lease back is told the rule; with the token the lease goes", async () => {
      const token = await tokenWith(bao, 'path "database/creds/app" { capabilities = ["read"] }');
      const { lease } = await read(secret("database/creds/app"), token);
      assert.ok(lease !== null);
      assert.ok((await sourceAt().renew(lease, token)).durationMs > 0, "Vault's default policy lets every token renew");
      const why = await denial(sourceAt().revoke(lease.id, token));
      assert.equal(why.code, "THING_DENIED");
      assert.match(why.fix ?? "", /path "sys\/leases\/revoke" \{ capabilities = \["update"\] \}/);
      assert.equal((await postgres.logins()).length, 1);
      await bao.put("/v1/auth/token/revoke", { token });
      // The lease is ended by Vault's own worker, in a moment.
      for (const deadline = Date.now() + 10_000; (await postgres.logins()).length > 0;)
        assert.ok(Date.now() < deadline, "its credentials live on");
      await sourceAt().revoke(lease.id, token);
    });

    test("a certificate is issued for who asks, and anew when two thirds of its life are over", async () => {
      await bao.put("/v1/sys/mounts/pki", { type: "pki" });
      await bao.put("/v1/pki/root/generate/internal", { common_name: "herd CA", ttl: "87600h" });
      await bao.put("/v1/pki/roles/web", { allowed_domains: "example.org", allow_subdomains: true, max_ttl: "72h" });
      const issue = () => read(thing("certificate", "pki/issue/web", { common_name: "a.example.org", ttl: "1000s" }));
      const [one, two] = [await issue(), await issue()];
      const { Cert, CA, CAChain, Key, Pem } = one.value as { Cert: string; CA: string; CAChain: string[]; Key: string; Pem: string };
      assert.match(new X509Certificate(Cert).subject, /a\.example\.org/);
      assert.ok(new X509Certificate(Cert).checkIssued(new X509Certificate(CA)));
      assert.match(Key, /^-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*-----END [A-Z ]*PRIVATE KEY-----\n$/);
      assert.deepEqual(CAChain, [CA]);
      assert.equal(Pem, Cert + CA + Key);
      assert.ok(one.private && one.lease?.id === "" && !one.lease.renewable);
      assert.ok(one.againMs !== null && one.againMs > 640_000 && one.againMs < 780_000, String(one.againMs));
      assert.notEqual((two.value as { Cert: string }).Cert, Cert);
      // By `secret` it is what it is for consul-template: the engine's own fields.
      const raw = await read(secret("pki/issue/web", { common_name: "b.example.org", ttl: "1000s" }));
      assert.ok(raw.private && typeof (raw.value as { Data: Record<string, unknown> }).Data["private_key"] === "string");
      assert.ok((raw.againMs ?? 0) > 640_000 && (raw.againMs ?? 0) < 780_000);
      const refused = await denial(read(thing("certificate", "pki/issue/web", { common_name: "a.example.com" })));
      assert.deepEqual([refused.code, /not allowed by this role/.test(refused.message)], ["THING_INVALID", true]);
    });

    test("data are written, and what comes back is for the writer alone", async () => {
      const written = await read(secret("sys/tools/hash/sha2-256", { input: Buffer.from("herd").toString("base64") }));
      assert.equal(typeof (written.value as { Data: Record<string, unknown> }).Data["sum"], "string");
      assert.equal(written.private, true);
      assert.equal((await read(secret("secret/written", { colour: "red" }))).private, true);
      assert.partialDeepStrictEqual(await dataOf(secret("secret/written")), { data: { colour: "red" } });
    });

    test("a denial names path, capability, policies and the line that lacks", async () => {
      await bao.put("/v1/secret/data/app/hidden", { data: { a: "b" } });
      const token = await tokenWith(bao, 'path "secret/data/other" { capabilities = ["read"] }');
      const reading = await denial(read(secret("secret/app/hidden"), token));
      assert.equal(reading.code, "THING_DENIED");
      assert.match(
        reading.message,
        /^Cannot read "secret\/data\/app\/hidden" in Vault: permission denied: policies default, p\w+ lack "read" on it$/,
      );
      assert.match(reading.fix ?? "", /^Write into policy p\w+: path "secret\/data\/app\/hidden" \{ capabilities = \["read"\] \}$/);
      assert.match(
        (await denial(read(thing("secrets", "secret/app"), token))).message,
        /Cannot list "secret\/metadata\/app\/".*lack "list"/,
      );
      assert.match((await denial(read(secret("database/creds/app"), token))).fix ?? "", /path "database\/creds\/app"/);
      const bare = await tokenWith(bao, 'path "secret/data/other" { capabilities = ["read"] }', { bare: true });
      const silent = await denial(read(secret("secret/app/hidden"), bare));
      assert.deepEqual([silent.code, /the token's policies lack "read"/.test(silent.message)], ["THING_DENIED", true], silent.message);
      const none = await denial(read(secret("secret/app/hidden"), ""));
      assert.match(`${none.code} ${none.message} ${none.fix}`, /THING_DENIED .*no token of Vault's.*vault \{ \} block/);
    });

    test("the line a denial names is enough", async () => {
      const name = "mended";
      await bao.put(`/v1/sys/policies/acl/${name}`, { policy: 'path "x/*" { capabilities = ["read"] }' });
      const { auth } = await bao.put<{ auth: { client_token: string } }>("/v1/auth/token/create", { policies: [name] });
      const { fix = "" } = await denial(read(secret("secret/app/hidden"), auth.client_token));
      await bao.put(`/v1/sys/policies/acl/${name}`, { policy: /path "[^"]*" \{.*?\}/.exec(fix)?.[0] });
      assert.notEqual((await read(secret("secret/app/hidden"), auth.client_token)).value, undefined);
      assert.match(fix, /path "secret\/data\/app\/hidden".*path "secret\/app\/hidden"/);
    });

    test("what can only be written, an engine's refusal, and an empty path are said to be wrong", async () => {
      for (const [what, says] of [
        [secret("pki/issue/web"), /only be written/],
        [secret("database/creds/nobody"), /unknown role/],
        [secret(""), /empty/],
        [secret("secret//app"), /empty or a dotted part/],
        [thing("colour", "secret/app"), /it has none/],
      ] as const) {
        const thrown = await denial(read(what));
        assert.equal(thrown.code, "THING_INVALID");
        assert.match(`${thrown.message} ${thrown.fix}`, says);
      }
      assert.equal((await read(secret("nowhere/at/all"))).value, undefined);
    });

    test("a token of another namespace reads there, and gives its leases back there", async () => {
      const inside = (path: string, body: unknown) =>
        bao.api(path, { method: "PUT", body: JSON.stringify(body), headers: { "X-Vault-Namespace": "team" } });
      await bao.put("/v1/sys/namespaces/team", {});
      await inside("/v1/sys/mounts/secret", { type: "kv", options: { version: "2" } });
      await inside("/v1/secret/data/app/where", { data: { at: "team" } });
      await bao.put("/v1/secret/data/app/where", { data: { at: "root" } });
      const token = await tokenWith(bao, 'path "secret/*" { capabilities = ["read"] }', { namespace: "team" });
      const { value } = await read(secret("secret/app/where"), token);
      assert.partialDeepStrictEqual((value as { Data: unknown }).Data, { data: { at: "team" } });
      assert.partialDeepStrictEqual(await dataOf(secret("secret/app/where")), { data: { at: "root" } });
      const denied = await denial(read(secret("pki/x"), token));
      assert.match(denied.message, /namespace "team"/);
    });

    test("a revoked token is one that is not known, a sealed Vault one that is tried again", async () => {
      const token = await tokenWith(bao, 'path "secret/*" { capabilities = ["read"] }');
      assert.notEqual((await read(secret("secret/app/hidden"), token)).value, undefined);
      await bao.put("/v1/auth/token/revoke", { token });
      assert.equal((await denial(read(secret("secret/app/hidden"), token))).code, "THING_TOKEN_UNKNOWN");
      await bao.put("/v1/sys/seal");
      const sealed = await denial(read(secret("secret/app/hidden")));
      assert.deepEqual([sealed.code, /Vault is sealed/.test(sealed.message)], ["THING_UNREACHABLE", true]);
    });
  });
}
