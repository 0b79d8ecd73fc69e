import assert from "node:assert/strict";
import test from "node:test";
import { loadConfig, parseAgentFlags, type Config } from "../../../../src/agent/config/mod.ts";

const disk = (text: string) => ({
  kind: (file: string) => (file.endsWith(".hcl") ? "file" : "directory"),
  isDirectory: () => false,
  list: () => [],
  read: () => text,
  writable: () => true,
});

function load(text: string, words: readonly string[] = [], environment: Record<string, string> = {}): Config {
  return loadConfig({
    flags: parseAgentFlags(["-dev", "-config", "/a.hcl", ...words]),
    disk: disk(text) as never,
    workingDirectory: "/",
    hostName: "host",
    networkAddresses: [],
    temporaryDirectory: () => "/tmp/none",
    environment,
  });
}

test("without a consul block there is no Consul, an empty one means the agent on this machine", () => {
  assert.equal(load("").consul, null);
  const consul = load("consul { }").consul;
  assert.equal(consul?.address, "http://127.0.0.1:8500");
  assert.equal(consul?.serviceIdentity, null);
  assert.equal(load('{"consul": {}}').consul?.address, "http://127.0.0.1:8500");
  assert.equal(load('consul { enabled = false\n address = "c:1" }').consul, null);
});

test("what the block leaves open the environment says", () => {
  const consul = load("consul { }", [], { CONSUL_HTTP_ADDR: "10.0.0.1:8501", CONSUL_HTTP_SSL: "true", CONSUL_HTTP_TOKEN: "t" }).consul;
  assert.equal(consul?.address, "https://10.0.0.1:8501");
  assert.equal(consul?.token.reveal(), "t");
  assert.equal(load('consul { address = "unix:///run/consul.sock" }').consul?.address, "unix:///run/consul.sock");
});

test("a word for yes or no in the environment is read as Consul's own command line reads it", () => {
  const consulOf = (environment: Record<string, string>) => load('consul { address = "c:1" }', [], environment).consul;
  for (const yes of ["1", "t", "TRUE", "true"]) assert.equal(consulOf({ CONSUL_HTTP_SSL: yes })?.address, "https://c:1", yes);
  for (const no of ["", "0", "false", "F"]) assert.equal(consulOf({ CONSUL_HTTP_SSL: no })?.address, "http://c:1", no);
  for (const no of ["0", "f", "False"]) assert.equal(consulOf({ CONSUL_HTTP_SSL_VERIFY: no })?.tls.verify, false, no);
  for (const yes of ["", "1", "true"]) assert.equal(consulOf({ CONSUL_HTTP_SSL_VERIFY: yes })?.tls.verify, true, yes);
});

test("a password in the address is refused: an address is shown in many places", () => {
  assert.throws(
    () => load('consul { address = "http://joe:secret@c:8500" }'),
    /holds a user or a password.*\n(.*\n)*.*auth = "user:password"/,
  );
});

test("-dev-consul is -dev with identities for Consul", () => {
  const config = load("", ["-dev-consul"]);
  assert.ok(config.dev);
  assert.deepEqual(config.consul?.serviceIdentity?.aud, ["consul.io"]);
  assert.equal(config.consul?.taskIdentity?.ttlNs, 3_600e9);
});

test("an identity of the block is taken over, one for nobody is refused", () => {
  const text = 'consul { service_identity { aud = ["c"]\n ttl = "10m" } }';
  assert.deepEqual(load(text).consul?.serviceIdentity, {
    aud: ["c"],
    ttlNs: 600e9,
    env: false,
    file: false,
    filepath: "",
    extraClaims: {},
  });
  assert.throws(() => load('consul { task_identity { ttl = "1h" } }'), /task_identity has no aud/);
  assert.throws(() => load('consul { address = "http://" }'), /consul.address/);
  assert.throws(() => load('consul "east" { name = "east" }'), /one Consul is used/);
});

test("an agent on its own HTTP port does not quarrel over the DNS port", () => {
  assert.equal(load("").client.dns.port, 4653);
  assert.equal(load("ports { http = 0 }").client.dns.port, 0);
  assert.deepEqual(load('client { dns { consul = "127.0.0.1:8600"\n port = 53 } }').client.dns, {
    enabled: true,
    address: "127.0.0.1",
    port: 53,
    domain: "drover",
    consul: { host: "127.0.0.1", port: 8600 },
  });
  assert.throws(() => load('client { dns { consul = "here" } }'), /host:port/);
});

test("where Consul's gRPC is has a port, and is no path", () => {
  for (const said of ["127.0.0.1:8502", "[::1]:8502", "https://consul.example:8503"])
    assert.equal(load(`consul { grpc_address = "${said}" }`).consul?.grpcAddress, said);
  for (const said of ["unix:///run/c.sock", "127.0.0.1", "https://consul.example"])
    assert.throws(
      () => load(`consul { grpc_address = "${said}" }`),
      (thrown: unknown) => JSON.stringify([thrown, String(thrown)]).includes("must be host:port"),
      said,
    );
});

test("what Consul's TLS needs is given to tasks that speak for themselves, unless somebody says no", () => {
  assert.equal(load("consul { }").consul?.shareTls, true);
  assert.equal(load("consul { share_ssl = false }").consul?.shareTls, false);
});
