/** Consul behind TLS: what gets through, and what a person is told who wrote something wrong. The certificates are made by openssl. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { consulCatalog, consulConnection, consulTokens, setUpConsul, type ConsulAddress } from "#integrations/consul";
import { NamedError } from "#std";
import { aServiceInstance } from "../conformance/catalog.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";
import { freePorts } from "./parts/ports.ts";

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

describe("a Consul that speaks TLS and wants to know who asks", () => {
  const folder = mkdtempSync(join(tmpdir(), "drover-consul-tls-"));
  const file = (name: string) => join(folder, name);
  let consul: RealConsul;
  let port: number;
  const socket = file("consul.sock");

  function authority(name: string): void {
    openssl("req", "-x509", ...CURVE, "-days", "1", "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`);
  }
  function certificate(name: string, names: string): void {
    writeFileSync(file(`${name}.ext`), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl("req", ...CURVE, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", `${name}.ext`, "-out", `${name}.pem`];
    openssl("x509", "-req", "-in", `${name}.csr`, ...signed);
  }
  const openssl = (...words: string[]) => execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });

  before(async () => {
    for (const name of ["ca", "other-ca"]) authority(name);
    certificate("server", "DNS:localhost,DNS:server.dc1.consul");
    certificate("client", "DNS:client");
    [port = 0] = await freePorts(1);
    const defaults = { ca_file: file("ca.pem"), cert_file: file("server.pem"), key_file: file("server.key") };
    consul = await startConsul({
      acl: true,
      config: {
        tls: { defaults, https: { verify_incoming: true } },
        addresses: { http: `127.0.0.1 unix://${socket}`, https: "127.0.0.1" },
        ports: { https: port },
      },
    });
  });
  after(async () => {
    await consul?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const tls = () => ({ caFile: file("ca.pem"), certFile: file("client.pem"), keyFile: file("client.key"), verify: true });
  async function owned(address: string, more: Partial<ConsulAddress["tls"]> = {}): Promise<number> {
    const connection = consulConnection({ address, token: consul.token ?? "", auth: "", tls: { ...tls(), ...more }, timeoutMs: 5_000 });
    try {
      const catalog = consulCatalog({ connection, owner: "node-1" });
      await catalog.owned();
      await catalog.register(aServiceInstance("web"), "");
      return (await catalog.owned()).size;
    } finally {
      connection.close();
    }
  }

  test("is reached by a name in its certificate, by any when nothing is verified, and by its socket", async () => {
    assert.equal(await owned(`https://localhost:${port}`), 1);
    assert.equal(await owned(`https://127.0.0.1:${port}`, { verify: false, caFile: "" }), 1);
    assert.equal(await owned(`unix://${socket}`), 1);
  });

  const NO_CLIENT = { certFile: "", keyFile: "" };
  const WRONG: readonly (readonly [
    what: string,
    address: () => string,
    tls: () => Partial<ConsulAddress["tls"]>,
    message: RegExp,
    fix: RegExp,
  ])[] = [
    ["no CA", () => `https://localhost:${port}`, () => ({ caFile: "" }), /nobody who is trusted here/, /ca_file.*CONSUL_CACERT/],
    ["another CA", () => `https://localhost:${port}`, () => ({ caFile: file("other-ca.pem") }), /nobody who is trusted here/, /ca_file/],
    ["another name", () => `https://127.0.0.1:${port}`, () => ({}), /certificate is for another name/, /verify_ssl/],
    ["no certificate of one's own", () => `https://localhost:${port}`, () => NO_CLIENT, /wants a certificate/, /cert_file, key_file/],
    [
      "another's key",
      () => `https://localhost:${port}`,
      () => ({ keyFile: file("ca.key") }),
      /do not belong together/,
      /cert_file, key_file/,
    ],
    ["no TLS", () => `http://localhost:${port}`, () => ({}), /HTTP request to an HTTPS server/, /https:\/\/.*ssl = true/],
    ["TLS where there is none", () => `https://${consul.httpAddress}`, () => ({}), /does not speak TLS there/, /HTTPS port/],
  ];
  for (const [what, address, given, message, fix] of WRONG) {
    test(`${what}: said so, with what to correct`, async () => {
      const told = (error: unknown) => {
        assert.ok(error instanceof NamedError, String(error));
        assert.match(error.message, message);
        assert.match(error.fix ?? "", fix);
        assert.ok(!JSON.stringify([error.message, error.fix, error.stack]).includes(consul.token ?? "?"));
        return true;
      };
      await assert.rejects(owned(address(), given()), told);
      const all = { address: address(), token: consul.token ?? "", auth: "", tls: { ...tls(), ...given() }, timeoutMs: 5_000 };
      const connection = consulConnection(all);
      try {
        // The package's requests, and those that go round it.
        await assert.rejects(consulCatalog({ connection, owner: "node-1" }).owned(), told);
        await assert.rejects(setUpConsul(connection, { jwksUrl: "http://127.0.0.1:1", jwksCa: "", namespaces: [] }), told);
        // What has a body is cut off there before it is answered.
        if (what === "no TLS") return;
        const tokens = consulTokens({ connection, methods: { service: "m", task: "m" } });
        await assert.rejects(tokens.exchange({ jwt: "x", kind: "task", description: {} } as never), told);
      } finally {
        connection.close();
      }
    });
  }
});
