/** tls ca and tls cert: what is written, who accepts it, and what is never overwritten. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import tls from "node:tls";

const MAIN = join(import.meta.dirname, "..", "..", "..", "..", "src", "main.ts");

function workshop(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "drover-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (line: string) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...line.split(" ")], { cwd: folder, encoding: "utf8" });
    return { status, stdout, stderr };
  };
  const openssl = (line: string) => {
    const { status, stdout, stderr } = spawnSync("openssl", line.split(" "), { cwd: folder, encoding: "utf8" });
    return `${status} ${stdout}${stderr}`;
  };
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  return { folder, run, openssl, read };
}

test("An authority and three kinds of certificates: Nomad's files and words, keys for their owner alone, nothing overwritten", (t) => {
  const { folder, run, openssl, read } = workshop(t);
  assert.equal(
    run("tls ca create").stdout,
    "==> CA Certificate saved to: nomad-agent-ca.pem\n==> CA Certificate key saved to: nomad-agent-ca-key.pem\n",
  );
  const server = run(
    "tls cert create -server -additional-dnsname=web.example.com -additional-ipaddress=10.0.0.1 -additional-ipaddress=fe80::1",
  );
  assert.equal(
    server.stdout,
    "==> Using CA file nomad-agent-ca.pem and CA key nomad-agent-ca-key.pem\n" +
      "==> Server Certificate saved to global-server-nomad.pem\n==> Server Certificate key saved to global-server-nomad-key.pem\n",
  );
  assert.match(server.stderr, /WARNING: whoever has a server's certificate/);
  assert.match(run("tls cert create -client -region=eu -days=30").stdout, /Client Certificate saved to eu-client-nomad\.pem/);
  assert.match(run("tls cert create -cli").stdout, /Cli Certificate key saved to global-cli-nomad-key\.pem/);
  for (const name of ["nomad-agent-ca", "global-server-nomad", "eu-client-nomad", "global-cli-nomad"]) {
    assert.equal(statSync(join(folder, `${name}-key.pem`)).mode & 0o777, 0o600);
    assert.ok(new X509Certificate(read(`${name}.pem`)).checkPrivateKey(createPrivateKey(read(`${name}-key.pem`))));
    assert.match(openssl(`verify -x509_strict -CAfile nomad-agent-ca.pem ${name}.pem`), /^0 .*: OK/);
  }
  const verified = (purpose: string, file: string, more = "") =>
    openssl(`verify -purpose ${purpose} -CAfile nomad-agent-ca.pem ${more} ${file}`.replace("  ", " "));
  assert.match(verified("sslserver", "global-server-nomad.pem", "-verify_hostname server.global.nomad"), /^0 /);
  assert.match(verified("sslserver", "global-server-nomad.pem", "-verify_ip fe80::1"), /^0 /);
  assert.match(verified("sslclient", "global-cli-nomad.pem"), /^0 /);
  assert.doesNotMatch(verified("sslserver", "global-cli-nomad.pem"), /^0 /);
  const before = read("global-cli-nomad-key.pem");
  const again = run("tls cert create -cli");
  assert.deepEqual([again.status, /already exists/.test(again.stderr), read("global-cli-nomad-key.pem") === before], [1, true, true]);
  assert.equal(run("tls ca create").status, 1);
  const info = run("tls cert info global-server-nomad.pem").stdout;
  assert.match(
    info,
    /^Serial Number  \d{30,}\nIssuer CN      Nomad Agent CA \d+\nCommon Name    CN=server\.global\.nomad\nExpiry Date    [\d-]+ [\d:]+ \+0000 UTC\n/,
  );
  assert.match(
    info,
    /DNS Names      \[server\.global\.nomad localhost web\.example\.com\]\nIP Addresses   \[127\.0\.0\.1 10\.0\.0\.1 fe80::1\]\n$/,
  );
  const days = (Date.parse(new X509Certificate(read("eu-client-nomad.pem")).validTo) - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days <= 30.01, String(days));
});

test("A constrained authority's names hold: what it may not sign is not believed", (t) => {
  const { run, openssl } = workshop(t);
  run("tls ca create -name-constraint -additional-domain=example.com -common-name=Ours -country=de -organization=Acme");
  assert.match(openssl("x509 -in nomad-agent-ca.pem -noout -subject"), /C ?= ?DE.*O ?= ?Acme.*CN ?= ?Ours/);
  assert.equal(run("tls cert create -server -additional-dnsname=web.example.com").status, 0);
  assert.match(openssl("verify -CAfile nomad-agent-ca.pem global-server-nomad.pem"), /^0 /);
  assert.equal(run("tls cert create -client -additional-dnsname=evil.test").status, 0);
  assert.match(openssl("verify -CAfile nomad-agent-ca.pem global-client-nomad.pem"), /permitted subtree violation/);
});

test("Authorities of others sign too, RSA and elliptic; what is none does not", (t) => {
  const { run, openssl, folder } = workshop(t);
  openssl("req -x509 -newkey rsa:2048 -nodes -keyout rsa-key.pem -out rsa.pem -days 10 -subj /O=Ümlaut/CN=Theirs -utf8");
  const made = run("tls cert create -server -ca=rsa.pem -key=rsa-key.pem -region=r");
  assert.deepEqual([made.status, /it ends with its authority/.test(made.stderr)], [0, true], made.stderr);
  assert.match(openssl("verify -CAfile rsa.pem r-server-nomad.pem"), /^0 .*OK/);
  openssl("ecparam -name secp384r1 -genkey -noout -out ec-key.pem");
  openssl("req -x509 -new -key ec-key.pem -out ec.pem -days 900 -subj /CN=Curved");
  assert.equal(run("tls cert create -cli -ca=ec.pem -key=ec-key.pem -region=e").status, 0);
  assert.match(openssl("verify -CAfile ec.pem e-cli-nomad.pem"), /^0 .*OK/);
  const refused = (line: string, why: RegExp) => {
    const { status, stderr } = run(line);
    assert.equal(status, 1);
    assert.match(stderr, why);
  };
  refused(
    "tls cert create -server",
    /Cannot read "nomad-agent-ca\.pem": there is no such file\nMake an authority with `drover tls ca create`/,
  );
  refused("tls cert create -server -ca=e-cli-nomad.pem -key=e-cli-nomad-key.pem", /it is no authority's certificate/);
  refused("tls cert create -server -ca=ec.pem -key=rsa-key.pem", /is not its key/);
  refused("tls cert create -server -client", /Give one of -server, -client and -cli/);
  refused("tls cert create -cli -region=../up", /must be a DNS name/);
  refused("tls cert create -cli -additional-ipaddress=10.0.0", /must be an IP address/);
  refused("tls ca create -additional-domain=x", /-name-constraint/);
  refused("tls ca create -days=0", /must be 1 to/);
  writeFileSync(join(folder, "secret.pem"), "-----BEGIN s3cret");
  refused("tls ca info secret.pem", /^(?![\s\S]*s3cret)[\s\S]*must hold a certificate in PEM/);
});

test("Two agents greet each other with them, each checking the other's name", async (t) => {
  const { run, read } = workshop(t);
  run("tls ca create");
  run("tls cert create -server");
  run("tls cert create -client");
  const ca = read("nomad-agent-ca.pem");
  const of = (kind: string) => ({ ca, cert: read(`global-${kind}-nomad.pem`), key: read(`global-${kind}-nomad-key.pem`) });
  const names: string[] = [];
  const server = tls.createServer({ ...of("server"), requestCert: true, rejectUnauthorized: true }, (socket) => {
    names.push(socket.getPeerX509Certificate()?.subject ?? "");
    socket.end("welcome");
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const heard = await new Promise<string>((resolve, reject) => {
    const socket = tls.connect({ ...of("client"), host: "127.0.0.1", port, servername: "server.global.nomad" });
    socket
      .setEncoding("utf8")
      .once("data", (text) => resolve(String(text)))
      .once("error", reject);
  });
  assert.deepEqual([heard, names], ["welcome", ["CN=client.global.nomad"]]);
});

test("tls ca info says which domains an authority may sign for, as Nomad's does", (t) => {
  const { run } = workshop(t);
  run("tls ca create -name-constraint -additional-domain=example.com");
  assert.match(run("tls ca info nomad-agent-ca.pem").stdout, /\nPermitted DNS Domains {2}\[localhost nomad example\.com\]\n$/);
  run("tls ca create -domain=other");
  assert.match(run("tls ca info other-agent-ca.pem").stdout, /\nPermitted DNS Domains {2}\[\]\n$/);
});
