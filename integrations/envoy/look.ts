/** How an Envoy stands, read from what its admin API answers. Pure, but for the asking itself. */
import type { ProxyStanding } from "#ports";
import { askAdmin } from "./admin.ts";
import { OWN_CLUSTERS, OWN_LISTENERS } from "./bootstrap.ts";
import { counterOf, readStats, type Stats } from "./stats.ts";

const STREAM_STATS = "^(control_plane\\.connected_state|(cluster_manager\\.cds|listener_manager\\.lds)\\.update_(success|rejected|time))$";

export async function lookAt(socketPath: string, nowMs: () => number, signal: AbortSignal): Promise<ProxyStanding> {
  const get = (path: string) => askAdmin(socketPath, path, signal);
  const [server, certificates, listeners, clusters, stats] = await Promise.all([
    get("/server_info"),
    get("/certs"),
    get("/listeners?format=json"),
    get("/clusters?format=json"),
    get(`/stats?format=json&filter=${encodeURIComponent(STREAM_STATS)}`),
  ]);
  return readStanding(
    {
      server: JSON.parse(server) as ServerInformation,
      certificates: JSON.parse(certificates) as Certificates,
      listeners: JSON.parse(listeners) as Listeners,
      clusters: JSON.parse(clusters) as Clusters,
      stats: readStats(stats),
    },
    nowMs(),
  );
}

/** The parts of its answers that are read. What stands for nothing (0, false, an empty list) Envoy leaves out. */
interface ServerInformation {
  readonly state?: string;
  /** "12s" */
  readonly uptime_current_epoch?: string;
}
interface Certificate {
  readonly subject_alt_names?: readonly { readonly uri?: string }[];
  readonly valid_from?: string;
  readonly expiration_time?: string;
}
interface Certificates {
  readonly certificates?: readonly { readonly cert_chain?: readonly Certificate[] }[];
}
interface Address {
  readonly socket_address?: { readonly address?: string; readonly port_value?: number };
  readonly pipe?: { readonly path?: string };
}
interface Listeners {
  readonly listener_statuses?: readonly { readonly name?: string; readonly local_address?: Address }[];
}
interface Clusters {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    readonly host_statuses?: readonly { readonly health_status?: Readonly<Record<string, unknown>> }[];
  }[];
}
export interface AdminAnswers {
  readonly server: ServerInformation;
  readonly certificates: Certificates;
  readonly listeners: Listeners;
  readonly clusters: Clusters;
  readonly stats: Stats;
}

const STATES = ["LIVE", "DRAINING", "PRE_INITIALIZING", "INITIALIZING"] as const;

export function readStanding({ server, certificates, listeners, clusters, stats }: AdminAnswers, nowMs: number): ProxyStanding {
  const updates = counterOf(stats, "cluster_manager.cds.update_success") + counterOf(stats, "listener_manager.lds.update_success");
  return {
    state: STATES.find((each) => each === server.state) ?? "PRE_INITIALIZING",
    certificate: ownCertificate(certificates),
    listeners: (listeners.listener_statuses ?? [])
      .filter((each) => !OWN_LISTENERS.includes(each.name ?? ""))
      .map((each) => ({ name: each.name ?? "", address: addressOf(each.local_address) })),
    upstreams: (clusters.cluster_statuses ?? [])
      .filter((each) => isUpstream(each.name ?? ""))
      .map(({ name = "", host_statuses = [] }) => ({
        cluster: name,
        healthy: host_statuses.filter((host) => isWell(host.health_status ?? {})).length,
        total: host_statuses.length,
      })),
    stream: {
      connected: counterOf(stats, "control_plane.connected_state") === 1,
      updates,
      lastUpdateAtMs: Math.max(counterOf(stats, "cluster_manager.cds.update_time"), counterOf(stats, "listener_manager.lds.update_time")),
      rejected: counterOf(stats, "cluster_manager.cds.update_rejected") + counterOf(stats, "listener_manager.lds.update_rejected"),
    },
    startedAtMs: nowMs - Number.parseInt(server.uptime_current_epoch ?? "0", 10) * 1_000,
  };
}

/**
 * Of each service it speaks for (a terminating gateway: of several) the newest, and of those the one that ends first. What it had before stays loaded as
 * long as an old connection does, which may be longer than it was good for: that says nothing of new ones.
 */
function ownCertificate({ certificates = [] }: Certificates): ProxyStanding["certificate"] {
  const own = certificates
    .flatMap((each) => each.cert_chain?.slice(0, 1) ?? [])
    .flatMap((leaf) => {
      const uri = leaf.subject_alt_names?.find((name) => name.uri?.startsWith("spiffe://") === true)?.uri;
      const expiresAtMs = Date.parse(leaf.expiration_time ?? "");
      const issuedAtMs = Date.parse(leaf.valid_from ?? "");
      if (uri === undefined || Number.isNaN(expiresAtMs)) return [];
      return [{ uri, expiresAtMs, authority: URL.parse(uri)?.host ?? "", ...(Number.isNaN(issuedAtMs) ? {} : { issuedAtMs }) }];
    });
  const newest = new Map(own.toSorted((a, b) => a.expiresAtMs - b.expiresAtMs).map((each) => [URL.parse(each.uri)?.pathname, each]));
  return [...newest.values()].toSorted((a, b) => a.expiresAtMs - b.expiresAtMs)[0] ?? null;
}

function addressOf(address: Address | undefined): string {
  if (address?.pipe !== undefined) return address.pipe.path ?? "";
  const { address: host = "", port_value: port = 0 } = address?.socket_address ?? {};
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The service's own application is no upstream, nor is what the bootstrap makes. */
function isUpstream(name: string): boolean {
  return !OWN_CLUSTERS.includes(name) && name !== "local_app" && !name.startsWith("exposed_cluster_") && name !== "original-destination";
}

function isWell(health: Readonly<Record<string, unknown>>): boolean {
  const failed = Object.entries(health).some(([key, value]) => key.startsWith("failed_") && value === true);
  const told = health["eds_health_status"];
  return !failed && (told === undefined || told === "HEALTHY" || told === "UNKNOWN");
}
