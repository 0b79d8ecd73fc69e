/**
 * The part of `proxy { config { … } }` that a bootstrap is made of, read and checked; Consul reads the rest by itself. What is wrong names its key:
 * an Envoy that dies of it would say so in its own words, on a line nobody finds. Pure.
 */
import { NamedError } from "#std";
import type { Json, JsonObject } from "./template.ts";

export interface BootstrapConfig {
  readonly prometheus: Endpoint | undefined;
  readonly stats: Endpoint | undefined;
  readonly statsTags: readonly string[];
  readonly sinks: readonly JsonObject[];
  readonly statsConfig: JsonObject | undefined;
  readonly statsFlushInterval: string;
  readonly tracing: JsonObject | undefined;
  readonly clusters: readonly JsonObject[];
  readonly listeners: readonly JsonObject[];
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Consul's own command has these; here they would be silently without effect. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  envoy_bootstrap_json_tpl:
    "Say what differs with envoy_extra_static_clusters_json, envoy_extra_static_listeners_json and envoy_stats_config_json.",
  envoy_telemetry_collector_bind_socket_dir:
    "Name a collector of metrics with envoy_dogstatsd_url, envoy_statsd_url or envoy_prometheus_bind_addr.",
};

export function readConfig(config: Readonly<Record<string, unknown>>): BootstrapConfig {
  for (const [key, fix] of Object.entries(UNSUPPORTED)) if (isSet(config[key])) throw invalid(key, "it is not supported here", fix);
  const text = (key: string): string => {
    const value = config[key];
    if (value === undefined || value === null) return "";
    if (typeof value !== "string") throw invalid(key, "it is no text");
    return value;
  };
  const object = (key: string): JsonObject | undefined => {
    const [found, second] = objectsOf(key, text(key));
    if (second !== undefined) throw invalid(key, "it holds more than one JSON object");
    return found;
  };
  return {
    prometheus: endpoint("envoy_prometheus_bind_addr", text("envoy_prometheus_bind_addr")),
    stats: endpoint("envoy_stats_bind_addr", text("envoy_stats_bind_addr")),
    statsTags: texts("envoy_stats_tags", config["envoy_stats_tags"]),
    sinks: [
      ...sink("statsd", "StatsdSink", "envoy_statsd_url", text("envoy_statsd_url")),
      ...sink("dog_statsd", "DogStatsdSink", "envoy_dogstatsd_url", text("envoy_dogstatsd_url")),
      ...objectsOf("envoy_extra_stats_sinks_json", text("envoy_extra_stats_sinks_json")),
    ],
    statsConfig: object("envoy_stats_config_json"),
    statsFlushInterval: text("envoy_stats_flush_interval"),
    tracing: object("envoy_tracing_json"),
    clusters: objectsOf("envoy_extra_static_clusters_json", text("envoy_extra_static_clusters_json")),
    listeners: objectsOf("envoy_extra_static_listeners_json", text("envoy_extra_static_listeners_json")),
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function texts(key: string, value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((each) => typeof each !== "string")) throw invalid(key, 'it is no list of "name=value"');
  return value as readonly string[];
}

/** Objects one after another with commas between, as they stand in a list, or that list. */
function objectsOf(key: string, value: string): readonly JsonObject[] {
  const written = value.trim();
  if (written === "") return [];
  let found: unknown;
  try {
    found = JSON.parse(written.startsWith("[") ? written : `[${written}]`);
  } catch {
    // What JSON.parse says quotes the text, and in it may stand a secret.
    throw invalid(key, "it is not JSON");
  }
  const isObject = (each: unknown): each is JsonObject => typeof each === "object" && each !== null && !Array.isArray(each);
  if (!Array.isArray(found) || !found.every(isObject)) throw invalid(key, "it holds something that is no JSON object");
  return found;
}

/** "0.0.0.0:9102", "[::]:9102", ":9102" */
function endpoint(key: string, value: string): Endpoint | undefined {
  if (value === "") return undefined;
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(value);
  const port = Number(found?.[3]);
  if (found === null || port > 65_535) throw invalid(key, `${JSON.stringify(value)} is no host:port`);
  return { host: found[1] ?? found[2] ?? "", port };
}

function sink(name: string, type: string, key: string, value: string): readonly JsonObject[] {
  if (value === "") return [];
  return [
    {
      name: `envoy.stat_sinks.${name}`,
      typedConfig: { "@type": `type.googleapis.com/envoy.config.metrics.v3.${type}`, address: sinkAddress(key, value) },
    },
  ];
}

function sinkAddress(key: string, value: string): Json {
  const url = URL.parse(value);
  if (url?.protocol === "unix:" && url.pathname !== "") return { pipe: { path: url.pathname } };
  if (url?.protocol !== "udp:" || url.hostname === "" || url.port === "")
    throw invalid(key, `${JSON.stringify(value)} is neither udp://host:port nor unix:///path`);
  return { socket_address: { address: url.hostname.replace(/^\[(.*)\]$/, "$1"), port_value: Number(url.port) } };
}

export function invalid(key: string, problem: string, fix?: string): NamedError {
  return new NamedError("PROXY_CONFIG_INVALID", `Cannot write the proxy's configuration: proxy config "${key}": ${problem}`, {
    statusCode: 400,
    ...(fix === undefined ? {} : { fix }),
  });
}
