/** server { … }, tls, acl, limits: how servers come together, what is locked, and what is refused. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { AGENT_FLAGS, loadConfig, parseAgentFlags, type LoadRequest } from "../../../../src/agent/config/mod.ts";
import { randomSerial, signCertificate } from "../../../../src/cli/certificates/sign.ts";
import { memoryDisk } from "./memory-disk.ts";

const BASE = 'data_dir = "/opt/d"\n';

function load(text: string, words: readonly string[] = [], files: Readonly<Record<string, string>> = {}, more: Partial<LoadRequest> = {}) {
  return loadConfig({
    flags: parseAgentFlags(["-config", "/etc/d", ...words]),
    disk: memoryDisk({ "/etc/d/a.hcl": BASE + text, ...files }),
    workingDirectory: "/",
    hostName: "host",
    networkAddresses: [
      { interface: "lo", address: "127.0.0.1", family: "IPv4", loopback: true },
      { interface: "eth1", address: "10.0.0.5", family: "IPv4", loopback: false },
    ],
    temporaryDirectory: () => "/tmp/dev",
    ...more,
  });
}

const maker = (server: string, rest = "", words: readonly string[] = []) => {
  const config = load(`server { enabled = true \n ${server} }\n${rest}`, words);
  return [config.server.logMaker, config.server.bootstrapExpect];
};

test("The log's maker is what was meant: alone, or with others", () => {
  assert.deepEqual(maker("bootstrap_expect = 1"), ["sqlite", 1]);
  assert.deepEqual(maker("bootstrap_expect = 3"), ["consul", 3]);
  assert.deepEqual(maker('retry_join = ["10.0.0.1"]'), ["consul", 0]);
  assert.deepEqual(maker('bootstrap_expect = 1 \n server_join { retry_join = ["10.0.0.1"] }'), ["consul", 1]);
  assert.deepEqual(maker("", "", ["-bootstrap-expect", "3", "-retry-join", "10.0.0.1,10.0.0.2"]), ["consul", 3]);
  // Oneself is nobody else, by whatever address; another port is another server.
  assert.deepEqual(maker('retry_join = ["127.0.0.1", "10.0.0.5", "localhost:4648"]'), ["sqlite", 1]);
  assert.deepEqual(maker('retry_join = ["127.0.0.1:5648"]'), ["consul", 0]);
  assert.deepEqual(maker('retry_join = ["127.0.0.1"]', "ports { serf = 5648 }"), ["sqlite", 1]);
  // Consul finds others, unless one says there are none, or that none are to be looked for.
  assert.deepEqual(maker("", "consul { }"), ["consul", 0]);
  assert.deepEqual(maker("bootstrap_expect = 1", "consul { }"), ["sqlite", 1]);
  assert.deepEqual(maker("", "consul { server_auto_join = false }"), ["sqlite", 1]);
  assert.deepEqual(load("", ["-dev"]).server.logMaker, "sqlite");
});

test("A one-server configuration of old goes on alone, and is told how to say so; one that changes its meaning is told too", () => {
  assert.match(load("server { enabled = true }").warnings.join("\n"), /bootstrap_expect is not set and no other server is named/);
  assert.match(load("server { enabled = true }\nconsul { }").warnings.join("\n"), /waits for them\. A server that stands alone says/);
  assert.deepEqual(load("server { enabled = true \n bootstrap_expect = 1 }").warnings, []);
  assert.match(
    load('bind_addr = "10.0.0.5"\nserver { enabled = true \n bootstrap_expect = 4 }').warnings.join("\n"),
    /an even number of servers/,
  );
  assert.match(
    load('server { enabled = true \n retry_join = ["10.0.0.9"] }').warnings.join("\n"),
    /listens on 127\.0\.0\.1 only: they cannot reach it/,
  );
});

test("What is said of joining is kept, with ports; what cannot be is refused", () => {
  const { join } = load(`server { enabled = true \n encrypt = "${Buffer.alloc(32, 7).toString("base64")}" \n rejoin_after_leave = true
    server_join { start_join = ["a.example", "[fd00::1]"] \n retry_join = ["10.0.0.1:99", "exec=/bin/peers -x"] \n retry_max = 3 \n retry_interval = "15s" } }`).server;
  assert.deepEqual(join.startJoin, ["a.example:4648", "[fd00::1]:4648"]);
  assert.deepEqual(join.retryJoin, ["10.0.0.1:99", "exec=/bin/peers -x"]);
  assert.deepEqual([join.retryMax, join.retryIntervalMs, join.rejoinAfterLeave, join.encrypt.reveal().length], [3, 15_000, true, 44]);
  assert.deepEqual(load("server { enabled = true }", ["-retry-interval", "2s"]).server.join.retryIntervalMs, 2_000);
  const refused = (server: string, why: RegExp, words: readonly string[] = []) =>
    assert.throws(() => load(`server { enabled = true \n ${server} }`, words), why);
  refused('retry_join = ["provider=aws tag_key=x"]', /a\.hcl:3:\d+: retry_join holds .*clouds are not asked.*exec=/s);
  refused('retry_join = ["provider=aws secret_access_key=s3cret"]', /provider=aws secret_access_key=<redacted>(?![\s\S]*s3cret)/);
  refused('start_join = ["exec=/bin/x"]', /start_join holds/);
  refused('retry_join = ["10.0.0.1:99999"]', /must be a host/);
  refused('retry_join = ["a"] \n server_join { retry_join = ["b"] }', /both in server and in server_join/);
  refused('encrypt = "s3cret"', /16, 24 or 32 bytes(?![\s\S]*s3cret)/);
  refused("bootstrap_expect = 1000", /at most 99/);
  refused("", /-dev is one server alone/, ["-dev", "-retry-join", "10.0.0.1"]);
  refused("", /expected a duration/, ["-retry-interval", "soon"]);
  refused('client_introduction { enforcement = "perhaps" }', /must be none or warn or strict/);
});

test("The rest of a cluster's settings, and their defaults", () => {
  const plain = load("server { enabled = true }");
  assert.deepEqual(plain.server.backups, { intervalMs: 0, keep: 7, directory: "/opt/d/server/backups" });
  assert.deepEqual(plain.server.clientIntroduction, { enforcement: "warn", defaultTtlMs: 300_000, maxTtlMs: 1_800_000 });
  assert.deepEqual([plain.server.failoverHeartbeatTtlMs, plain.server.aclTokenGarbageThresholdMs], [300_000, 3_600_000]);
  assert.deepEqual(plain.limits, { rpcConnectionsPerClientMax: 100, httpsHandshakeTimeoutMs: 5_000, rpcHandshakeTimeoutMs: 5_000 });
  assert.deepEqual(plain.acl, {
    enabled: false,
    tokenTtlMs: 30_000,
    policyTtlMs: 30_000,
    roleTtlMs: 30_000,
    tokenMinExpirationMs: 60_000,
    tokenMaxExpirationMs: 86_400_000,
  });
  assert.deepEqual(plain.autopilot, {
    cleanupDeadServers: true,
    lastContactThresholdMs: 200,
    maxTrailingLogs: 250,
    minQuorum: 0,
    serverStabilizationMs: 10_000,
  });
  const written = load(`leave_on_terminate = true \n limits { rpc_handshake_timeout = "1s" } \n autopilot { min_quorum = 3 }
    server { enabled = true \n snapshot_interval = "1h" \n snapshot_keep = 2 \n consul_path = "/usr/bin/consul" \n raft_snapshot_threshold = 100
      client_introduction { enforcement = "strict" } }`);
  assert.deepEqual([written.leaveOnTerminate, written.leaveOnInterrupt, written.limits.rpcHandshakeTimeoutMs], [true, false, 1_000]);
  assert.deepEqual(
    [written.server.backups.intervalMs, written.server.backups.keep, written.server.consulPath],
    [3_600_000, 2, "/usr/bin/consul"],
  );
  assert.deepEqual(
    [written.server.snapshotEveryEntries, written.autopilot.minQuorum, written.server.clientIntroduction.enforcement],
    [100, 3, "strict"],
  );
  assert.deepEqual(written.notYet, []);
  assert.throws(() => load('server { enabled = true } acl { token_min_expiration_ttl = "48h" }'), /No token could be made/);
});

test("A node's introduction comes from the environment, else from the file beside its state", () => {
  const node = 'client { enabled = true \n servers = ["10.0.0.1"] }';
  const file = { "/opt/d/client/intro_token.jwt": "from-file\n" };
  const token = (files: Readonly<Record<string, string>>, environment = {}) =>
    load(node, [], files, { environment }).client.introductionToken.reveal();
  assert.deepEqual(
    [token({}), token(file), token(file, { NOMAD_CLIENT_INTRO_TOKEN: "from-environment" })],
    ["", "from-file", "from-environment"],
  );
});

function pair(dnsNames: readonly string[] = ["server.global.nomad", "client.global.nomad"]): {
  readonly certificate: string;
  readonly key: string;
} {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Date.now();
  const certificate = signCertificate(
    {
      subject: { commonName: "x" },
      notBefore: new Date(now),
      notAfter: new Date(now + 60_000),
      publicKey,
      authority: true,
      uses: [],
      dnsNames,
      ipAddresses: [],
      permittedDomains: [],
      serial: randomSerial(),
    },
    { certificate: null, key: privateKey },
  );
  return { certificate, key: privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

test("TLS: its files are there, are what they should be, and belong together; no key is ever shown", () => {
  const [one, other] = [pair(), pair()];
  const files = { "/t/ca.pem": one.certificate, "/t/c.pem": one.certificate, "/t/k.pem": one.key, "/t/other.pem": other.key };
  const server = "server { enabled = true \n bootstrap_expect = 1 }\n";
  const tls = (text: string) => load(`${server}tls { ${text} }`, [], files);
  const both = 'cert_file = "/t/c.pem" \n key_file = "/t/k.pem"';
  const config = tls(
    `http = true \n rpc = true \n verify_server_hostname = true \n verify_https_client = true \n ca_file = "/t/ca.pem" \n ${both}`,
  );
  assert.deepEqual(config.warnings, []);
  assert.doesNotMatch(JSON.stringify(config), /PRIVATE/);
  assert.throws(() => tls("http = true"), /tls\.http is true and tls\.cert_file is missing.*tls cert create/s);
  assert.throws(() => tls(`rpc = true \n ${both}`), /tls\.rpc is true and tls\.ca_file is missing.*tls ca create/s);
  assert.throws(() => tls(`http = true \n verify_https_client = true \n ${both}`), /tls\.ca_file is missing/);
  assert.throws(() => tls("verify_https_client = true"), /tls\.http is not/);
  assert.throws(
    () => tls('http = true \n cert_file = "/t/none.pem" \n key_file = "/t/k.pem"'),
    /a\.hcl:\d+:\d+: tls\.cert_file "\/t\/none\.pem" cannot be read/,
  );
  assert.throws(
    () => tls('http = true \n cert_file = "/t/k.pem" \n key_file = "/t/k.pem"'),
    /holds a private key, must hold a certificate/,
  );
  assert.throws(
    () => tls('http = true \n cert_file = "/t/c.pem" \n key_file = "/t/c.pem"'),
    /holds a certificate, must hold a private key/,
  );
  assert.throws(() => tls('http = true \n cert_file = "/t/c.pem" \n key_file = "/t/other.pem"'), /is not the key of/);
  assert.throws(() => tls(`http = true \n tls_min_version = "tls10" \n ${both}`), /must be tls12 or tls13/);
  assert.throws(() => tls(`http = true \n tls_cipher_suites = "TLS_RSA_WITH_RC4_128_SHA" \n ${both}`), /not known or broken/);
  assert.match(
    tls(`http = true \n tls_cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" \n ${both}`).tls.ciphers,
    /TLS_AES_128_GCM_SHA256:.*:ECDHE-ECDSA-AES128-GCM-SHA256$/,
  );
});

test("TLS: a certificate of another kind of agent is refused before anything starts, not by whoever it connects to", () => {
  const tried = (block: string, dnsNames: readonly string[], more = "") => {
    const { certificate, key } = pair(dnsNames);
    const files = 'ca_file = "/t/c.pem" \n cert_file = "/t/c.pem" \n key_file = "/t/k.pem"';
    return () => load(`${block}\ntls { rpc = true \n ${more} \n ${files} }`, [], { "/t/c.pem": certificate, "/t/k.pem": key });
  };
  const server = "server { enabled = true \n bootstrap_expect = 1 }";
  const node = 'client { enabled = true \n servers = ["10.0.0.1"] }';
  assert.throws(
    tried(server, ["client.global.nomad", "localhost"]),
    /a\.hcl:\d+:\d+: tls\.cert_file "\/t\/c\.pem" is of another kind of agent: .* client\.global\.nomad, wanted is server\.global\.nomad.*cert create -server/s,
  );
  assert.throws(tried(server, ["server.europe.nomad"]), /is for server\.europe\.nomad, wanted is server\.global\.nomad/);
  assert.throws(tried(node, ["cli.global.nomad"]), /wanted is client\.global\.nomad or server\.global\.nomad/);
  tried(node, ["client.global.nomad"])();
  tried(node, ["server.global.nomad"])();
  // Of an authority that knows no such names: believed, unless names are demanded.
  tried(server, ["one.example"])();
  assert.throws(tried(server, ["one.example"], "verify_server_hostname = true"), /for no name of servers or nodes/);
});

test("A door that stands open is told of; one that is locked is not", () => {
  const files = ((one) => ({ "/t/c.pem": one.certificate, "/t/k.pem": one.key }))(pair());
  const warned = (text: string) =>
    load(`bind_addr = "10.0.0.5"\nserver { enabled = true \n bootstrap_expect = 1 }\n${text}`, [], files).warnings.join("\n");
  const https = 'tls { http = true \n cert_file = "/t/c.pem" \n key_file = "/t/k.pem" }';
  assert.match(warned(""), /nothing guards it/);
  assert.match(warned(https), /nothing guards it/);
  assert.match(warned("acl { enabled = true }"), /tokens travel in the clear/);
  const guarded = warned(`acl { enabled = true }\n${https}`);
  assert.match(guarded, /^nodes and servers connect on 10\.0\.0\.5 without TLS: [^\n]*$/, "once, and nothing else");
  const both =
    'tls { http = true \n rpc = true \n verify_server_hostname = true \n ca_file = "/t/c.pem" \n cert_file = "/t/c.pem" \n key_file = "/t/k.pem" }';
  assert.equal(warned(`acl { enabled = true }\n${both}`), "");
  assert.ok(AGENT_FLAGS["acl-enabled"] !== undefined && load("server { enabled = true }", ["-acl-enabled"]).acl.enabled);
});
