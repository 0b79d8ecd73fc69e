/** What a proxy carried since its start: from others to its service, and from its service to each upstream. Pure, but for the asking itself. */
import type { ProxyStatistics, ProxyTraffic } from "#ports";
import { askAdmin } from "./admin.ts";
import { counterOf, readStats, type Stats } from "./stats.ts";

/** What Consul calls the way in: of sidecars, and of each kind of gateway. */
const INBOUND = /^(?:tcp|http)\.(?:public_listener|ingress_upstream[^.]*|terminating_gateway[^.]*|mesh_gateway[^.]*)/;
const OUTBOUND = /^((?:tcp|http)\.upstream(?:_peered)?\.([^.]+)(?:\.[^.]+)*)\.downstream_/;
const WANTED =
  "^((tcp|http)\\.(public_listener|ingress_upstream|terminating_gateway|mesh_gateway|upstream)|connect_authz|cluster\\..*upstream_cx_active)";

export async function statisticsOf(socketPath: string, signal: AbortSignal): Promise<ProxyStatistics> {
  return readStatistics(readStats(await askAdmin(socketPath, `/stats?format=json&filter=${encodeURIComponent(WANTED)}`, signal)));
}

export function readStatistics(stats: Stats): ProxyStatistics {
  const names = [...stats.counters.keys()];
  const inbound = new Set(
    names.flatMap((name) => {
      const at = name.indexOf(".downstream_");
      return at >= 0 && INBOUND.test(name) ? [name.slice(0, at)] : [];
    }),
  );
  const outbound = new Map<string, Set<string>>();
  for (const name of names) {
    const [, prefix, upstream] = OUTBOUND.exec(name) ?? [];
    if (prefix === undefined || upstream === undefined) continue;
    outbound.set(upstream, (outbound.get(upstream) ?? new Set()).add(prefix));
  }
  const denied = counterOf(stats, "connect_authz.rbac.denied");
  const own = trafficOf(stats, [...inbound], "local_app");
  return {
    inbound: { ...own, denied: own.denied + denied },
    outbound: Object.fromEntries([...outbound].map(([upstream, prefixes]) => [upstream, trafficOf(stats, [...prefixes], upstream)])),
  };
}

/** `cluster`: where its open connections are counted that Envoy does not count on the way in (TCP). */
function trafficOf(stats: Stats, prefixes: readonly string[], cluster: string): ProxyTraffic {
  const sum = (what: string) => prefixes.reduce((total, prefix) => total + counterOf(stats, `${prefix}.${what}`), 0);
  const most = (which: "p50" | "p99") =>
    Math.max(0, ...prefixes.map((prefix) => stats.histograms.get(`${prefix}.downstream_rq_time`)?.[which] ?? 0));
  const behind = [...stats.counters].filter(([name]) => name.startsWith(`cluster.${cluster}.`) && name.endsWith(".upstream_cx_active"));
  return {
    connections: sum("downstream_cx_total"),
    connectionsActive: prefixes.some((prefix) => stats.counters.has(`${prefix}.downstream_cx_active`))
      ? sum("downstream_cx_active")
      : behind.reduce((total, [, value]) => total + value, 0),
    requests: sum("downstream_rq_total"),
    errors5xx: sum("downstream_rq_5xx"),
    denied: sum("rbac.denied"),
    bytesIn: sum("downstream_cx_rx_bytes_total"),
    bytesOut: sum("downstream_cx_tx_bytes_total"),
    p50Ms: most("p50"),
    p99Ms: most("p99"),
  };
}
