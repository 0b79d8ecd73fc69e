/**
 * A service's place in the mesh in Consul's words, and what of it is compared with what stands there. Pure. nomad.md §1.7.
 *
 * A sidecar is registered by itself, after its service. In one request with it (Connect.SidecarService) Consul 1.21 adds checks of its own to
 * it whenever its agent is started again, and they are critical at first: everybody in the mesh would lose sight of it.
 */
import type { MeshRegistration, ProxyRegistration, SidecarRegistration, UpstreamRegistration } from "#ports";

type Words = Readonly<Record<string, unknown>>;

/** A check as its agent API takes it. */
export type ConsulCheck = Readonly<Record<string, unknown>> & { readonly CheckID: string };

/** What the registration of the service itself says of it: Connect, or (gateways, which are proxies themselves) Proxy. */
export function meshWords(mesh: MeshRegistration | undefined): { readonly Connect?: { readonly Native: true }; readonly Proxy?: Words } {
  if (mesh?.kind === "native") return { Connect: { Native: true } };
  return mesh?.kind === "gateway" ? { Proxy: proxyWords(mesh.proxy) } : {};
}

export function proxyWords(proxy: ProxyRegistration): Words {
  return spoken({
    DestinationServiceName: proxy.DestinationServiceName,
    DestinationServiceID: proxy.DestinationServiceID,
    LocalServiceAddress: proxy.LocalServiceAddress,
    LocalServicePort: proxy.LocalServicePort,
    Mode: proxy.Mode,
    TransparentProxy: spoken({ OutboundListenerPort: proxy.TransparentProxyOutboundPort }),
    Config: proxy.Config,
    Upstreams: proxy.Upstreams.map(upstreamWords),
    Expose: spoken({
      Paths: proxy.ExposePaths.map(({ Path, Protocol, LocalPathPort, ListenerPort }) => ({ Path, Protocol, LocalPathPort, ListenerPort })),
    }),
  });
}

function upstreamWords(upstream: UpstreamRegistration): Words {
  const { MeshGatewayMode, ...same } = upstream;
  return spoken({ ...same, MeshGateway: spoken({ Mode: MeshGatewayMode }) });
}

export const aliasId = (sidecarId: string): string => `${sidecarId}-alias`;

/** Aliases its service: it is no better than that. */
export function aliasCheck(sidecar: SidecarRegistration): ConsulCheck {
  return { CheckID: aliasId(sidecar.ID), Name: "Connect Sidecar Aliasing", AliasService: sidecar.AliasService };
}

/** As GET /v1/agent/services shows `Proxy`, or as it was told: the same for both, whatever Consul adds of its own. */
export function comparedProxy(proxy: Words | null | undefined): unknown {
  const found = proxy ?? {};
  const paths = ((found["Expose"] as Words | undefined)?.["Paths"] ?? []) as readonly Words[];
  const upstreams = (found["Upstreams"] ?? []) as readonly Words[];
  return ordered([
    ...PROXY_KEYS.map((key) => meant(found[key])),
    paths.map((path) => PATH_KEYS.map((key) => meant(path[key]))),
    upstreams.map((upstream) => UPSTREAM_KEYS.map((key) => meant(upstream[key]))),
  ]);
}

const PROXY_KEYS = [
  "DestinationServiceName",
  "DestinationServiceID",
  "LocalServiceAddress",
  "LocalServicePort",
  "Mode",
  "TransparentProxy",
  "Config",
] as const;
const PATH_KEYS = ["Path", "Protocol", "LocalPathPort", "ListenerPort"] as const;
const UPSTREAM_KEYS = [
  "DestinationType",
  "DestinationName",
  "DestinationNamespace",
  "DestinationPeer",
  "DestinationPartition",
  "Datacenter",
  "LocalBindAddress",
  "LocalBindPort",
  "LocalBindSocketPath",
  "LocalBindSocketMode",
  "MeshGateway",
  "Config",
] as const;

/** Consul leaves out what says nothing, and says some of it as {}. */
function meant(value: unknown): unknown {
  return isNothing(value) ? null : value;
}

/** Without what says nothing. */
function spoken(words: Words): Words {
  return Object.fromEntries(Object.entries(words).filter(([, value]) => !isNothing(value)));
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Keys in one order, all the way down: Consul answers maps in its own. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, ordered(each)]));
}
