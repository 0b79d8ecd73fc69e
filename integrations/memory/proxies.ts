/** Proxies in this process, for tests: each stands as the test says, by the path of its socket. */
import type { BootstrapRequest, Proxies, ProxyStanding } from "#ports";
import { NamedError } from "#std";

export interface MemoryProxies extends Proxies {
  /** Left out: it does not answer. By what its socket's path holds; the first that fits. */
  readonly standings: Map<string, ProxyStanding>;
  /** Of every one that is not in `standings`; undefined: those do not answer. */
  otherwise: ProxyStanding | undefined;
  readonly requests: BootstrapRequest[];
  /** Sockets that were told to turn connections away. */
  readonly drained: string[];
  refusal: string;
}

export const WELL_PROXY: ProxyStanding = {
  state: "LIVE",
  certificate: { uri: "spiffe://test.consul/ns/default/dc/dc1/svc/web", expiresAtMs: Number.MAX_SAFE_INTEGER, authority: "test.consul" },
  listeners: [{ name: "public_listener:0.0.0.0:20000", address: "0.0.0.0:20000" }],
  upstreams: [],
  stream: { connected: true, updates: 2, lastUpdateAtMs: 1, rejected: 0 },
  startedAtMs: 1,
};

const NONE = { connections: 0, connectionsActive: 0, requests: 0, errors5xx: 0, denied: 0, bytesIn: 0, bytesOut: 0, p50Ms: 0, p99Ms: 0 };

export function createMemoryProxies(): MemoryProxies {
  const find = (path: string): ProxyStanding => {
    const found = [...proxies.standings].find(([part]) => path.includes(part))?.[1] ?? proxies.otherwise;
    if (found === undefined)
      throw new NamedError("PROXY_SILENT", "Cannot ask the proxy: nobody listens on its socket", { statusCode: 503 });
    return found;
  };
  const proxies: MemoryProxies = {
    standings: new Map(),
    otherwise: WELL_PROXY,
    requests: [],
    drained: [],
    refusal: "",
    binary: () => Promise.resolve({ path: "/usr/bin/envoy", version: "1.40.0" }),
    bootstrap: (request) => {
      if (proxies.refusal !== "") throw new NamedError("PROXY_CONFIG_INVALID", proxies.refusal, { statusCode: 400 });
      proxies.requests.push(request);
      return JSON.stringify(request);
    },
    look: async (path) => await Promise.resolve().then(() => find(path)),
    statistics: async (path) => await Promise.resolve().then(() => (find(path), { inbound: NONE, outbound: {} })),
    drain: (path) => {
      proxies.drained.push(path);
      return Promise.resolve();
    },
    preflight: () => Promise.resolve([]),
  };
  return proxies;
}
