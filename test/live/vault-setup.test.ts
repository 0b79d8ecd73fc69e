/** `drover setup vault` on the real OpenBao: made, made again, checked, changed, taken away; and what a node says of a Vault that goes and comes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setUpVault, vaultFingerprint, vaultThings, vaultTokens } from "#integrations/vault";
import { suiteOwner } from "./parts/consul-window.ts";
import { startOpenBao, type RealOpenBao } from "./parts/openbao.ts";
import { vaultAt } from "./parts/vault-window.ts";
import { workloadKeys, type WorkloadKeys } from "./parts/workload-keys.ts";
import { REPOSITORY, run, type CommandResult } from "./real-agent.ts";

function setup(bao: Pick<RealOpenBao, "address" | "token">, ...args: readonly string[]): Promise<CommandResult> {
  return run(process.execPath, [join(REPOSITORY, "src/main.ts"), "setup", "vault", ...args], {
    env: { PATH: process.env["PATH"], HOME: "/nowhere", VAULT_ADDR: bao.address, VAULT_TOKEN: bao.token },
  });
}

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  describe("drover setup vault", () => {
    const owner = suiteOwner(after);
    let bao: RealOpenBao;
    let keys: WorkloadKeys;
    const everything = async (): Promise<readonly unknown[]> =>
      Promise.all(
        ["sys/auth", "sys/mounts", "sys/policies/acl?list=true"].map(async (path) => {
          const { data } = await bao.get<{ data: Record<string, unknown> }>(`/v1/${path}`);
          return Array.isArray(data["keys"]) ? data["keys"] : Object.keys(data).toSorted();
        }),
      );
    const words = (result: CommandResult): string => `${result.stdout}${result.stderr}`;

    before(async () => {
      bao = await startOpenBao({ owner });
      keys = await workloadKeys(owner);
    });

    test("what it makes is enough, repeated it changes nothing, -check says what differs, -destroy takes its own", async () => {
      const untouched = await everything();
      const unreachable = await setup(bao, "-y", "-jwks-url=http://127.0.0.1:9/");
      assert.equal(unreachable.code, 1);
      assert.match(unreachable.stderr, /start the agent first/);
      assert.deepEqual(await everything(), untouched, "nothing is half made");
      const asked = await setup(bao, `-jwks-url=${keys.jwksUrl}`);
      assert.equal(asked.code, 1, "nobody is there to say yes");
      assert.match(asked.stdout, /Make +auth-method "jwt-nomad"[\s\S]*Leave +kv-engine "secret"[\s\S]*Make +policy "nomad-workloads"/);
      const lacking = await setup(bao, "-check", `-jwks-url=${keys.jwksUrl}`);
      assert.equal(lacking.code, 1);
      assert.match(lacking.stdout, /^Not there: auth-method "jwt-nomad"$[\s\S]*^As it should be: kv-engine "secret"$/m);
      assert.deepEqual(await everything(), untouched);

      const made = await setup(bao, "-y", `-jwks-url=${keys.jwksUrl}`);
      assert.equal(made.code, 0, made.stderr);
      assert.equal(made.stdout.match(/^Made /gm)?.length, 4);
      assert.match(made.stdout, /vault \{\n +enabled = true\n[\s\S]*default_identity \{\n +aud = \["vault.io"\]/);
      const again = await setup(bao, "-y", `-jwks-url=${keys.jwksUrl}`);
      assert.equal(again.stdout.match(/^Already there: /gm)?.length, 5);
      assert.doesNotMatch(again.stdout, /^(Made|Changed) /m);
      const fine = await setup(bao, "-check", `-jwks-url=${keys.jwksUrl}`);
      assert.deepEqual([fine.code, /Otherwise|Not there/.test(fine.stdout)], [0, false]);

      await bao.put("/v1/secret/data/default/web/db", { data: { password: "p" } });
      const claims = { aud: ["vault.io"], sub: "global:default:web:g:main:v", nomad_namespace: "default", nomad_job_id: "web" };
      const tokens = vaultTokens({ connection: vaultAt(bao, owner), authPath: "jwt-nomad", createFromRole: "" });
      const { SecretID } = await tokens.exchange({ jwt: keys.sign(claims), kind: "task", description: {} });
      assert.ok((await bao.api("/v1/secret/data/default/web/db", { headers: { "X-Vault-Token": SecretID } })).ok);

      const elsewhere = await workloadKeys(owner);
      await bao.put("/v1/auth/jwt-nomad/role/nomad-workloads", { role_type: "jwt", user_claim: "sub", bound_audiences: ["other"] });
      const otherwise = await setup(bao, "-check", `-jwks-url=${elsewhere.jwksUrl}`);
      assert.equal(otherwise.code, 1);
      assert.match(otherwise.stdout, /^Otherwise: auth-config "jwt-nomad" \(jwks_url\)$/m);
      assert.match(otherwise.stdout, /^Otherwise: role "nomad-workloads" \(bound_audiences, .*\)$/m);
      const changed = await setup(bao, "-y", `-jwks-url=${elsewhere.jwksUrl}`);
      assert.match(changed.stdout, /^Changed auth-config/m);
      assert.match(changed.stdout, /^Changed role/m);

      const refused = await setup(bao, "-destroy");
      assert.deepEqual([refused.code, /give -y/.test(refused.stderr)], [1, true]);
      const destroyed = await setup(bao, "-y", "-destroy");
      assert.equal(destroyed.stdout.match(/^Removed /gm)?.length, 3);
      assert.deepEqual(await everything(), untouched);
      assert.ok((await bao.api("/v1/secret/data/default/web/db")).ok, "secrets stay");
      assert.equal(await tokens.known(SecretID), false);
      assert.match((await setup(bao, "-y", "-destroy")).stdout, /^Nothing of this command's is there/m);
      assert.ok(![asked, made, again, changed, destroyed].some((each) => words(each).includes(bao.token)));
    });

    test("what somebody else made under its names is left alone", async () => {
      await bao.put("/v1/sys/auth/jwt-nomad", { type: "jwt", description: "theirs" });
      await bao.put("/v1/auth/jwt-nomad/config", { jwt_validation_pubkeys: [], jwks_url: keys.jwksUrl, default_role: "theirs" });
      const untouched = await everything();
      const refused = await setup(bao, "-y", `-jwks-url=${keys.jwksUrl}`);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /auth-config "jwt-nomad" is there already, made by somebody else: .*default_role/);
      assert.match((await setup(bao, "-y", "-destroy")).stdout, /Nothing of this command's/);
      assert.deepEqual(await everything(), untouched);
      await bao.api("/v1/sys/auth/jwt-nomad", { method: "DELETE" });
      const engine = await setup(bao, "-y", `-jwks-url=${keys.jwksUrl}`, "-kv-path=cubbyhole");
      assert.match(words(engine), /kv-engine "cubbyhole" is there already.*"cubbyhole"/);
    });

    test("a KV engine that is not there is made, and one of version 1 is given a policy that fits it", async () => {
      const made = await setup(bao, "-y", `-jwks-url=${keys.jwksUrl}`, "-kv-path=herd/secrets");
      assert.match(made.stdout, /^Made kv-engine "herd\/secrets"/m);
      await bao.put("/v1/sys/mounts/plain", { type: "kv", options: { version: "1" } });
      const moved = await setup(bao, "-y", `-jwks-url=${keys.jwksUrl}`, "-kv-path=plain");
      assert.match(moved.stdout, /^Changed policy/m);
      await bao.put("/v1/plain/default/web", { password: "p" });
      const claims = { aud: ["vault.io"], sub: "global:default:web:g:main:v", nomad_namespace: "default", nomad_job_id: "web" };
      const tokens = vaultTokens({ connection: vaultAt(bao, owner), authPath: "jwt-nomad", createFromRole: "" });
      const { SecretID } = await tokens.exchange({ jwt: keys.sign(claims), kind: "task", description: {} });
      const status = async (path: string) => (await bao.api(path, { headers: { "X-Vault-Token": SecretID } })).status;
      assert.deepEqual([await status("/v1/plain/default/web"), await status("/v1/plain/default/other")], [200, 403]);
      assert.equal((await setup(bao, "-y", "-destroy")).code, 0);
    });

    test("without a token, with one that may not, and with no Vault there, it says what to do", async () => {
      const none = await setup({ address: bao.address, token: "" }, "-y");
      assert.match(none.stderr, /no token is given[\s\S]*VAULT_TOKEN/);
      const poor = await setup({ address: bao.address, token: "s.nobodyKnowsThisOne000000" }, "-y");
      assert.match(poor.stderr, /permission denied[\s\S]*VAULT_TOKEN/);
      assert.ok(!words(poor).includes("nobodyKnows"));
      const away = await setup({ address: "http://127.0.0.1:9", token: "x" }, "-y");
      assert.match(away.stderr, /cannot be reached[\s\S]*VAULT_ADDR/);
    });
  });

  describe("what a node says of Vault", () => {
    const owner = suiteOwner(after);
    test("version and cluster while it is there, nothing while it is not, that it is sealed, and all of it again", async () => {
      const bao = await startOpenBao({ owner });
      const source = vaultFingerprint(vaultAt(bao, owner, { timeoutMs: 1_000 }));
      const there = await source.look();
      assert.partialDeepStrictEqual(there, { attributes: { "vault.accessible": "true", "vault.version": "2.7.2" }, links: {} });
      assert.match(there?.attributes["vault.cluster_id"] ?? "", /^[0-9a-f-]{36}$/);
      assert.match(there?.attributes["vault.cluster_name"] ?? "", /^vault-cluster-/);
      await bao.put("/v1/sys/seal");
      assert.partialDeepStrictEqual((await source.look())?.attributes, { "vault.accessible": "false", "vault.version": "2.7.2" });
      await bao.kill();
      assert.equal(await source.look(), undefined);
      await bao.restart();
      assert.equal((await source.look())?.attributes["vault.accessible"], "true");
    });
  });

  describe("a Vault that lost its data", () => {
    const owner = suiteOwner(after);
    test("knows nobody any more, asks to be prepared, and is, over the same connection", async () => {
      const bao = await startOpenBao({ owner });
      const keys = await workloadKeys(owner);
      const connection = vaultAt(bao, owner);
      const wanted = { token: bao.token, jwksUrl: keys.jwksUrl, jwksCa: "", kvPath: "secret" };
      await setUpVault(connection, wanted);
      const tokens = vaultTokens({ connection, authPath: "jwt-nomad", createFromRole: "" });
      const things = vaultThings({ connection, defaultLeaseMs: 1_000 });
      const claims = { aud: ["vault.io"], sub: "global:default:web:g:main:v", nomad_namespace: "default", nomad_job_id: "web" };
      const login = () => tokens.exchange({ jwt: keys.sign(claims), kind: "task", description: {} });
      const read = (token: string) =>
        things.read(
          { system: "vault", kind: "secret", name: "secret/default/web", options: {} },
          { token, after: "", signal: AbortSignal.timeout(9_000) },
        );
      await bao.put("/v1/secret/data/default/web", { data: { a: "b" } });
      const { SecretID } = await login();
      assert.notEqual((await read(SecretID)).value, undefined);
      await bao.restart();
      assert.equal(await tokens.known(SecretID), false);
      await assert.rejects(read(SecretID), { code: "THING_TOKEN_UNKNOWN" });
      await assert.rejects(login(), { code: "TOKEN_UNPREPARED" });
      await setUpVault(connection, wanted);
      const { SecretID: anew } = await login();
      assert.equal((await read(anew)).value, undefined, "what was kept there is gone");
    });

    test("one that hangs is waited for no longer than its time, and well again after", async () => {
      const bao = await startOpenBao({ owner });
      const connection = vaultAt(bao, owner, { timeoutMs: 300 });
      const tokens = vaultTokens({ connection, authPath: "jwt-nomad", createFromRole: "" });
      assert.equal(await tokens.known(bao.token), true);
      bao.pause();
      await assert.rejects(tokens.known(bao.token), { code: "TOKEN_UNREACHABLE", message: /no answer within 300 ms/ });
      bao.resume();
      assert.equal(await tokens.known(bao.token), true);
    });
  });
}
