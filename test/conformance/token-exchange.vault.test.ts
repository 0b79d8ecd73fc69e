/** The token exchange's contract, kept by the JWT login of the real OpenBao, and what Vault's own answers are told as. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setUpVault, vaultTokens } from "#integrations/vault";
import { NamedError } from "#std";
import { suiteOwner } from "../live/parts/consul-window.ts";
import { startOpenBao, type RealOpenBao } from "../live/parts/openbao.ts";
import { slowOpenBao, tokenWith, vaultAt } from "../live/parts/vault-window.ts";
import { workloadKeys, type WorkloadKeys } from "../live/parts/workload-keys.ts";
import { tokenExchangeConformance } from "./token-exchange.ts";

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  const owner = suiteOwner(after);
  let bao: RealOpenBao;
  let keys: WorkloadKeys;
  before(async () => {
    bao = await startOpenBao({ owner });
    keys = await workloadKeys(owner);
    await setUpVault(vaultAt(bao, owner), { token: bao.token, jwksUrl: keys.jwksUrl, jwksCa: "", kvPath: "secret" });
  });

  const claims = (more: Record<string, unknown> = {}) => ({
    aud: ["vault.io"],
    sub: "global:default:web:group:main:vault_default",
    nomad_namespace: "default",
    nomad_job_id: "web",
    nomad_allocation_id: "a",
    nomad_task: "main",
    ...more,
  });
  const exchangeAt = (address = bao.address, more: { createFromRole?: string; authPath?: string } = {}) =>
    vaultTokens({ connection: vaultAt({ address }, owner), authPath: "jwt-nomad", createFromRole: "", ...more });

  tokenExchangeConformance("Vault", async () => {
    const network = await slowOpenBao(bao, owner);
    interface Known {
      readonly data: { readonly accessor: string; readonly path: string; readonly meta: Record<string, string> | null };
    }
    const logins = async (): Promise<Known["data"][]> => {
      const { data } = await bao.get<{ data: { keys: string[] } }>("/v1/auth/token/accessors?list=true");
      const tokens = await Promise.all(data.keys.map((accessor) => bao.put<Known>("/v1/auth/token/lookup-accessor", { accessor })));
      return tokens.map((each) => each.data).filter((each) => each.path === "auth/jwt-nomad/login");
    };
    return {
      exchange: exchangeAt(`http://${network.address}`),
      jwt: keys.sign(claims()),
      jwtFor: (allocation) => keys.sign(claims({ nomad_allocation_id: allocation })),
      badJwt: keys.sign(claims({ aud: ["elsewhere"] })),
      list: async () => (await logins()).map((each) => JSON.stringify(each.meta)),
      cut: () => network.cut(),
      async close() {
        await network.cut();
        for (const { accessor } of await logins()) await bao.put("/v1/auth/token/revoke-accessor", { accessor });
      },
    };
  });

  describe("logins to Vault", () => {
    const nowS = () => Math.floor(Date.now() / 1000);
    const fails = async (doing: Promise<unknown>, code: string, ...says: readonly RegExp[]): Promise<void> => {
      await assert.rejects(doing, (thrown: unknown) => {
        assert.ok(thrown instanceof NamedError, String(thrown));
        assert.equal(thrown.code, code, thrown.message);
        for (const pattern of says) assert.match(`${thrown.message}\n${thrown.fix}`, pattern);
        return true;
      });
    };
    const login = (more: Record<string, unknown> = {}, how: { createFromRole?: string; authPath?: string } = {}) =>
      exchangeAt(bao.address, how).exchange({ jwt: keys.sign(claims(more)), kind: "task", description: {} });

    test("the role is the claim's, else the configuration's, else the method's own", async () => {
      const roleOf = async (doing: ReturnType<typeof login>) => {
        const { SecretID } = await doing;
        const { data } = await bao.put<{ data: { meta: { role: string } } }>("/v1/auth/token/lookup", { token: SecretID });
        return data.meta.role;
      };
      for (const name of ["of-the-task", "of-the-agent"]) {
        await bao.put(`/v1/auth/jwt-nomad/role/${name}`, { role_type: "jwt", bound_audiences: ["vault.io"], user_claim: "sub" });
      }
      assert.equal(await roleOf(login()), "nomad-workloads");
      assert.equal(await roleOf(login({}, { createFromRole: "of-the-agent" })), "of-the-agent");
      assert.equal(await roleOf(login({ vault_role: "of-the-task" }, { createFromRole: "of-the-agent" })), "of-the-task");
    });

    test("a role that is not there, and a method that is not, are for an operator to make", async () => {
      await fails(login({ vault_role: "nobody" }), "TOKEN_UNPREPARED", /as role "nobody"/, /Make role "nobody".*drover setup vault/);
      await fails(login({}, { authPath: "jwt-elsewhere" }), "TOKEN_UNPREPARED", /no configured auth method at "jwt-elsewhere"/);
      await bao.put("/v1/sys/auth/jwt-bare", { type: "jwt" });
      await fails(login({}, { authPath: "jwt-bare" }), "TOKEN_UNPREPARED", /"jwt-bare".*drover setup vault/);
      await bao.put("/v1/auth/jwt-bare/config", { jwks_url: keys.jwksUrl });
      await fails(login({}, { authPath: "jwt-bare" }), "TOKEN_UNPREPARED", /no default role/);
    });

    test("what does not fit is named: audience, claims, keys", async () => {
      await fails(login({ aud: ["consul.io"] }), "TOKEN_REFUSED", /audience/, /identity is for "consul.io".*bound_audiences/s);
      await bao.put("/v1/auth/jwt-nomad/role/narrow", {
        role_type: "jwt",
        bound_audiences: ["vault.io"],
        user_claim: "sub",
        bound_claims: { nomad_namespace: "other" },
      });
      await fails(login({ vault_role: "narrow" }), "TOKEN_REFUSED", /nomad_namespace/, /bound_claims/);
      const strangers = await workloadKeys(owner);
      const strange = exchangeAt().exchange({ jwt: strangers.sign(claims()), kind: "task", description: {} });
      await fails(strange, "TOKEN_REFUSED", /trusts other keys.*jwks/s);
    });

    test("a minute between the clocks does no harm; more is told in seconds, and tried again", async () => {
      const minute = 60;
      await login({ iat: nowS() + minute, nbf: nowS() + minute, exp: nowS() + 3600 });
      await login({ iat: nowS() - 3600, nbf: nowS() - 3600, exp: nowS() - minute });
      await fails(
        login({ iat: nowS() + 600, nbf: nowS() + 600, exp: nowS() + 3600 }),
        "TOKEN_UNREACHABLE",
        /begins in (59\d|60\d) s: the clocks of the servers and of Vault differ/,
        /NTP/,
      );
      await fails(login({ iat: nowS() - 7200, nbf: nowS() - 7200, exp: nowS() - 600 }), "TOKEN_UNREACHABLE", /ended (59\d|60\d) s ago/);
    });

    test("keys that Vault cannot fetch are told from keys it does not trust", async () => {
      const others = await workloadKeys(owner);
      await bao.put("/v1/sys/auth/jwt-away", { type: "jwt" });
      await bao.put("/v1/auth/jwt-away/config", { jwks_url: others.jwksUrl, default_role: "r", jwt_supported_algs: ["EdDSA"] });
      await bao.put("/v1/auth/jwt-away/role/r", { role_type: "jwt", bound_audiences: ["vault.io"], user_claim: "sub" });
      await others.close();
      await fails(
        login({}, { authPath: "jwt-away" }),
        "TOKEN_UNREACHABLE",
        /cannot fetch the servers' public keys.*auth\/jwt-away\/config/s,
      );
    });

    test("jobs of one name in two namespaces are not given each other's secrets", async () => {
      for (const namespace of ["red", "blue"]) await bao.put(`/v1/secret/data/${namespace}/web/db`, { data: { of: namespace } });
      const of = (namespace: string) => login({ nomad_namespace: namespace, sub: `global:${namespace}:web:group:main:vault_default` });
      const reads = async (token: string, path: string) => (await bao.api(path, { headers: { "X-Vault-Token": token } })).status;
      const red = (await of("red")).SecretID;
      // A login later than red's: a policy filled in from a name that both share would now name blue's paths.
      const blue = (await of("blue")).SecretID;
      assert.deepEqual(
        await Promise.all([reads(red, "/v1/secret/data/red/web/db"), reads(blue, "/v1/secret/data/blue/web/db")]),
        [200, 200],
      );
      assert.deepEqual(
        await Promise.all([reads(red, "/v1/secret/data/blue/web/db"), reads(blue, "/v1/secret/data/red/web/db")]),
        [403, 403],
      );
    });

    test("a token that may not even look itself up is known", async () => {
      const bare = await tokenWith(bao, 'path "secret/*" { capabilities = ["read"] }', { bare: true });
      assert.equal(await exchangeAt().known(bare), true);
      assert.equal(await exchangeAt().known("s.nobodyKnowsThisOne000000"), false);
    });

    test("a sealed Vault is tried again, and the message says sealed", async () => {
      const own = await startOpenBao({ owner });
      const { SecretID } = { SecretID: own.token };
      await own.put("/v1/sys/seal");
      const tokens = exchangeAt(own.address);
      await fails(tokens.known(SecretID), "TOKEN_UNREACHABLE", /sealed/, /Unseal/);
      await fails(tokens.exchange({ jwt: keys.sign(claims()), kind: "task", description: {} }), "TOKEN_UNREACHABLE", /sealed/);
      await own.remove();
    });
  });
}
