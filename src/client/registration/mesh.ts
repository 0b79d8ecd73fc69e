/**
 * A service's place in the mesh as it is to be made known: native, with a sidecar of its own, or a gateway. Pure, from the service, its
 * allocation and the node. nomad.md §1.7.
 *
 *   sidecar       reached by the host's side of its port, listens on the inside (bind_port); leads to the service at 127.0.0.1
 *   gateway       is the service: no port of it is reached but those its own listeners have
 */
import { createHash } from "node:crypto";
import {
  gatewayKindOfService,
  sidecarPortLabel,
  type AllocatedPort,
  type Allocation,
  type Node,
  type Proxy,
  type Service,
  type TaskGroup,
  type Upstream,
} from "#model";
import type { CheckInstance, ExposedPath, MeshRegistration, ProxyRegistration, ServiceInstance, UpstreamRegistration } from "#ports";
import { interpolate, interpolateDeep, type Names } from "#task";
import type { Reached } from "./address.ts";
import { gatewayConfig } from "./gateway-config.ts";

export interface MeshRequest {
  readonly service: Service;
  /** As it is registered, but for its place in the mesh. */
  readonly instance: ServiceInstance;
  readonly allocation: Allocation;
  readonly group: TaskGroup;
  readonly node: Node;
  readonly names: Names;
  readonly reached: (mode: string, port: string) => Reached | string;
}

export interface MeshPlace {
  readonly mesh?: MeshRegistration;
  /** Of the service itself: "" is the service's own. */
  readonly kind?: string;
  readonly taggedAddresses?: ServiceInstance["TaggedAddresses"];
  /** What is wrong, for people: the service is not made known before it is right. */
  readonly problems: readonly string[];
}

/**
 * Nomad has 10 s. Consul begins at random within the first interval, and until it has seen the sidecar nobody is led there: the first answer of a new
 * service waited up to 10 s for that alone. To connect costs next to nothing; the kernel answers.
 */
const LISTENING_INTERVAL_NS = 1e9;
const LISTENING_TIMEOUT_NS = 2e9;

export function meshPlace(request: MeshRequest): MeshPlace {
  const { Connect } = request.service;
  if (Connect === null) return { problems: [] };
  if (Connect.Native) return { mesh: { kind: "native" }, problems: [] };
  if (Connect.Gateway !== null) return gatewayPlace(request);
  return Connect.SidecarService === null ? { problems: [] } : sidecarPlace(request);
}

function sidecarPlace(request: MeshRequest): MeshPlace {
  const { service, instance, names, reached } = request;
  const sidecar = service.Connect?.SidecarService;
  if (sidecar === undefined || sidecar === null) return { problems: [] };
  const text = (value: string) => interpolate(value, names);
  const label = text(sidecar.Port) || portLabelOf(request);
  const port = allocatedPort(request.allocation, label);
  if (port === undefined) return { problems: [`its sidecar: the group's network has no port ${JSON.stringify(label)}`] };
  const place = reached("host", label);
  if (typeof place === "string") return { problems: [`its sidecar: ${place}`] };
  const { proxy, problems } = sidecarProxy(request, sidecar.Proxy, insideOf(port));
  if (proxy === undefined) return { problems };
  const ID = `${instance.ID}-sidecar-proxy`;
  // What is not said is its service's, as Consul itself has it.
  const Tags = sidecar.Tags.length > 0 ? sidecar.Tags.map(text) : instance.Tags;
  const said = Object.entries(sidecar.Meta).map(([key, value]): [string, string] => [text(key), text(value)]);
  return {
    mesh: {
      kind: "sidecar",
      sidecar: {
        ID,
        Name: `${instance.Name}-sidecar-proxy`,
        Address: place.address,
        Port: place.port,
        Tags,
        Meta: said.length > 0 ? Object.fromEntries(said) : instance.Meta,
        Proxy: proxy,
        Checks: sidecar.DisableDefaultTCPCheck ? [] : [listeningCheck(request, ID, place)],
        AliasService: instance.ID,
      },
    },
    problems: [],
  };
}

function sidecarProxy(
  request: MeshRequest,
  proxy: Proxy | null,
  bindPort: number,
): { readonly proxy?: ProxyRegistration; readonly problems: readonly string[] } {
  const { instance, node, names } = request;
  const paths = (proxy?.Expose?.Paths ?? []).map((path) => exposedPath(request, path));
  const problems = paths.filter((each) => typeof each === "string");
  if (problems.length > 0) return { problems };
  const redirect = proxy?.TransparentProxy ?? null;
  return {
    proxy: {
      DestinationServiceName: instance.Name,
      DestinationServiceID: instance.ID,
      LocalServiceAddress: interpolate(proxy?.LocalServiceAddress ?? "", names) || "127.0.0.1",
      LocalServicePort: proxy?.LocalServicePort || servicePortInside(request),
      Mode: redirect === null ? "" : "transparent",
      TransparentProxyOutboundPort: redirect === null ? 0 : redirect.OutboundPort || outboundPortOf(node),
      Config: {
        bind_address: "0.0.0.0",
        ...interpolateDeep(proxy?.Config ?? {}, names),
        bind_port: bindPort,
        envoy_stats_tags: statisticsTags(request, proxy?.Config["envoy_stats_tags"]),
      },
      Upstreams: (proxy?.Upstreams ?? []).map((upstream) => upstreamOf(upstream, names)),
      ExposePaths: paths.filter((each) => typeof each !== "string"),
    },
    problems: [],
  };
}

function upstreamOf(upstream: Upstream, names: Names): UpstreamRegistration {
  const text = (value: string) => interpolate(value, names);
  return {
    DestinationType: upstream.DestinationType || "service",
    DestinationName: text(upstream.DestinationName),
    DestinationNamespace: text(upstream.DestinationNamespace),
    DestinationPeer: text(upstream.DestinationPeer),
    DestinationPartition: text(upstream.DestinationPartition),
    Datacenter: text(upstream.Datacenter),
    LocalBindAddress: text(upstream.LocalBindAddress),
    LocalBindPort: upstream.LocalBindPort,
    LocalBindSocketPath: text(upstream.LocalBindSocketPath),
    LocalBindSocketMode: text(upstream.LocalBindSocketMode),
    MeshGatewayMode: text(upstream.MeshGateway?.Mode ?? ""),
    Config: interpolateDeep(upstream.Config, names),
  };
}

/** Its listener is a label of the group's network, and listens on the inside. */
function exposedPath(
  { allocation, names }: MeshRequest,
  path: { readonly Path: string; readonly Protocol: string; readonly LocalPathPort: number; readonly ListenerPort: string },
): ExposedPath | string {
  const label = interpolate(path.ListenerPort, names);
  const port = allocatedPort(allocation, label);
  if (port === undefined) return `its exposed path ${JSON.stringify(path.Path)}: the group's network has no port ${JSON.stringify(label)}`;
  return {
    Path: interpolate(path.Path, names),
    Protocol: path.Protocol,
    LocalPathPort: path.LocalPathPort,
    ListenerPort: insideOf(port),
  };
}

function gatewayPlace(request: MeshRequest): MeshPlace {
  const { service, instance, allocation, names, reached } = request;
  const gateway = service.Connect?.Gateway;
  const kind = gatewayKindOfService(service);
  if (gateway === undefined || gateway === null || kind === undefined) return { problems: ["its gateway is of no kind"] };
  const lanLabel = `connect-mesh-${service.Name}-lan`;
  const [lan, wan] = [allocatedPort(allocation, lanLabel), allocatedPort(allocation, interpolate(service.PortLabel, names))];
  const config = gatewayConfig(gateway, (name) => {
    const port = name === "lan" && lan !== undefined ? lan : wan;
    return port === undefined ? instance.Port : insideOf(port);
  });
  const lanPlace = kind === "connect-mesh" && lan !== undefined ? reached("host", lanLabel) : "";
  return {
    mesh: { kind: "gateway", proxy: { ...NO_PROXY, Config: interpolateDeep(config, names) } },
    kind: GATEWAY_KINDS[kind],
    ...(typeof lanPlace === "string"
      ? {}
      : {
          // Gateways of other datacenters come from outside, the services of this one from within.
          taggedAddresses: {
            lan: { Address: lanPlace.address, Port: lanPlace.port },
            wan: { Address: instance.Address, Port: instance.Port },
            ...instance.TaggedAddresses,
          },
        }),
    problems: [],
  };
}

const GATEWAY_KINDS = {
  "connect-ingress": "ingress-gateway",
  "connect-terminating": "terminating-gateway",
  "connect-mesh": "mesh-gateway",
  "connect-api": "api-gateway",
} as const;

const NO_PROXY: ProxyRegistration = {
  DestinationServiceName: "",
  DestinationServiceID: "",
  LocalServiceAddress: "",
  LocalServicePort: 0,
  Mode: "",
  TransparentProxyOutboundPort: 0,
  Config: {},
  Upstreams: [],
  ExposePaths: [],
};

/** It says no more than that somebody listens there. */
function listeningCheck({ instance }: MeshRequest, sidecarId: string, place: Reached): CheckInstance {
  const digest = createHash("sha1")
    .update(JSON.stringify([instance.AllocationID, sidecarId, place]))
    .digest("hex");
  return {
    ID: `_nomad-check-${digest}`,
    ServiceID: sidecarId,
    Name: "Connect Sidecar Listening",
    Type: "tcp",
    Address: place.address,
    Port: place.port,
    Protocol: "",
    Path: "",
    Method: "",
    Header: {},
    Body: "",
    Command: "",
    Args: [],
    Task: "",
    IntervalNs: LISTENING_INTERVAL_NS,
    TimeoutNs: LISTENING_TIMEOUT_NS,
    InitialStatus: "",
    OnUpdate: "require_healthy",
    SuccessBeforePassing: 0,
    FailuresBeforeCritical: 0,
    FailuresBeforeWarning: 0,
    TlsServerName: "",
    TlsSkipVerify: false,
    GrpcService: "",
    GrpcUseTls: false,
    Notes: "",
    Restart: null,
  };
}

/** By the name the port was injected for: as the job says it, or as it is called here. */
function portLabelOf({ service, instance, allocation }: MeshRequest): string {
  const said = sidecarPortLabel(service.Name);
  return allocatedPort(allocation, said) === undefined && service.Name !== instance.Name ? sidecarPortLabel(instance.Name) : said;
}

/** Where the service itself listens in its network: the port's inside, a number as it is. */
function servicePortInside({ service, instance, allocation, names }: MeshRequest): number {
  const label = interpolate(service.PortLabel, names);
  const port = allocatedPort(allocation, label);
  if (port !== undefined) return insideOf(port);
  return /^[0-9]{1,5}$/.test(label) ? Number(label) : instance.Port;
}

function outboundPortOf(node: Node): number {
  const said = Number(node.Meta["connect.transparent_proxy.default_outbound_port"] ?? "");
  return Number.isInteger(said) && said > 0 && said <= 65_535 ? said : 0;
}

/** Whose numbers these are, in every statistic of the proxy; the author's own first, and theirs stand. */
function statisticsTags({ allocation, group, names }: MeshRequest, said: unknown): readonly unknown[] {
  const own: readonly unknown[] = Array.isArray(said) ? interpolateDeep(said, names) : [];
  const known = new Set(own.map((each) => String(each).split("=")[0]));
  const ours = {
    "nomad.alloc_id": allocation.ID,
    "nomad.group": group.Name,
    "nomad.job": allocation.JobID,
    "nomad.namespace": allocation.Namespace,
  };
  return [...own, ...Object.entries(ours).flatMap(([key, value]) => (known.has(key) ? [] : [`${key}=${value}`]))];
}

function allocatedPort(allocation: Allocation, label: string): AllocatedPort | undefined {
  return allocation.AllocatedResources.Shared.Ports.find((each) => each.Label === label);
}

/** 0 and -1: the same inside as outside. */
function insideOf(port: AllocatedPort): number {
  return port.To > 0 ? port.To : port.Value;
}
