import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import {
  checkVault,
  setUpVault,
  vaultConnection,
  vaultFingerprint,
  vaultThings,
  vaultTokens,
  type VaultAddress,
  type VaultConnection,
} from "#integrations/vault";

const OPTIONS: VaultAddress = {
  address: "",
  namespace: "",
  tls: { caFile: "", caPath: "", certFile: "", keyFile: "", serverName: "", verify: true },
  timeoutMs: 2_000,
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Something at Vault's place that answers as told, and what it was asked. */
async function stand(
  t: TestContext,
  answer: (response: ServerResponse, request: Seen) => void,
  options: Partial<VaultAddress> & { readonly socket?: true } = {},
): Promise<{ readonly connection: VaultConnection; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      seen.push(one);
      answer(response, one);
    });
  });
  const folder = mkdtempSync(join(tmpdir(), "drover-vault-"));
  const path = join(folder, "vault.sock");
  await new Promise<void>((resolve) => (options.socket === true ? server.listen(path, resolve) : server.listen(0, "127.0.0.1", resolve)));
  const address = options.socket === true ? `unix://${path}` : `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = vaultConnection({ ...OPTIONS, address, ...options });
  t.after(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { connection, seen };
}

const answering =
  (status: number, text = "{}", type = "application/json") =>
  (response: ServerResponse) => {
    response.writeHead(status, { "content-type": type });
    response.end(text);
  };
const LOGIN = JSON.stringify({ auth: { client_token: "s.secretSecretSecret", accessor: "acc", lease_duration: 60, renewable: true } });

describe("a connection to Vault", () => {
  for (const socket of [undefined, true] as const) {
    test(`sends whose token is asked for and nobody else's, over ${socket === true ? "a socket" : "TCP"}`, async (t) => {
      const { connection, seen } = await stand(t, answering(200, LOGIN), socket === true ? { socket } : {});
      const tokens = vaultTokens({ connection, authPath: "/jwt-nomad/", createFromRole: "" });
      const { SecretID } = await tokens.exchange({ jwt: "a.b.c", kind: "task", description: {} });
      await tokens.renew?.(SecretID);
      await tokens.exchange({ jwt: "a.b.c", kind: "task", description: {} });
      await tokens.revoke("s.other");
      await vaultFingerprint(connection).look();
      assert.deepEqual(
        seen.map((each) => [each.method, each.url, each.headers["x-vault-token"]]),
        [
          ["POST", "/v1/auth/jwt-nomad/login", undefined],
          ["POST", "/v1/auth/token/renew-self", "s.secretSecretSecret"],
          ["POST", "/v1/auth/jwt-nomad/login", undefined],
          ["POST", "/v1/auth/token/revoke-self", "s.other"],
          ["GET", "/v1/sys/health", undefined],
        ],
      );
      assert.ok(seen.every((each) => each.headers["x-vault-request"] === "true" && !/s\.(other|secret)/.test(each.url + each.body)));
    });
  }

  test("nothing in the environment changes what is asked, or whom", async (t) => {
    const environment = {
      VAULT_ADDR: "http://127.0.0.1:9",
      VAULT_TOKEN: "s.env",
      VAULT_NAMESPACE: "env",
      VAULT_PREFIX: "/env",
      http_proxy: "http://127.0.0.1:9",
    };
    Object.assign(process.env, environment);
    t.after(() => {
      for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name);
    });
    const { connection, seen } = await stand(t, answering(200, LOGIN), { namespace: "own" });
    await connection.ask((vault, options) => vault.read("a/b", options));
    await connection.ask((vault, options) => vault.read("a/b", options), { namespace: "other", token: "s.given" });
    assert.deepEqual(
      seen.map((each) => [each.url, each.headers["x-vault-token"], each.headers["x-vault-namespace"]]),
      [
        ["/v1/a/b", undefined, "own"],
        ["/v1/a/b", "s.given", "other"],
      ],
    );
  });

  test("asks once, and says neither token nor identity", async (t) => {
    for (const [status, text] of [
      [500, '{"errors":["1 error occurred:\\n\\t* it broke\\n\\n"]}'],
      [502, "<html>bad gateway</html>"],
      [400, '{"errors":["token is expired"]}'],
      [200, "<html>what is this</html>"],
    ] as const) {
      const { connection, seen } = await stand(t, answering(status, text));
      const tokens = vaultTokens({ connection, authPath: "jwt-nomad", createFromRole: "" });
      const jwt = `a.${Buffer.from('{"secret":"mine"}').toString("base64url")}.c`;
      const calls = [
        tokens.exchange({ jwt, kind: "task", description: {} }),
        tokens.renew?.("s.mine") ?? Promise.reject(new Error("no renew")),
      ];
      for (const settled of await Promise.allSettled(calls)) {
        assert.equal(settled.status, "rejected");
        const shown = `${String(settled.reason)} ${JSON.stringify(settled.reason)} ${(settled.reason as { fix?: string }).fix}`;
        assert.ok(!shown.includes(jwt) && !shown.includes("s.mine"), shown);
        assert.ok(!String(settled.reason).includes("\n"));
      }
      assert.equal(seen.length, 2);
    }
  });

  test("an answer that does not come is not waited for, and one nobody wants any more is let go", async (t) => {
    const { connection } = await stand(t, () => undefined, { timeoutMs: 100 });
    const things = vaultThings({ connection, defaultLeaseMs: 1_000 });
    const what = { system: "vault", kind: "secret", name: "secret/a", options: {} } as const;
    await assert.rejects(things.read(what, { token: "s.mine", after: "", signal: AbortSignal.timeout(60_000) }), {
      code: "THING_UNREACHABLE",
      message: /no answer within 100 ms/,
    });
    const gone = new AbortController();
    const slow = vaultThings({
      connection: vaultConnection({ ...OPTIONS, address: connection.address, timeoutMs: 60_000 }),
      defaultLeaseMs: 1_000,
    });
    const reading = slow.read(what, { token: "s.mine", after: "", signal: gone.signal });
    gone.abort(new Error("enough"));
    await assert.rejects(reading, /enough/);
  });

  test("a login that gives no token is refused, and no empty token is taken for one", async (t) => {
    for (const auth of [{ client_token: "", accessor: "", mfa_requirement: {} }, undefined]) {
      const { connection } = await stand(t, answering(200, JSON.stringify({ auth })));
      const tokens = vaultTokens({ connection, authPath: "jwt-nomad", createFromRole: "" });
      await assert.rejects(tokens.exchange({ jwt: "a.b.c", kind: "task", description: {} }), {
        code: "TOKEN_REFUSED",
        message: /no token came of it/,
      });
    }
  });

  test("role and namespace are the identity's, else the configuration's; a token that ends says when", async (t) => {
    let life = 60;
    const { connection, seen } = await stand(
      t,
      (response) => answering(200, JSON.stringify({ auth: { client_token: "s.new", lease_duration: life, renewable: true } }))(response),
      { namespace: "own" },
    );
    const tokens = vaultTokens({ connection, authPath: "jwt-nomad", createFromRole: "configured" });
    const log = (claims: object) =>
      tokens.exchange({ jwt: `a.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c`, kind: "task", description: {} });
    const before = Date.now();
    const { expiresAtMs } = await log({ vault_role: "claimed", vault_namespace: "team" });
    assert.ok(expiresAtMs !== null && expiresAtMs >= before + 60_000 && expiresAtMs <= Date.now() + 60_000);
    life = 0;
    assert.equal((await log({})).expiresAtMs, null);
    assert.deepEqual(
      seen.map(({ headers, body }) => [headers["x-vault-namespace"], (JSON.parse(body) as { role: string }).role]),
      [
        ["team", "claimed"],
        ["own", "configured"],
      ],
    );
    await vaultFingerprint(connection).look();
    assert.equal(seen.at(-1)?.headers["x-vault-namespace"], undefined, "no namespace has a health of its own");
  });

  test("a token that is gone is given back and not known; one that may not look at itself is; a Vault that is away says neither", async (t) => {
    let says: readonly [number, string] = [403, '{"errors":["permission denied"]}'];
    const { connection } = await stand(t, (response) => answering(...says)(response));
    const tokens = vaultTokens({ connection, authPath: "jwt-nomad", createFromRole: "" });
    await tokens.revoke("s.mine");
    assert.equal(await tokens.known("s.mine"), false);
    await assert.rejects(tokens.renew?.("s.mine") ?? Promise.resolve(), { code: "TOKEN_REFUSED" });
    says = [403, '{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}'];
    assert.equal(await tokens.known("s.mine"), true);
    says = [503, '{"errors":["Vault is sealed"]}'];
    for (const doing of [tokens.revoke("s.mine"), tokens.known("s.mine"), tokens.renew?.("s.mine")])
      await assert.rejects(doing ?? Promise.resolve(), { code: "TOKEN_UNREACHABLE", message: /Vault is sealed/ });
    assert.equal(await tokens.known(""), false);
  });

  test("a page of a proxy's is its status, not another Vault; an answer without an end is not kept; no token goes on without TLS", async (t) => {
    const page = await stand(t, answering(400, "<html>too large a header</html>", "text/html"));
    await assert.rejects(
      page.connection.ask((vault, options) => vault.read("a", options)),
      { status: 400, message: /too large a header/ },
    );
    const endless = await stand(
      t,
      (response) => {
        const chunk = Buffer.alloc(1024 * 1024, "x");
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on("drain", more);
        more();
      },
      { timeoutMs: 20_000 },
    );
    await assert.rejects(
      endless.connection.ask((vault, options) => vault.read("a", options)),
      { message: /more than 67108864 bytes/ },
    );
    const other = await stand(t, (response) => void response.writeHead(307, { location: "https://127.0.0.1:9/v1/a" }).end());
    await assert.rejects(
      other.connection.ask((vault, options) => vault.read("a", options), { token: "s.mine" }),
      { status: 307 },
    );
  });

  test("something else in Vault's place is no Vault", async (t) => {
    for (const text of ["{}", "[]", '{"version":7}', '"1.20.0"', ""]) {
      const { connection } = await stand(t, answering(200, text));
      assert.equal(await vaultFingerprint(connection).look(), undefined, text);
    }
  });

  test("a path no KV engine can have is refused before anything is asked or made", async (t) => {
    const { connection, seen } = await stand(t, answering(200));
    for (const kvPath of ["", "/", "a//b", "a/../b", ".", "a?b", "a#b", 'a"b', "a b", "a*", "+", "{{x}}", "a%2fb", "a\nb"]) {
      const setup = { token: "s.mine", jwksUrl: "http://127.0.0.1:9/", jwksCa: "", kvPath };
      for (const doing of [checkVault, setUpVault]) {
        await assert.rejects(doing(connection, setup), { code: "VAULT_SETUP_PATH_INVALID", fix: /-kv-path/ }, kvPath);
      }
    }
    assert.equal(seen.length, 0);
  });

  test("a standby's word where the active one is, is followed once", async (t) => {
    const active = await stand(t, answering(200, '{"data":{"a":1}}'));
    const standby = await stand(t, (response, { url }) => {
      response.writeHead(307, { location: `${active.connection.address}${url}` });
      response.end();
    });
    await standby.connection.ask((vault, options) => vault.read("a", options), { token: "s.mine" });
    assert.deepEqual([active.seen.length, active.seen[0]?.headers["x-vault-token"]], [1, "s.mine"]);
    const round = await stand(t, (response) => void response.writeHead(307, { location: "/v1/a" }).end());
    await assert.rejects(round.connection.ask((vault, options) => vault.read("a", options)));
    assert.equal(round.seen.length, 2);
  });

  test("an address that is none, and certificates that are not there, are named before anything is asked", () => {
    for (const address of ["", "ftp://x", "http://", "unix://relative"]) {
      assert.throws(() => vaultConnection({ ...OPTIONS, address }), { code: "VAULT_ADDRESS_INVALID" }, address);
    }
    assert.throws(
      () => vaultConnection({ ...OPTIONS, address: "http://joe:hidden@v:8200" }),
      (thrown: Error) => !thrown.message.includes("hidden"),
    );
    for (const key of ["caFile", "certFile", "keyFile"] as const) {
      const open = (path: string) => vaultConnection({ ...OPTIONS, address: "https://localhost", tls: { ...OPTIONS.tls, [key]: path } });
      assert.throws(() => open("/nowhere/at.pem"), { code: "VAULT_TLS_FILE_UNREADABLE" });
      assert.throws(() => open(import.meta.filename), {
        code: "VAULT_TLS_FILE_UNREADABLE",
        message: /there is no (certificate|private key) in it/,
      });
    }
    const caPath = import.meta.dirname;
    assert.throws(() => vaultConnection({ ...OPTIONS, address: "https://localhost", tls: { ...OPTIONS.tls, caPath } }), {
      code: "VAULT_TLS_FILE_UNREADABLE",
      message: /ca_path/,
    });
  });

  test("TLS: who signed is to be known, by file or by directory, and the name that counts may be said", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "drover-vault-tls-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "all", "cert.pem")];
    mkdirSync(join(folder, "all"));
    const words = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "1",
      "-subj",
      "/CN=vault.herd",
    ];
    execFileSync("openssl", [...words, "-addext", "subjectAltName=DNS:vault.herd", "-keyout", key, "-out", certificate], { stdio: "pipe" });
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_, response) =>
      response.end('{"version":"1.20.0"}'),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const ask = async (tls: Partial<VaultAddress["tls"]>): Promise<unknown> => {
      const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const connection = vaultConnection({ ...OPTIONS, address, tls: { ...OPTIONS.tls, ...tls } });
      t.after(() => connection.close());
      return connection.ask((vault, requestOptions) => vault.health({ requestOptions }));
    };
    const serverName = "vault.herd";
    for (const trusting of [{ caFile: certificate, serverName }, { caPath: join(folder, "all"), serverName }, { verify: false }]) {
      assert.deepEqual(await ask(trusting), { version: "1.20.0" });
    }
    await assert.rejects(ask({}), { fix: /VAULT_CACERT/ });
    await assert.rejects(ask({ caFile: certificate }), { fix: /tls_server_name/ });
    const plain = vaultConnection({ ...OPTIONS, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    t.after(() => plain.close());
    assert.equal(await vaultFingerprint(plain).look(), undefined);
  });
});
