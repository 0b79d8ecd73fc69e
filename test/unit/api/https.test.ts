/** HTTPS: who is let in, what others are told, and certificates that change while it is served. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import net from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import tls from "node:tls";
import { createApiClient } from "#api/client";
import type { TlsFiles } from "../../../src/api/client/tls.ts";
import { createListeners, type Listeners } from "../../../src/api/server/listeners.ts";
import type { ServingTls } from "../../../src/api/server/secure-server.ts";
import { randomSerial, signCertificate, type Signer } from "../../../src/cli/certificates/sign.ts";

interface Pair {
  readonly certificate: string;
  readonly key: KeyObject;
}

/** Made once: keys of P-256 cost a millisecond. */
function authority(name: string): Pair & { sign(name: string, more?: { ends?: Date; dns?: readonly string[] }): Pair } {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const wanted = (common: string, publicKey: KeyObject) => ({
    subject: { commonName: common },
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    publicKey,
    uses: ["server", "client"] as const,
    dnsNames: [] as readonly string[],
    ipAddresses: [] as readonly string[],
    permittedDomains: [],
    serial: randomSerial(),
  });
  const certificate = signCertificate(
    { ...wanted(name, keys.publicKey), authority: true, uses: [] },
    { certificate: null, key: keys.privateKey },
  );
  const signer: Signer = { certificate: new X509Certificate(certificate), key: keys.privateKey };
  return {
    certificate,
    key: keys.privateKey,
    sign(common, { ends, dns = ["server.global.nomad", "localhost"] } = {}) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const asked = {
        ...wanted(common, own.publicKey),
        authority: false,
        dnsNames: dns,
        ipAddresses: dns.includes("localhost") ? ["127.0.0.1"] : [],
      };
      return { certificate: signCertificate(ends === undefined ? asked : { ...asked, notAfter: ends }, signer), key: own.privateKey };
    },
  };
}

const OURS = authority("Ours");
const THEIRS = authority("Theirs");
const pem = (pair: Pair) => pair.key.export({ type: "pkcs8", format: "pem" }) as string;

function serving(pair: Pair, more: Partial<ServingTls> = {}): ServingTls {
  return {
    certificate: pair.certificate,
    key: pem(pair),
    clientAuthorities: null,
    minVersion: "TLSv1.2",
    ciphers: "",
    handshakeTimeoutMs: 5_000,
    ...more,
  };
}

/** A server that says "hello", its port, and how to end it. */
async function served(
  t: TestContext,
  tls: ServingTls,
  connectionsPerClientMax = 100,
): Promise<{ port: number; listeners: Listeners; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), "drover-https-"));
  const listeners = createListeners({
    handle: (_request: IncomingMessage, response: ServerResponse) => void response.setHeader("x-nomad-index", "1").end('"hello"'),
    upgrades: { wanted: () => false, handle: () => undefined },
    connectionsPerClientMax,
    tls,
  });
  t.after(async () => {
    await listeners.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, "api.sock");
  const opened = await listeners.open([{ host: "127.0.0.1", port: 0 }, { path }]);
  return { port: (opened[0] as { port: number }).port, listeners, path };
}

/** What the command line would be told. */
async function asked(address: string, tls: TlsFiles): Promise<string> {
  const api = createApiClient({ address, tls, timeoutMs: 5_000 });
  try {
    return String((await api.status.leader()).value);
  } catch (error) {
    return `${(error as Error).message} — ${(error as { fix?: string }).fix ?? ""}`;
  } finally {
    await api.close();
  }
}

test("HTTPS answers who knows its authority; a unix socket needs none", async (t) => {
  const { port, path } = await served(t, serving(OURS.sign("server.global.nomad")));
  const address = `https://127.0.0.1:${port}`;
  assert.equal(await asked(address, { ca: OURS.certificate }), "hello");
  assert.equal(await asked(address, { ca: OURS.certificate, serverName: "server.global.nomad" }), "hello");
  assert.equal(await asked(address, { skipVerify: true }), "hello");
  assert.equal(await asked(`unix://${path}`, {}), "hello");
});

test("Every way a handshake fails is told with how to mend it", async (t) => {
  const fine = await served(t, serving(OURS.sign("server.global.nomad")));
  const address = `https://127.0.0.1:${fine.port}`;
  assert.match(await asked(address, {}), /an authority this machine does not know.*-ca-cert/);
  assert.match(await asked(address, { ca: THEIRS.certificate }), /an authority this machine does not know.*-ca-cert/);
  assert.match(await asked(address, { ca: OURS.certificate, serverName: "web.example.com" }), /not "web\.example\.com".*-tls-server-name/);
  assert.match(await asked(`http://127.0.0.1:${fine.port}`, {}), /Client sent an HTTP request to an HTTPS server.*https:\/\//s);
  assert.match(await asked(address, { ca: "no certificate" }), /Cannot use -ca-cert/);
  assert.match(
    await asked(address, { ca: OURS.certificate, certificate: OURS.certificate }),
    /Cannot use -client-cert without -client-key/,
  );
  assert.match(
    await asked(address, { ca: OURS.certificate, certificate: OURS.sign("x").certificate, key: pem(OURS.sign("y")) }),
    /Cannot use -client-cert and -client-key/,
  );
  const ended = await served(t, serving(OURS.sign("server.global.nomad", { ends: new Date(Date.now() - 1000) })));
  assert.match(await asked(`https://127.0.0.1:${ended.port}`, { ca: OURS.certificate }), /has ended/);
  const elsewhere = await served(t, serving(OURS.sign("x", { dns: ["web.example.com"] })));
  assert.match(await asked(`https://127.0.0.1:${elsewhere.port}`, { ca: OURS.certificate }), /for web\.example\.com, not "127\.0\.0\.1"/);
  const plain = http.createServer((_request, response) => void response.end("{}"));
  t.after(() => plain.close());
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  assert.match(await asked(`https://127.0.0.1:${(plain.address() as net.AddressInfo).port}`, {}), /does not speak TLS.*http:\/\//);
});

test("Where clients must show a certificate, one of the authority is let in and others are told", async (t) => {
  const { port } = await served(t, serving(OURS.sign("server.global.nomad"), { clientAuthorities: OURS.certificate }));
  const address = `https://127.0.0.1:${port}`;
  const as = (pair: Pair) => ({ ca: OURS.certificate, certificate: pair.certificate, key: pem(pair) });
  assert.equal(await asked(address, as(OURS.sign("cli.global.nomad"))), "hello");
  assert.match(await asked(address, { ca: OURS.certificate }), /-client-cert and -client-key/);
  assert.match(await asked(address, as(THEIRS.sign("cli.global.nomad"))), /-client-cert and -client-key/);
});

test("New handshakes show the new certificate, open connections stay, and one that is unfit changes nothing", async (t) => {
  const first = OURS.sign("first");
  const { port, listeners } = await served(t, serving(first));
  const agent = new https.Agent({ keepAlive: true, ca: OURS.certificate, maxSockets: 1 });
  t.after(() => agent.destroy());
  const subject = (way: https.Agent | false) =>
    new Promise<string>((resolve, reject) => {
      https
        .get({ host: "127.0.0.1", port, agent: way, ca: OURS.certificate, path: "/" }, (response) => {
          const name = (response.socket as tls.TLSSocket).getPeerX509Certificate()?.subject ?? "";
          response.resume().once("end", () => resolve(name));
        })
        .once("error", reject);
    });
  assert.equal(await subject(agent), "CN=first");
  listeners.renew(serving(OURS.sign("second")));
  assert.deepEqual([await subject(agent), await subject(false)], ["CN=first", "CN=second"]);
  assert.throws(() => listeners.renew(serving(first, { key: pem(OURS.sign("other")) })), { code: "API_TLS_UNFIT" });
  assert.equal(await subject(false), "CN=second");
});

test("Old versions are refused, and who never finishes a handshake is closed", async (t) => {
  const { port } = await served(t, serving(OURS.sign("server.global.nomad"), { minVersion: "TLSv1.3", handshakeTimeoutMs: 300 }));
  const closed = (socket: net.Socket) =>
    new Promise<void>(
      (resolve) =>
        void socket
          .once("close", () => resolve())
          .on("error", () => undefined)
          .resume(),
    );
  const old = tls.connect({ host: "127.0.0.1", port, ca: OURS.certificate, maxVersion: "TLSv1.2", servername: "localhost" });
  await closed(old);
  assert.equal(old.authorized, false);
  await closed(net.connect(port, "127.0.0.1"));
  const halfway = net.connect(port, "127.0.0.1");
  halfway.write(Buffer.from([0x16, 3, 1]));
  await closed(halfway);
  assert.equal(await asked(`https://127.0.0.1:${port}`, { ca: OURS.certificate }), "hello");
});

test("A client's connections are bounded over TLS too", async (t) => {
  const { port } = await served(t, serving(OURS.sign("server.global.nomad")), 2);
  const agent = new https.Agent({ keepAlive: true, ca: OURS.certificate });
  t.after(() => agent.destroy());
  const status = (way: https.Agent | false) =>
    new Promise<string>((resolve) => {
      https
        .get({ host: "127.0.0.1", port, agent: way, ca: OURS.certificate, path: "/" }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => (text += part));
          response.once("end", () => resolve(`${response.statusCode} ${text.trim()}`));
        })
        .once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    });
  const held = await Promise.all([status(agent), status(agent)]);
  assert.deepEqual(held, ['200 "hello"', '200 "hello"']);
  assert.match(await status(false), /^429 Your IP is issuing too many/);
});

test("Plain bytes and a scanner's nonsense do not hold a listener up when it closes", async (t) => {
  const { port, listeners } = await served(t, serving(OURS.sign("server.global.nomad")));
  const silent = net.connect(port, "127.0.0.1");
  await new Promise((resolve) => silent.once("connect", resolve));
  const answer = await new Promise<string>((resolve) => {
    const plain = net.connect(port, "127.0.0.1");
    plain.setEncoding("utf8").write("GET / HTTP/1.1\r\n\r\n");
    plain.once("data", (text) => resolve(String(text)));
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  const gone = new Promise((resolve) =>
    silent
      .once("close", resolve)
      .on("error", () => undefined)
      .resume(),
  );
  await listeners.close();
  await gone;
});
