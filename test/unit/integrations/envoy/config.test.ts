import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { envoyFingerprint, envoyProxies } from "#integrations/envoy";
import { createHostClock } from "#integrations/host";
import type { BootstrapRequest } from "#ports";
import { NamedError } from "#std";
import { readStats } from "../../../../integrations/envoy/stats.ts";
import { readStatistics } from "../../../../integrations/envoy/statistics.ts";
import { readStanding } from "../../../../integrations/envoy/look.ts";

const clock = createHostClock();
const REQUEST: BootstrapRequest = {
  proxyId: "web-1-sidecar-proxy",
  service: "web",
  kind: "connect-proxy",
  namespace: "default",
  partition: "default",
  datacenter: "dc1",
  nodeName: "n",
  token: "",
  grpc: { path: "/alloc/tmp/consul_grpc.sock" },
  grpcCa: "",
  grpcServerName: "",
  admin: { host: "127.0.0.2", port: 19_001 },
  ready: { host: "127.0.0.1", port: 19_101 },
  socketPath: "/secrets/envoy.sock",
  config: {},
  envoyVersion: "1.40.0",
};
const proxies = envoyProxies({ searchPath: "", envoyPath: "", clock });

test("what is wrong in a proxy's config is said by its key, and never by what stands in it", () => {
  const cases: Readonly<Record<string, unknown>> = {
    envoy_prometheus_bind_addr: "9102",
    envoy_stats_bind_addr: "0.0.0.0:99999",
    envoy_statsd_url: "tcp://127.0.0.1:8125",
    envoy_dogstatsd_url: "$HOST_IP",
    envoy_stats_tags: "a=b",
    envoy_extra_static_clusters_json: '{"password": "hunter2"',
    envoy_extra_static_listeners_json: "[1]",
    envoy_stats_config_json: "{}, {}",
    envoy_tracing_json: 7,
    envoy_bootstrap_json_tpl: "{}",
  };
  for (const [key, value] of Object.entries(cases)) {
    assert.throws(
      () => proxies.bootstrap({ ...REQUEST, config: { [key]: value } }),
      (thrown: unknown) =>
        thrown instanceof NamedError &&
        thrown.code === "PROXY_CONFIG_INVALID" &&
        thrown.message.includes(`"${key}"`) &&
        !thrown.message.includes("hunter2"),
      key,
    );
  }
  assert.throws(() => proxies.bootstrap({ ...REQUEST, socketPath: `/${"x".repeat(120)}/envoy.sock` }), /longer than a socket's may be/);
});

test("words of a job stay words: they open no new place in the document", () => {
  const evil = '"}], "admin": "${token}';
  const written = JSON.parse(proxies.bootstrap({ ...REQUEST, service: evil, token: "a secret" })) as { node: { cluster: string } };
  assert.equal(written.node.cluster, evil);
});

test("the service's token, the authority and the agent's own socket stand where Envoy looks for them", () => {
  const written = JSON.parse(proxies.bootstrap({ ...REQUEST, token: "a secret", grpcCa: "PEM", grpcServerName: "localhost" })) as {
    readonly admin: { readonly address: unknown };
    readonly dynamic_resources: { readonly ads_config: { readonly grpc_services: { readonly initial_metadata: unknown } } };
    readonly static_resources: {
      readonly clusters: readonly { readonly transport_socket?: { readonly typed_config: Readonly<Record<string, unknown>> } }[];
    };
  };
  assert.deepEqual(
    written.admin.address,
    { pipe: { path: "/secrets/envoy.sock", mode: 0o600 } },
    "for whom it runs as alone, and the agent",
  );
  assert.deepEqual(written.dynamic_resources.ads_config.grpc_services.initial_metadata, [{ key: "x-consul-token", value: "a secret" }]);
  const tls = written.static_resources.clusters[0]?.transport_socket?.typed_config;
  assert.deepEqual([tls?.["sni"], JSON.stringify(tls).includes("PEM")], ["localhost", true]);
});

test("a binary is found on the path, or where it was named; one that does not run says why", async () => {
  const directory = mkdtempSync(join(tmpdir(), "envoy-"));
  try {
    const path = join(directory, "envoy");
    const made = (text: string): void => {
      writeFileSync(path, text);
      chmodSync(path, 0o755);
    };
    const look = (envoyPath: string, searchPath: string) => envoyProxies({ searchPath, envoyPath, clock });
    assert.equal(await look("", directory).binary(), undefined);
    made('#!/bin/sh\necho "$0  version: 0123abcd/1.34.1/Clean/RELEASE/BoringSSL"\n');
    for (const each of [look("", `/nowhere:${directory}`), look(path, "")]) {
      assert.equal((await each.binary())?.version, "1.34.1");
      assert.equal((await each.preflight())[0]?.standing, "good");
      const described = await envoyFingerprint(each).look();
      assert.equal(described?.attributes["envoy.version"], "1.34.1");
      assert.match(described?.attributes["unique.envoy.path"] ?? "", /\/envoy$/);
    }
    made("#!/bin/sh\necho 'libc is too old' >&2\nexit 1\n");
    const broken = look(path, "");
    assert.equal(await broken.binary(), undefined);
    assert.deepEqual((await envoyFingerprint(broken).look())?.attributes, {});
    const [finding] = await broken.preflight();
    assert.equal(finding?.standing, "missing");
    assert.match(finding?.problem ?? "", /does not run: libc is too old/);
    const [missing] = await look("/nowhere/envoy", "").preflight();
    assert.match(missing?.problem ?? "", /no program \/nowhere\/envoy/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a proxy that does not answer says how", async () => {
  const silent = (thrown: unknown): boolean =>
    thrown instanceof NamedError && thrown.code === "PROXY_SILENT" && /not there yet/.test(thrown.message);
  await assert.rejects(proxies.look("/nowhere/envoy.sock", AbortSignal.timeout(1_000)), silent);
  await assert.rejects(proxies.look(`/nowhere/${"x".repeat(150)}/envoy.sock`, AbortSignal.timeout(1_000)), silent);
});

test("a proxy's socket is asked through no link, however deep it lies", { skip: process.platform !== "linux" }, async () => {
  const directory = mkdtempSync(join(tmpdir(), "envoy-"));
  const asked: string[] = [];
  const server = createServer((question, answer) => {
    asked.push(question.url ?? "");
    answer.end("{}");
  });
  try {
    const path = join(directory, "other.sock");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    symlinkSync(path, join(directory, "envoy.sock"));
    writeFileSync(join(directory, "file.sock"), "");
    const look = (at: string): Promise<unknown> => proxies.look(at, AbortSignal.timeout(2_000));
    await assert.rejects(look(join(directory, "envoy.sock")), /no socket/);
    await assert.rejects(look(join(directory, "file.sock")), /no socket/);
    assert.deepEqual(asked, []);
    await look(path);
    assert.equal(asked.length, 5);
    const deep = join(directory, "x".repeat(150));
    mkdirSync(deep);
    symlinkSync(directory, join(deep, "up"));
    await look(join(deep, "up", "other.sock"));
    assert.equal(asked.length, 10);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("Consul's address may be a name on the machine's own network: Envoy is told to look it up", () => {
  const cluster = (grpc: BootstrapRequest["grpc"]) => {
    const written = JSON.parse(proxies.bootstrap({ ...REQUEST, grpc })) as {
      static_resources: { clusters: { type: string; dns_lookup_family?: string }[] };
    };
    const { type, dns_lookup_family } = written.static_resources.clusters[0] ?? assert.fail();
    return [type, dns_lookup_family];
  };
  assert.deepEqual(cluster({ host: "localhost", port: 8502 }), ["STRICT_DNS", "V4_PREFERRED"]);
  for (const grpc of [{ host: "127.0.0.1", port: 8502 }, { host: "::1", port: 8502 }, { path: "/c.sock" }])
    assert.deepEqual(cluster(grpc), ["STATIC", undefined]);
});

test("what Envoy leaves out is nothing, and its own parts are not counted among those of the service", () => {
  const standing = readStanding(
    {
      server: { state: "LIVE", uptime_current_epoch: "5s" },
      certificates: {
        certificates: [
          {
            cert_chain: [
              { subject_alt_names: [{ uri: "spiffe://d.consul/ns/default/dc/dc1/svc/web" }], expiration_time: "2026-11-25T14:29:08Z" },
            ],
          },
          {
            cert_chain: [
              { subject_alt_names: [{ uri: "spiffe://d.consul/ns/default/dc/dc1/svc/web" }], expiration_time: "2026-11-24T14:29:08Z" },
            ],
          },
        ],
      },
      listeners: {
        listener_statuses: [
          { name: "envoy_ready_listener" },
          { name: "drover_listener" },
          { name: "public_listener:0.0.0.0:1", local_address: { socket_address: { address: "::", port_value: 1 } } },
        ],
      },
      clusters: {
        cluster_statuses: [
          { name: "local_agent" },
          { name: "local_app" },
          {
            name: "db.x",
            host_statuses: [
              { health_status: { eds_health_status: "HEALTHY" } },
              { health_status: { eds_health_status: "UNHEALTHY" } },
              { health_status: { failed_outlier_check: true, eds_health_status: "HEALTHY" } },
            ],
          },
        ],
      },
      stats: readStats(
        '{"stats":[{"name":"control_plane.connected_state","value":1},{"name":"cluster_manager.cds.update_success","value":3}]}',
      ),
    },
    10_000,
  );
  assert.deepEqual(standing.listeners, [{ name: "public_listener:0.0.0.0:1", address: "[::]:1" }]);
  assert.deepEqual(standing.upstreams, [{ cluster: "db.x", healthy: 1, total: 3 }]);
  assert.equal(standing.certificate?.expiresAtMs, Date.parse("2026-11-25T14:29:08Z"));
  assert.deepEqual(standing.stream, { connected: true, updates: 3, lastUpdateAtMs: 0, rejected: 0 });
  assert.equal(standing.startedAtMs, 5_000);
});

test("a certificate that was exchanged counts no more, though an old connection keeps it loaded; of several services the one that ends first does", () => {
  const chain = (service: string, expiration_time: string) => ({
    cert_chain: [{ subject_alt_names: [{ uri: `spiffe://d.consul/ns/default/dc/dc1/svc/${service}` }], expiration_time }],
  });
  const [old, soon, late] = ["2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"] as const;
  const read = (...certificates: object[]) =>
    readStanding({ server: {}, certificates: { certificates }, listeners: {}, clusters: {}, stats: readStats('{"stats":[]}') }, 0)
      .certificate;
  assert.equal(read(chain("web", late), chain("web", old))?.expiresAtMs, Date.parse(late));
  assert.equal(read(chain("web", late), chain("db", old), chain("db", soon))?.expiresAtMs, Date.parse(soon));
});

test("traffic is told apart: from others, and to each upstream", () => {
  const counters = {
    "http.public_listener.downstream_cx_total": 4,
    "http.public_listener.downstream_cx_active": 1,
    "http.public_listener.downstream_rq_total": 40,
    "http.public_listener.downstream_rq_5xx": 2,
    "http.public_listener.rbac.denied": 3,
    "tcp.upstream.db.default.default.dc1.downstream_cx_total": 7,
    "tcp.upstream.db.default.default.dc1.downstream_cx_rx_bytes_total": 70,
    "cluster.db.default.dc1.internal.x.consul.upstream_cx_active": 5,
    "connect_authz.rbac.denied": 1,
  };
  const text = JSON.stringify({
    stats: [
      ...Object.entries(counters).map(([name, value]) => ({ name, value })),
      {
        histograms: {
          supported_quantiles: [50, 99],
          computed_quantiles: [{ name: "http.public_listener.downstream_rq_time", values: [{ cumulative: 2 }, { cumulative: 9 }] }],
        },
      },
    ],
  });
  const { inbound, outbound } = readStatistics(readStats(text));
  assert.deepEqual(inbound, {
    connections: 4,
    connectionsActive: 1,
    requests: 40,
    errors5xx: 2,
    denied: 4,
    bytesIn: 0,
    bytesOut: 0,
    p50Ms: 2,
    p99Ms: 9,
  });
  assert.deepEqual([outbound["db"]?.connections, outbound["db"]?.connectionsActive, outbound["db"]?.bytesIn], [7, 5, 70]);
});
