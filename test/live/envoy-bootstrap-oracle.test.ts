/**
 * The bootstrap of a proxy means what the real Consul's own command writes for the same one: for sidecars and gateways, over every way to reach Consul,
 * with everything `proxy { config }` may say of it. What differs on purpose is listed here, and nothing else may.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { consulMesh } from "#integrations/consul";
import { envoyProxies } from "#integrations/envoy";
import { createHostClock } from "#integrations/host";
import type { BootstrapRequest } from "#ports";
import { toolPath } from "../../scripts/tool-path.ts";
import { connectionTo } from "./parts/consul-window.ts";
import { startConsul, type RealConsul } from "./parts/consul.ts";

let consul: RealConsul;
const owned: (() => Promise<void> | void)[] = [];
const directory = mkdtempSync(join(tmpdir(), "drover-oracle-"));
const authority = join(directory, "ca.pem");

before(async () => {
  symlinkSync(toolPath("envoy"), join(directory, "envoy"));
  writeFileSync(authority, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  consul = await startConsul({ owner: { after: (remove) => void owned.push(remove) } });
});
after(async () => {
  for (const each of owned) await each();
  rmSync(directory, { recursive: true, force: true });
});

type Json = { [key: string]: unknown };

const proxies = envoyProxies({ searchPath: "", envoyPath: "", clock: createHostClock() });

const REQUEST: BootstrapRequest = {
  proxyId: "api-1-sidecar-proxy",
  service: "api",
  kind: "connect-proxy",
  namespace: "default",
  partition: "default",
  datacenter: "dc1",
  nodeName: "consul-server",
  token: "",
  grpc: { host: "127.0.0.1", port: 8502 },
  grpcCa: "",
  grpcServerName: "",
  admin: { host: "127.0.0.2", port: 19_001 },
  ready: { host: "127.0.0.1", port: 19_101 },
  socketPath: "/secrets/envoy.sock",
  config: {},
  envoyVersion: "1.40.0",
};

async function theirs(request: BootstrapRequest): Promise<Json> {
  const sidecar = request.kind === "connect-proxy";
  const Proxy = { Config: request.config };
  await consul.put(
    "/v1/agent/service/register?replace-existing-checks",
    sidecar
      ? { ID: "api-1", Name: "api", Port: 9001, Connect: { SidecarService: { Port: 21_000, Proxy } } }
      : { ID: request.proxyId, Name: request.service, Kind: request.kind, Port: 8080, Proxy },
  );
  const grpc =
    "path" in request.grpc
      ? `unix://${request.grpc.path}`
      : `${request.grpcCa === "" ? "http" : "https"}://${request.grpc.host}:${request.grpc.port}`;
  const words = [
    "connect",
    "envoy",
    ...(sidecar
      ? ["-sidecar-for", "api-1"]
      : ["-gateway", request.kind.replace("-gateway", ""), "-proxy-id", request.proxyId, "-service", request.service]),
    "-bootstrap",
    "-ignore-envoy-compatibility",
    "-http-addr",
    consul.httpAddress,
    "-grpc-addr",
    grpc,
    "-admin-bind",
    `${request.admin.host}:${request.admin.port}`,
    "-envoy-ready-bind-address",
    request.ready.host,
    "-envoy-ready-bind-port",
    String(request.ready.port),
    "-token",
    request.token,
    ...(request.grpcCa === "" ? [] : ["-grpc-ca-file", authority]),
  ];
  const env = { ...process.env, PATH: `${directory}:${process.env["PATH"] ?? ""}` };
  return JSON.parse(execFileSync(toolPath("consul"), words, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })) as Json;
}

/** Ours without what differs on purpose; each is required to be there. */
function withoutDifferences(ours: Json, request: BootstrapRequest): Json {
  const fixed = ours["static_resources"] as { listeners: Json[]; clusters: Json[] };
  const take = (from: Json, key: string): unknown => {
    assert.ok(key in from, `ours says ${key}`);
    const value = from[key];
    delete from[key];
    return value;
  };
  // 1. The admin API is on a socket for the agent, and a listener leads people to it.
  const own = fixed.listeners.findIndex((each) => each["name"] === "drover_listener");
  const [listener] = fixed.listeners.splice(own, 1);
  const expected = { socket_address: { address: request.admin.host, port_value: request.admin.port } };
  assert.deepEqual(listener?.["address"], expected);
  const admin = ours["admin"] as Json;
  assert.deepEqual(admin["address"], { pipe: { path: request.socketPath, mode: 0o600 } });
  admin["address"] = expected;
  const self = fixed.clusters.find((each) => each["name"] === "self_admin") as {
    loadAssignment: { endpoints: { lbEndpoints: { endpoint: Json }[] }[] };
  };
  const endpoint = self.loadAssignment.endpoints[0]?.lbEndpoints[0]?.endpoint as Json;
  assert.deepEqual(endpoint["address"], { pipe: { path: request.socketPath } });
  endpoint["address"] = expected;
  // 2. Consul is asked again soon.
  const dynamic = ours["dynamic_resources"] as { ads_config: { grpc_services: { envoy_grpc: Json } } };
  take(dynamic.ads_config.grpc_services.envoy_grpc, "retry_policy");
  // 3. And noticed when it went silent.
  const cluster = fixed.clusters[0] as Json;
  const options = Object.values(cluster["typed_extension_protocol_options"] as Json)[0] as {
    explicit_http_config: { http2_protocol_options: Json };
  };
  take(options.explicit_http_config.http2_protocol_options, "connection_keepalive");
  // 4. And asked for by its name.
  if (request.grpcServerName !== "") {
    const tls = (cluster["transport_socket"] as { typed_config: Json }).typed_config;
    assert.equal(take(tls, "sni"), request.grpcServerName);
  }
  return ours;
}

/** Lists of named things have no order. */
function sorted(document: Json): Json {
  const fixed = document["static_resources"] as Record<string, Json[]>;
  for (const key of Object.keys(fixed))
    fixed[key] = (fixed[key] ?? []).toSorted((a, b) => (String(a["name"]) < String(b["name"]) ? -1 : 1));
  return document;
}

const CASES: Readonly<Record<string, Partial<BootstrapRequest>>> = {
  "a sidecar, plain": {},
  "a sidecar with a token, over a unix socket": {
    token: "0b7d7b0c-4a53-9a0e-6f3c-1b1f9d110a4e",
    grpc: { path: "/alloc/tmp/consul_grpc.sock" },
  },
  TLS: { grpcCa: readOnce(), grpcServerName: "server.dc1.consul", grpc: { host: "127.0.0.1", port: 8503 } },
  "TLS, by authority alone": { grpcCa: readOnce(), grpc: { host: "127.0.0.1", port: 8503 } },
  "an ingress gateway": { kind: "ingress-gateway", proxyId: "in-1", service: "in" },
  "a terminating gateway": { kind: "terminating-gateway", proxyId: "out-1", service: "out", token: "t" },
  "a mesh gateway": { kind: "mesh-gateway", proxyId: "mesh-1", service: "mesh" },
  "an api gateway": { kind: "api-gateway", proxyId: "gw-1", service: "gw" },
  "numbers for Prometheus": { config: { envoy_prometheus_bind_addr: "0.0.0.0:9102", envoy_stats_bind_addr: "127.0.0.1:9103" } },
  "numbers for statsd": { config: { envoy_statsd_url: "udp://127.0.0.1:8125", envoy_dogstatsd_url: "unix:///run/dog.sock" } },
  "tags and times": { config: { envoy_stats_tags: ["team=a", "b=c=d", "bare"], envoy_stats_flush_interval: "10s" } },
  "tags of one's own": { config: { envoy_stats_config_json: '{"stats_tags": [], "use_all_default_tags": false}' } },
  tracing: { config: { envoy_tracing_json: '{"http": {"name": "envoy.tracers.zipkin"}}' } },
  "further clusters, listeners, sinks": {
    config: {
      envoy_extra_static_clusters_json: '{"name": "a"}, {"name": "b"}',
      envoy_extra_static_listeners_json: '{"name": "l"}',
      envoy_extra_stats_sinks_json: '{"name": "s"}',
    },
  },
};

function readOnce(): string {
  return "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
}

for (const [name, difference] of Object.entries(CASES)) {
  test(`the bootstrap means what Consul's own does: ${name}`, async () => {
    const request: BootstrapRequest = { ...REQUEST, ...difference };
    const text = proxies.bootstrap(request);
    assert.equal(proxies.bootstrap(request), text, "the same every time");
    assert.deepEqual(sorted(withoutDifferences(JSON.parse(text) as Json, request)), sorted(await theirs(request)));
  });
}

test("what holds for every proxy is Consul's to say, and a proxy's own wins", async (t) => {
  await consul.put("/v1/config", {
    Kind: "proxy-defaults",
    Name: "global",
    Config: { envoy_prometheus_bind_addr: "0.0.0.0:9102", envoy_stats_tags: ["of=all"], envoy_stats_flush_interval: "7s" },
  });
  t.after(() => consul.api("/v1/config/proxy-defaults/global", { method: "DELETE" }));
  const connection = connectionTo(consul, t);
  const defaults = await consulMesh({ connection, grpcAddress: "", grpcCaFile: "", caFile: "" }).proxyDefaults?.();
  const config = { envoy_stats_tags: ["of=me"] };
  const ours = JSON.parse(proxies.bootstrap({ ...REQUEST, config: { ...defaults, ...config } })) as Json;
  assert.equal(ours["stats_flush_interval"], "7s");
  assert.deepEqual(sorted(withoutDifferences(ours, REQUEST)), sorted(await theirs({ ...REQUEST, config })));
});

test("Envoy itself takes each of them", async () => {
  for (const [name, difference] of Object.entries(CASES)) {
    const request = { ...REQUEST, ...difference };
    // A certificate of letters is no certificate, and bare names are no clusters.
    if (request.grpcCa !== "" || /tracing|further/.test(name)) continue;
    const file = join(directory, "bootstrap.json");
    writeFileSync(file, proxies.bootstrap(request));
    assert.ok(readFileSync(file, "utf8").length > 0);
    execFileSync(toolPath("envoy"), ["--mode", "validate", "-c", file, "-l", "error"], { stdio: ["ignore", "ignore", "pipe"] });
  }
});
