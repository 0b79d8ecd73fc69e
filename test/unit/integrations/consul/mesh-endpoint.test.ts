import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsulSelf } from "../../../../integrations/consul/fingerprint.ts";
import { endpointOf, type EndpointSettings } from "../../../../integrations/consul/mesh-endpoint.ts";

const self = (plain: number, tls: number, more: ConsulSelf["DebugConfig"] = {}): ConsulSelf => ({
  Config: { Datacenter: "west", NodeName: "n1" },
  DebugConfig: more,
  xDS: { Port: plain, Ports: { Plaintext: plain, TLS: tls } },
});
const at = (of: ConsulSelf, settings: Partial<EndpointSettings> = {}) => {
  const found = endpointOf(of, { grpcAddress: "", ca: "", httpAddress: "http://127.0.0.1:8500", ...settings });
  return found === undefined
    ? "nowhere"
    : `${found.tls ? "tls" : "plain"} ${found.host} ${found.port}${found.serverName === "" ? "" : ` as ${found.serverName}`}`;
};

test("proxies get their configuration where the agent says: encrypted where an authority is named, or where nothing else is open", () => {
  assert.equal(at(self(8502, 8503)), "plain 127.0.0.1 8502");
  assert.equal(at(self(8502, 8503), { ca: "PEM" }), "tls 127.0.0.1 8503 as localhost");
  assert.equal(at(self(8502, -1), { ca: "PEM" }), "plain 127.0.0.1 8502");
  assert.equal(at(self(-1, 8503)), "tls 127.0.0.1 8503 as localhost");
  assert.equal(at(self(-1, -1)), "nowhere");
  const onlyTls: ConsulSelf = { xDS: { Port: 8503, Ports: { Plaintext: -1, TLS: 8503 } } };
  assert.equal(at(onlyTls, { ca: "PEM" }), "tls 127.0.0.1 8503 as localhost", "what it says for older clients is its TLS port then");
  assert.equal(at(onlyTls, { grpcAddress: "127.0.0.1:8503", ca: "PEM" }), "tls 127.0.0.1 8503 as localhost");
  assert.equal(at({ xDS: { Port: 8502 } }), "plain 127.0.0.1 8502", "as agents before 1.14 say it");
  assert.equal(at({ DebugConfig: { GRPCPort: 8502 } }), "plain 127.0.0.1 8502");
  const { datacenter, nodeName, ca } =
    endpointOf(self(8502, -1), { grpcAddress: "", ca: "PEM", httpAddress: "unix:///run/c.sock" }) ?? assert.fail();
  assert.deepEqual([datacenter, nodeName, ca], ["west", "n1", ""]);
});

test("the agent's gRPC is where its HTTP is, or on another of this machine's addresses that it listens on", () => {
  assert.equal(at(self(8502, -1), { httpAddress: "http://consul.example:8500" }), "plain consul.example 8502");
  assert.equal(at(self(-1, 8503), { httpAddress: "https://consul.example:8501", ca: "PEM" }), "tls consul.example 8503 as consul.example");
  assert.equal(at(self(8502, -1), { httpAddress: "unix:///run/consul.sock" }), "plain 127.0.0.1 8502");
  assert.equal(at(self(8502, -1, { GRPCAddrs: ["tcp://192.0.2.7:8502"] })), "plain 192.0.2.7 8502");
  assert.equal(at(self(8502, -1, { GRPCAddrs: ["tcp://0.0.0.0:8502"] })), "plain 127.0.0.1 8502");
  assert.equal(at(self(8502, -1, { GRPCAddrs: ["tcp://[::]:8502"] }), { httpAddress: "http://[::1]:8500" }), "plain ::1 8502");
});

test("what the operator says of grpc_address wins", () => {
  assert.equal(at(self(8502, 8503), { grpcAddress: "10.0.0.1:18502" }), "plain 10.0.0.1 18502");
  assert.equal(at(self(8502, 8503), { grpcAddress: "10.0.0.1:18503", ca: "PEM" }), "tls 10.0.0.1 18503 as localhost");
  assert.equal(
    at(self(8502, 8503), { grpcAddress: "127.0.0.1:8502", ca: "PEM" }),
    "plain 127.0.0.1 8502",
    "the port that is plain by its own word",
  );
  assert.equal(at(self(-1, -1), { grpcAddress: "https://consul.example:8503" }), "tls consul.example 8503 as consul.example");
  assert.equal(at(self(8502, -1), { grpcAddress: "http://[fd00::1]:8502", ca: "PEM" }), "plain fd00::1 8502");
});
