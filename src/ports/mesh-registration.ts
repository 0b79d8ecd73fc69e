/** What a service says of its place in the mesh when it is made known; in Consul's terms, as its agent API names them. nomad.md §1.7. */
import type { CheckInstance } from "./check.ts";

/** With `kind` native: the service speaks mTLS itself. sidecar: a proxy of its own is registered with it. gateway: the service is a proxy. */
export type MeshRegistration =
  | { readonly kind: "native" }
  | { readonly kind: "sidecar"; readonly sidecar: SidecarRegistration }
  | { readonly kind: "gateway"; readonly proxy: ProxyRegistration };

export interface SidecarRegistration {
  /** `<service id>-sidecar-proxy` */
  readonly ID: string;
  /** `<service>-sidecar-proxy` */
  readonly Name: string;
  readonly Address: string;
  /** As others reach it: the host's side of port connect-proxy-<service>. */
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Proxy: ProxyRegistration;
  readonly Checks: readonly CheckInstance[];
  /** Also an alias check on the service itself, as Consul's own sidecar registration has. */
  readonly AliasService: string;
}

export interface ProxyRegistration {
  readonly DestinationServiceName: string;
  readonly DestinationServiceID: string;
  readonly LocalServiceAddress: string;
  readonly LocalServicePort: number;
  readonly Mode: "" | "transparent";
  /** 0: Consul's own, 15001. */
  readonly TransparentProxyOutboundPort: number;
  /** bind_address, bind_port, envoy_prometheus_bind_addr, … */
  readonly Config: Readonly<Record<string, unknown>>;
  readonly Upstreams: readonly UpstreamRegistration[];
  readonly ExposePaths: readonly ExposedPath[];
}

export interface UpstreamRegistration {
  /** "service" or "prepared_query". */
  readonly DestinationType: string;
  readonly DestinationName: string;
  readonly DestinationNamespace: string;
  readonly DestinationPeer: string;
  readonly DestinationPartition: string;
  readonly Datacenter: string;
  readonly LocalBindAddress: string;
  readonly LocalBindPort: number;
  readonly LocalBindSocketPath: string;
  readonly LocalBindSocketMode: string;
  /** "", "local", "remote", "none" */
  readonly MeshGatewayMode: string;
  readonly Config: Readonly<Record<string, unknown>>;
}

export interface ExposedPath {
  readonly Path: string;
  readonly Protocol: string;
  readonly LocalPathPort: number;
  readonly ListenerPort: number;
}
