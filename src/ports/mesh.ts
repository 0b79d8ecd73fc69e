/**
 * What governs the mesh outside this machine: intentions, configuration of gateways, certificates' authority. Maker: `consulMesh`
 * (integrations/consul), `memoryMesh` (integrations/memory, tests). Used by the node (alloc status, mesh check) and by servers (gateways' entries).
 *
 * NamedErrors: MESH_UNREACHABLE (503), MESH_DENIED (403, `fix`: the rule the token needs), MESH_REFUSED (400, the system's own words).
 */
import type { Gateway, Namespace } from "#model";

export interface Intention {
  /** "*" for all. */
  readonly source: string;
  readonly destination: string;
  readonly action: "allow" | "deny" | "permissions";
  /** With permissions: one line for each, for people: "allow GET /public" */
  readonly permissions: readonly string[];
  readonly precedence: number;
  /** Made as a config entry, in the UI or the like: `consul intention create -replace` cannot change it (Consul 1.21). */
  readonly declared?: true;
}

export interface Permission {
  readonly allowed: boolean;
  /** undefined: none names the two, the default decides. */
  readonly because: Intention | undefined;
  readonly defaultAllow: boolean;
  /** There are intentions for just this destination, whoever their source, and they are declared: `consul intention create` adds none to them. */
  readonly declared?: true;
}

export interface MeshInstance {
  readonly id: string;
  readonly node: string;
  readonly address: string;
  readonly port: number;
  /** Worst of its checks. */
  readonly status: "passing" | "warning" | "critical";
  /** Of checks that do not pass: "name: output". */
  readonly failing: readonly string[];
}

export interface MeshService {
  readonly name: string;
  /** "tcp" unless a config entry says otherwise. */
  readonly protocol: string;
  readonly instances: readonly MeshInstance[];
  /** Its proxies: sidecars, or itself where it is native. */
  readonly proxies: readonly MeshInstance[];
}

export interface Mesh {
  /** Of the agent's HTTP API, for services that speak for themselves: an http(s) or unix URL. */
  readonly httpAddress: string;
  /** What that API is trusted by, and who they are to it; undefined: it speaks no TLS, or nobody shares it. Throws NamedError MESH_REFUSED (a file cannot be read). */
  httpTls(): MeshHttpTls | undefined;
  /** Where proxies of this machine's agent get their configuration; undefined: the agent has no gRPC port open. */
  endpoint(): Promise<MeshEndpoint | undefined>;
  /** Is there somebody who speaks, not only takes connections? Never rejects; silence until the signal aborts is a no. */
  speaks(endpoint: MeshEndpoint, signal: AbortSignal): Promise<boolean>;
  /** What holds for every proxy unless its own says otherwise, as `proxy { config }` has it: envoy_prometheus_bind_addr, … Left out: nothing does. */
  proxyDefaults?(): Promise<Readonly<Record<string, unknown>>>;
  /** May `source` connect to `destination`? */
  mayConnect(source: string, destination: string): Promise<Permission>;
  /** What names the service, as source or as destination; the more precise first. */
  intentions(service: string): Promise<readonly Intention[]>;
  /** undefined: nobody of that name is registered. */
  service(name: string, datacenter?: string): Promise<MeshService | undefined>;
  /** The authority that signs: "consul", "vault", … and whether its root is there. */
  authority(): Promise<{ readonly provider: string; readonly trustDomain: string; readonly roots: number }>;
  /** What an ingress or terminating gateway of a job serves, written before the job is. Only what differs is written; entries of others' making are refused by name. */
  writeGateway(gateway: GatewayOfJob): Promise<void>;
  /** What writeGateway would do, without doing it; rejects as it would. "none": a gateway of this kind has no entry, or the one that stands is as wanted. */
  planGateway?(gateway: GatewayOfJob): Promise<"none" | "create" | "change">;
  /** What the job wrote for a gateway of that name, when the job is forgotten; nothing that another job, or somebody else, wrote. */
  removeGateway(gateway: { readonly service: string; readonly namespace: Namespace; readonly jobId: string }): Promise<void>;
}

export interface GatewayOfJob {
  /** The gateway's own, under whose name the entry is. */
  readonly service: string;
  readonly namespace: Namespace;
  readonly jobId: string;
  readonly definition: Gateway;
}

export interface MeshEndpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM; "" without TLS. */
  readonly ca: string;
  readonly serverName: string;
  /** "dc1" and Consul's name of the node the agent runs on. */
  readonly datacenter: string;
  readonly nodeName: string;
}

/** PEM; "": none. */
export interface MeshHttpTls {
  readonly ca: string;
  readonly certificate: string;
  /** A secret. */
  readonly key: string;
  readonly verify: boolean;
}
