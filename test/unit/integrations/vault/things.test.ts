/** What is asked of Vault for a template, how often, in which namespace; and what its answers are told as. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { vaultConnection, vaultThings } from "#integrations/vault";
import type { Reading, Thing, ThingSource } from "#ports";

interface Asked {
  readonly method: string;
  /** Below /v1/. */
  readonly path: string;
  readonly namespace: string;
  readonly body: unknown;
}
type Says = readonly [number, unknown];

const MOUNT = "sys/internal/ui/mounts/";
const kv2: Says = [200, { data: { path: "secret/", type: "kv", options: { version: "2" } } }];
const kv1: Says = [200, { data: { path: "secretive/", type: "kv", options: null } }];
const DENIED: Says = [403, { errors: ["1 error occurred:\n\t* permission denied\n\n"] }];
const UNKNOWN: Says = [403, { errors: ["permission denied"] }];

async function stand(t: TestContext, says: (asked: Asked) => Says, namespace = "") {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const one = {
        method: request.method ?? "",
        path: (request.url ?? "").slice("/v1/".length),
        namespace: String(request.headers["x-vault-namespace"] ?? ""),
        body: body === "" ? undefined : (JSON.parse(body) as unknown),
      };
      asked.push(one);
      const [status, answer] = says(one);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connection = vaultConnection({
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace,
    tls: { caFile: "", caPath: "", certFile: "", keyFile: "", serverName: "", verify: true },
    timeoutMs: 2_000,
  });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
  });
  return { source: vaultThings({ connection, defaultLeaseMs: 30_000 }), asked, paths: () => asked.map(({ path }) => path) };
}

const thing = (kind: string, name: string, options: Record<string, string> = {}): Thing => ({ system: "vault", kind, name, options });
const read = (source: ThingSource, what: Thing, token = "s.task"): Promise<Reading> =>
  source.read(what, { token, after: "", signal: AbortSignal.timeout(30_000) });

test("which engine serves a path is asked once for all below it, and again when nothing is there", async (t) => {
  let there = true;
  const { source, paths } = await stand(t, ({ path }) =>
    path === `${MOUNT}secretive` ? kv1 : path.startsWith(MOUNT) ? kv2 : there ? [200, { data: {} }] : [404, { errors: [] }],
  );
  await read(source, thing("secret", "secret/a"));
  await read(source, thing("secret", "secret/b/c"));
  await read(source, thing("secret", "secretive"));
  await read(source, thing("secrets", "secret"));
  const asked = [`${MOUNT}secret/a`, "secret/data/a", "secret/data/b/c", `${MOUNT}secretive`, "secretive", "secret/metadata/?list=1"];
  assert.deepEqual(paths(), asked);
  there = false;
  const { value, againMs } = await read(source, thing("secret", "secret/a"));
  assert.deepEqual([value, againMs], [undefined, 5_000]);
  there = true;
  await read(source, thing("secret", "secret/a"));
  assert.deepEqual(paths().slice(-3), ["secret/data/a", `${MOUNT}secret/a`, "secret/data/a"]);
});

test("what is written into a versioned engine lies below data, elsewhere it is what was given; a list ends in a slash", async (t) => {
  const { source, asked } = await stand(t, ({ path }) =>
    path.startsWith(`${MOUNT}secret`)
      ? kv2
      : path.startsWith(MOUNT)
        ? [200, { data: { path: "pki/", type: "pki" } }]
        : [200, { data: { keys: ["a", "b/"], certificate: "C" } }],
  );
  await read(source, thing("secret", "secret/a?version=2"));
  await read(source, thing("secret", "secret/a", { colour: "red" }));
  await read(source, thing("secret", "pki/issue/web", { ttl: "1h" }));
  assert.deepEqual((await read(source, thing("secrets", "secret/a"))).value, ["a", "b/"]);
  await read(source, thing("certificate", "pki/issue/web", { ttl: "2h" }));
  assert.deepEqual(
    asked.filter(({ path }) => !path.startsWith(MOUNT)).map(({ method, path, body }) => [method, path, body]),
    [
      ["GET", "secret/data/a?version=2", undefined],
      ["POST", "secret/data/a", { data: { colour: "red" } }],
      ["POST", "pki/issue/web", { ttl: "1h" }],
      ["GET", "secret/metadata/a/?list=1", undefined],
      ["POST", "pki/issue/web", { ttl: "2h" }],
    ],
  );
});

test("a token that has a namespace is asked for it once; everything it does happens there, and its leases end there", async (t) => {
  const leased = { lease_id: "db/creds/a/x", lease_duration: 60, renewable: true, data: {} };
  const { source, asked } = await stand(
    t,
    ({ path }) =>
      path === "auth/token/lookup-self"
        ? [200, { data: { namespace_path: "team/" } }]
        : path.startsWith(MOUNT)
          ? [200, { data: { path: "db/", type: "database" } }]
          : [200, leased],
    "own",
  );
  const token = "s.abcdefghijkl.wpqfcd";
  const { lease } = await read(source, thing("secret", "db/creds/a"), token);
  await read(source, thing("secret", "db/creds/a"), token);
  assert.ok(lease !== null);
  assert.deepEqual(await source.renew(lease, token), { id: lease.id, durationMs: 60_000, renewable: true });
  await source.revoke(lease.id, token);
  assert.deepEqual(
    asked.map(({ path, namespace }) => [path, namespace]),
    [
      ["auth/token/lookup-self", "own"],
      [`${MOUNT}db/creds/a`, "team"],
      ["db/creds/a", "team"],
      ["db/creds/a", "team"],
      ["sys/leases/renew", "team"],
      ["sys/leases/revoke", "team"],
    ],
  );
  assert.deepEqual(
    asked.slice(-2).map(({ body }) => (body as { lease_id: string }).lease_id),
    ["db/creds/a/x", "db/creds/a/x"],
  );
  // One of the configuration's namespace bears no name of it.
  const plain = await read(source, thing("secret", "db/creds/a"));
  assert.equal(plain.lease?.id, "db/creds/a/x");
  await source.revoke("db/creds/a/x", "s.task");
  assert.equal(asked.at(-1)?.namespace, "own");
});

test("a refused token is told from one that is too little, also where it may not look at itself", async (t) => {
  let [self, capabilities]: readonly Says[] = [UNKNOWN, DENIED];
  let refusal = UNKNOWN;
  const { source } = await stand(t, ({ path }) =>
    path.startsWith(MOUNT)
      ? DENIED
      : path === "auth/token/lookup-self"
        ? (self ?? DENIED)
        : path === "sys/capabilities-self"
          ? (capabilities ?? DENIED)
          : refusal,
  );
  const why = (what = thing("secret", "secret/a")) =>
    read(source, what).then(
      () => assert.fail("not refused"),
      (thrown: { code: string; message: string; fix: string }) => thrown,
    );
  assert.equal((await why()).code, "THING_TOKEN_UNKNOWN");
  refusal = DENIED;
  assert.match(
    `${(await why()).code} ${(await why()).fix}`,
    /^THING_DENIED .*a policy of the token's role: path "secret\/data\/a" .* of version 2: path "secret\/a"/,
  );
  refusal = UNKNOWN;
  self = [200, { data: { policies: ["default", "web"], meta: { role: "nomad-workloads" } } }];
  capabilities = [200, { data: { "secret/a": ["deny"] } }];
  assert.match((await why()).message, /policies default, web of role "nomad-workloads" lack "read" on it$/);
  assert.match((await why()).fix, /^Write into policy web: /);
  capabilities = [200, { data: { "secret/a": ["read"] } }];
  assert.match((await why()).message, /allow it only with other parameters$/);
  capabilities = [200, { data: { "secret/a": ["deny", "list"] } }];
  assert.match((await why()).message, /deny it$/);
  assert.match((await why(thing("secret", "secret/a", { a: "b" }))).message, /^Cannot write to "secret\/a"/);
  self = [503, { errors: ["Vault is sealed"] }];
  assert.deepEqual([(await why()).code, /sealed/.test((await why()).message)], ["THING_UNREACHABLE", true]);
});

test("a lease that is gone is given back, and cannot be renewed; one whose token is gone went with it", async (t) => {
  let says: Says = [400, { errors: ["lease not found"] }];
  let self: Says = UNKNOWN;
  const { source } = await stand(t, ({ path }) =>
    path === "auth/token/lookup-self" ? self : path.startsWith("sys/leases") ? says : DENIED,
  );
  const lease = { id: "db/creds/a/hidden", durationMs: 1, renewable: true };
  const renewing = () => source.renew(lease, "s.task");
  await source.revoke(lease.id, "s.task");
  await assert.rejects(
    renewing(),
    (thrown: { code: string; message: string }) => thrown.code === "THING_INVALID" && !thrown.message.includes("hidden"),
  );
  says = [500, { errors: ["1 error occurred:\n\t* lease expired\n\n"] }];
  await source.revoke(lease.id, "s.task");
  await assert.rejects(renewing(), { code: "THING_INVALID" });
  says = UNKNOWN;
  await source.revoke(lease.id, "s.task");
  await assert.rejects(renewing(), { code: "THING_TOKEN_UNKNOWN" });
  self = [200, { data: { policies: ["web"] } }];
  await assert.rejects(source.revoke(lease.id, "s.task"), {
    code: "THING_DENIED",
    fix: /path "sys\/leases\/revoke" \{ capabilities = \["update"\] \}/,
  });
  await assert.rejects(renewing(), { code: "THING_DENIED", fix: /path "sys\/leases\/renew"/ });
  says = [503, { errors: ["Vault is sealed"] }];
  await assert.rejects(source.revoke(lease.id, "s.task"), { code: "THING_UNREACHABLE", message: /"db\/creds\/a"/ });
  await assert.rejects(renewing(), { code: "THING_UNREACHABLE" });
  await source.revoke("", "s.task");
});

test("what can only be written says so; what answers a certificate's request without one is no such role", async (t) => {
  let says: Says = [405, { errors: ["unsupported operation"] }];
  const { source } = await stand(t, ({ path }) => (path.startsWith(MOUNT) ? DENIED : says));
  await assert.rejects(read(source, thing("secret", "pki/issue/web")), { code: "THING_INVALID", fix: /can only be written to/ });
  says = [400, { errors: ["missing client token"] }];
  await assert.rejects(read(source, thing("secret", "secret/a"), ""), {
    code: "THING_DENIED",
    message: /the task has no token of Vault's$/,
  });
  says = [200, { data: {} }];
  await assert.rejects(read(source, thing("certificate", "pki/issue/web", { a: "b" })), { code: "THING_INVALID", message: /holds none/ });
  says = [404, { errors: [] }];
  assert.equal((await read(source, thing("certificate", "pki/issue/web", { a: "b" }))).value, undefined);
  for (const kind of ["toString", "colour"]) await assert.rejects(read(source, thing(kind, "a/b")), { code: "THING_INVALID" });
});
