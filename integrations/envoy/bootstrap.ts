/**
 * What an Envoy of the mesh is told at its start: where Consul is, whom it stands for, and how it is looked at. Everything else Consul tells it by
 * itself. It means what `consul connect envoy -bootstrap` writes for the same proxy; what differs (and the test that compares both lists it):
 *
 *   admin on a unix socket  for the agent, which is not in the proxy's network, and from the first moment: listeners answer only when Consul has
 *                        spoken. People find it where they expect it, at its address (drover_listener)
 *   retry_back_off      the stream to Consul is tried again after 5 s at most, not 30 (F34)
 *   connection_keepalive a Consul that went silent is noticed within 15 s (F35)
 *   sni                 the server hears the name it is asked for by (what its certificate holds is not looked at, as with Consul's own)
 *
 * Pure but for the templates. nomad.md §1.7.
 */
import { isIP } from "node:net";
import type { BootstrapRequest } from "#ports";
import { invalid, readConfig, type Endpoint } from "./config.ts";
import { statsTags } from "./stats-tags.ts";
import type { Json, JsonObject, Templates } from "./template.ts";

/** Our own listener; it is in nobody's list of what a proxy serves. */
export const OWN_LISTENER = "drover_listener";
/** What the bootstrap itself makes, beside the job's own. */
export const OWN_LISTENERS = [OWN_LISTENER, "envoy_ready_listener", "envoy_prometheus_metrics_listener", "envoy_metrics_listener"];
export const OWN_CLUSTERS = ["local_agent", "self_admin"];
/** A socket's path, with the zero at its end, fits in 108 bytes. */
const PATH_BYTES_MAX = 107;

export function bootstrapText(templates: Templates, request: BootstrapRequest): string {
  const { service, namespace, partition, datacenter, admin, ready } = request;
  const config = readConfig(request.config);
  const own = pipe(request.socketPath, 0o600);
  const listener = (name: string, address: Json, match: JsonObject, rewrite: string, statPrefix: string): JsonObject =>
    templates.fill("admin-listener", { name, address, match, rewrite, statPrefix });
  const exact = (path: string): JsonObject => ({ path });
  const listeners = [
    ...config.listeners,
    ...(config.prometheus === undefined
      ? []
      : [
          listener(
            "envoy_prometheus_metrics_listener",
            socket(config.prometheus),
            exact("/metrics"),
            "/stats/prometheus",
            "envoy_prometheus_metrics",
          ),
        ]),
    ...(config.stats === undefined
      ? []
      : [listener("envoy_metrics_listener", socket(config.stats), { prefix: "/stats" }, "/stats", "envoy_metrics")]),
    listener("envoy_ready_listener", socket(ready), exact("/ready"), "/ready", "envoy_ready"),
    listener(OWN_LISTENER, socket(admin), { prefix: "/" }, "/", "drover"),
  ];
  const written = templates.fill("bootstrap", {
    own,
    service,
    proxyId: request.proxyId,
    namespace,
    partition,
    token: request.token,
    consul: consulCluster(templates, request),
    self: templates.fill("self-cluster", { own: pipe(request.socketPath) }),
    statsTags: statsTags(config.statsTags, { service, namespace, partition, datacenter }),
  });
  const fixed = written["static_resources"] as { readonly clusters: readonly Json[] };
  const document: JsonObject = {
    ...written,
    static_resources: { clusters: [...fixed.clusters, ...config.clusters], listeners },
    ...(config.statsConfig === undefined ? {} : { stats_config: config.statsConfig }),
    ...(config.sinks.length === 0 ? {} : { stats_sinks: config.sinks }),
    ...(config.statsFlushInterval === "" ? {} : { stats_flush_interval: config.statsFlushInterval }),
    ...(config.tracing === undefined ? {} : { tracing: config.tracing }),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function consulCluster(templates: Templates, { grpc, grpcCa, grpcServerName }: BootstrapRequest): JsonObject {
  const address = "path" in grpc ? pipe(grpc.path) : socket(grpc);
  // A name ("localhost") is none of Envoy's addresses: it is to be looked up.
  const named = "host" in grpc && isIP(grpc.host) === 0;
  const plain = templates.fill("consul-cluster", { address, type: named ? "STRICT_DNS" : "STATIC" });
  const cluster = named ? { ...plain, dns_lookup_family: "V4_PREFERRED" } : plain;
  if (grpcCa === "") return cluster;
  const transport = grpcServerName === "" ? "transport-tls-unnamed" : "transport-tls";
  return { ...cluster, transport_socket: templates.fill(transport, { authority: grpcCa, serverName: grpcServerName }) };
}

function socket({ host, port }: Endpoint): JsonObject {
  return { socket_address: { address: host, port_value: port } };
}

function pipe(path: string, mode?: number): JsonObject {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw invalid("socket", `the path ${JSON.stringify(path)} is longer than a socket's may be, ${PATH_BYTES_MAX} bytes`);
  }
  return { pipe: { path, ...(mode === undefined ? {} : { mode }) } };
}
