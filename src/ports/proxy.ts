/**
 * The proxies of the mesh on this node, Envoys: how one is told what to do at its start, and how it stands. Maker: `envoyProxies`
 * (integrations/envoy), `memoryProxies` (integrations/memory, tests). nomad.md §1.7.
 */
import type { Finding } from "./network.ts";

/** Everything a bootstrap document is written from; pure data. */
export interface BootstrapRequest {
  /** The service id Consul knows the proxy by: "<service id>-sidecar-proxy", or the gateway's own. */
  readonly proxyId: string;
  /** The service it stands for (or the gateway's name): Envoy's cluster and local name. */
  readonly service: string;
  readonly kind: "connect-proxy" | "ingress-gateway" | "terminating-gateway" | "mesh-gateway" | "api-gateway";
  readonly namespace: string;
  readonly partition: string;
  readonly datacenter: string;
  readonly nodeName: string;
  /** Of the service; a secret; "" without ACLs. */
  readonly token: string;
  /** As the proxy sees it: a unix socket, or host and port. */
  readonly grpc: { readonly path: string } | { readonly host: string; readonly port: number };
  /** PEM; "": the stream is plain. */
  readonly grpcCa: string;
  /** The name the server's certificate must hold: "server.dc1.consul" or "localhost"; "" with `grpcCa` "". */
  readonly grpcServerName: string;
  /** Admin API inside the namespace (127.0.0.2:19001), for people. */
  readonly admin: { readonly host: string; readonly port: number };
  /** Answers /ready inside the namespace (127.0.0.1:19101). */
  readonly ready: { readonly host: string; readonly port: number };
  /** A unix socket that the agent asks (/ready, /certs, /clusters, /listeners, /stats, /config_dump): the path as the proxy sees it. */
  readonly socketPath: string;
  /** `proxy { config { … } }` with the service's: envoy_prometheus_bind_addr, envoy_stats_tags, envoy_extra_static_clusters_json, … as Consul's own command reads it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** "1.40.0" */
  readonly envoyVersion: string;
}

export interface ProxyStanding {
  /** LIVE: it has everything it was told to have. */
  readonly state: "LIVE" | "DRAINING" | "PRE_INITIALIZING" | "INITIALIZING";
  /** Of its own service; null: not had yet. */
  readonly certificate: {
    readonly uri: string;
    readonly issuedAtMs?: number;
    readonly expiresAtMs: number;
    readonly authority: string;
  } | null;
  /** Names: "public_listener", "api:127.0.0.1:8080", … with addresses. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[];
  readonly upstreams: readonly { readonly cluster: string; readonly healthy: number; readonly total: number }[];
  /** Its stream to Consul: connected now; how often it was; when it last got something (Unix ms; 0 never). */
  readonly stream: { readonly connected: boolean; readonly updates: number; readonly lastUpdateAtMs: number; readonly rejected: number };
  readonly startedAtMs: number;
}

/** Of the requests and connections it carried since its start. */
export interface ProxyStatistics {
  readonly inbound: ProxyTraffic;
  /** By upstream's name. */
  readonly outbound: Readonly<Record<string, ProxyTraffic>>;
}
export interface ProxyTraffic {
  readonly connections: number;
  readonly connectionsActive: number;
  readonly requests: number;
  readonly errors5xx: number;
  readonly denied: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Milliseconds; 0 where there are no requests. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Proxies {
  /** The node's own binary; undefined: none was found. Cheap (looked at again each minute). */
  binary(): Promise<{ readonly path: string; readonly version: string } | undefined>;
  /** JSON text. Pure but for the template it is rendered from. Throws NamedError PROXY_CONFIG_INVALID naming the config key. */
  bootstrap(request: BootstrapRequest): string;
  /** `socketPath` on the host. Rejects with NamedError PROXY_SILENT when nothing answers within the time. */
  look(socketPath: string, signal: AbortSignal): Promise<ProxyStanding>;
  statistics(socketPath: string, signal: AbortSignal): Promise<ProxyStatistics>;
  /** New connections and requests from others are turned away politely; those under way go on. Rejects with PROXY_SILENT. */
  drain(socketPath: string, signal: AbortSignal): Promise<void>;
  /** Whether there is a binary, and whether it runs. Never rejects. */
  preflight(): Promise<readonly Finding[]>;
}
