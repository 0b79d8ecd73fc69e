/** What `setup vault` makes in what order, leaves alone, and takes away; on a Vault that is a table. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { checkVault, setUpVault, tearDownVault, vaultConnection, vaultSnippet, type VaultSetup } from "#integrations/vault";

type Fields = Record<string, unknown>;

/** Paths below /v1/ and what was written there; `refuses`: what is not taken. */
async function stand(t: TestContext, table: Record<string, Fields>, refuses: (path: string) => boolean = () => false) {
  const changes: string[] = [];
  const below = (prefix: string): Fields =>
    Object.fromEntries(
      Object.entries(table)
        .filter(([path]) => path.startsWith(prefix))
        .map(([path, fields]) => [`${path.slice(prefix.length)}/`, { accessor: "acc1", description: "", ...fields }]),
    );
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = (request.url ?? "").slice("/v1/".length);
      const answer = (status: number, body: unknown): void =>
        void response.writeHead(status).end(body === undefined ? "" : JSON.stringify(body));
      if (request.method === "GET") {
        const data = path === "sys/auth" || path === "sys/mounts" ? below(`${path}/`) : table[path];
        return data === undefined ? answer(404, { errors: [] }) : answer(200, { data });
      }
      if (refuses(path)) return answer(400, { errors: ["error checking jwks URL"] });
      changes.push(`${request.method} ${path}`);
      if (request.method === "DELETE") Reflect.deleteProperty(table, path);
      else table[path] = JSON.parse(Buffer.concat(chunks).toString()) as Fields;
      answer(204, undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = vaultConnection({
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: "",
    tls: { caFile: "", caPath: "", certFile: "", keyFile: "", serverName: "", verify: true },
    timeoutMs: 2_000,
  });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
  });
  return { connection, table, changes };
}

const SETUP: VaultSetup = { token: "s.root", jwksUrl: "http://server/.well-known/jwks.json", jwksCa: "", kvPath: "secret" };
const METHOD = "sys/auth/jwt-nomad";
const CONFIG = "auth/jwt-nomad/config";
const ROLE = "auth/jwt-nomad/role/nomad-workloads";
const POLICY = "sys/policies/acl/nomad-workloads";
const mark = { description: "Login. Made by drover setup vault." };

test("everything is made once, the role last; then there is nothing to do, and all of it but secrets is taken away", async (t) => {
  const { connection, changes, table } = await stand(t, {});
  assert.deepEqual(
    (await checkVault(connection, SETUP)).map(({ what }) => what),
    ["made", "made", "made", "made", "made"],
  );
  assert.deepEqual(changes, []);
  await setUpVault(connection, SETUP);
  assert.deepEqual(
    changes,
    [METHOD, CONFIG, "sys/mounts/secret", POLICY, ROLE].map((path) => `POST ${path}`),
  );
  const policy = String(table[POLICY]?.["policy"]);
  const job = "{{identity.entity.aliases.acc1.metadata.nomad_namespace}}/{{identity.entity.aliases.acc1.metadata.nomad_job_id}}";
  for (const path of [`secret/data/${job}`, `secret/data/${job}/*`])
    assert.ok(policy.includes(`path "${path}" {\n  capabilities = ["read"]`), policy);
  // The real one says more than it was told, and its mount's version as a word.
  table["sys/mounts/secret"] = { type: "kv", options: { version: "2" } };
  table[ROLE] = { ...table[ROLE], token_ttl: 0 };
  assert.deepEqual(new Set((await setUpVault(connection, SETUP)).map(({ what }) => what)), new Set(["kept"]));
  assert.equal(changes.length, 5);
  table[POLICY] = { policy: policy.replace("/data/", "/otherwise/") };
  table[ROLE] = { ...table[ROLE], token_period: 60 };
  const changed = (await setUpVault(connection, { ...SETUP, jwksUrl: "http://other/" })).filter(({ what }) => what === "changed");
  assert.deepEqual(
    changed.map(({ kind, differs }) => [kind, differs]),
    [
      ["auth-config", ["jwks_url"]],
      ["policy", ["policy"]],
      ["role", ["token_period"]],
    ],
  );
  await tearDownVault(connection, "s.root");
  assert.deepEqual(changes.slice(-2), [`DELETE ${METHOD}`, `DELETE ${POLICY}`]);
  assert.notEqual(table["sys/mounts/secret"], undefined);
  assert.deepEqual((await tearDownVault(connection, "s.root")).length, 0);
});

test("a method that cannot fetch the keys is taken away again if it was just made, and left if it was there", async (t) => {
  for (const there of [false, true]) {
    const { connection, table, changes } = await stand(t, there ? { [METHOD]: { type: "jwt", ...mark } } : {}, (path) => path === CONFIG);
    await assert.rejects(setUpVault(connection, SETUP), { code: "VAULT_SETUP_FAILED", fix: /start the agent first/ });
    assert.deepEqual([changes, METHOD in table], there ? [[], true] : [[`POST ${METHOD}`, `DELETE ${METHOD}`], false]);
  }
});

test("what somebody else made is named, and neither changed nor taken away", async (t) => {
  const theirs = { type: "jwt", description: "theirs" };
  for (const [table, kind] of [
    [{ [METHOD]: { type: "oidc", ...mark } }, "auth-method"],
    [{ [METHOD]: theirs, [CONFIG]: { jwks_url: "http://theirs/" } }, "auth-config"],
    [{ [METHOD]: theirs, [ROLE]: { role_type: "jwt" } }, "role"],
    [{ [POLICY]: { policy: 'path "a" {}' } }, "policy"],
    [{ "sys/mounts/secret": { type: "pki" } }, "kv-engine"],
  ] as const) {
    const { connection, changes } = await stand(t, { ...table });
    await assert.rejects(setUpVault(connection, SETUP), { code: "VAULT_SETUP_OCCUPIED", message: new RegExp(`${kind} "`) });
    if (kind !== "auth-method") await tearDownVault(connection, "s.root");
    assert.deepEqual(changes, [], kind);
  }
});

test("a KV of version 1 is given one rule for each path, for reading and listing; the snippet says how Vault was reached", async (t) => {
  const { connection, table } = await stand(t, { "sys/mounts/team/kv": { type: "kv", options: null } });
  await setUpVault(connection, { ...SETUP, kvPath: "team/kv" });
  const policy = String(table[POLICY]?.["policy"]);
  assert.match(policy, /path "team\/kv\/\{\{[^"]*nomad_job_id\}\}\/\*" \{\n {2}capabilities = \["read", "list"\]/);
  assert.doesNotMatch(policy, /\/data\//);
  const tls = { caFile: "/ca.pem", caPath: "", certFile: "", keyFile: "", serverName: 'v"x', verify: false };
  const snippet = vaultSnippet("https://v:8200", { tls, namespace: "team" });
  assert.match(snippet, / {2}namespace = "team"\n {2}ca_file = "\/ca\.pem"\n {2}tls_server_name = "v\\"x"\n {2}tls_skip_verify = true\n/);
  assert.doesNotMatch(snippet, /cert_file|ca_path/);
  assert.match(
    vaultSnippet("http://v", { tls: { ...tls, caFile: "", serverName: "", verify: true }, namespace: "" }),
    /address = "http:\/\/v"\n\n {2}jwt_auth/,
  );
});
