/**
 * Networks of allocations on this machine: a network namespace each, connected by CNI. Makers: `cniNetworks` (integrations/cni), `memoryNetworks`
 * (integrations/memory, tests). nomad.md §1.5, §2.9.
 *
 * Contract (test/conformance/networks):
 * - The machine is the truth, not our memory: everything made carries this agent's owner label and the allocation's id (the namespace's name,
 *   the CNI container id, and through it leases and rules), so `find`, `list` and `tearDown` work after kill -9 at any point of `setUp`, after
 *   a reboot, and when CNI's own cache or leases were lost (F38, F39, F41).
 * - `setUp` repeated gives the same network back, with the same address; interrupted, it is finished or begun anew. Nothing is left when it rejects.
 * - `tearDown` may be repeated, also of what was never set up; afterwards no namespace, interface, lease, rule or file of it is there.
 * - Nothing of another owner is ever touched, and its addresses are never given out.
 */
import type { AllocationId, DnsConfig, NodeNetwork } from "#model";

export interface NetworkRequest {
  readonly id: AllocationId;
  /** "bridge", "none" (a namespace with a loopback and nothing else), "cni/NAME" (a network of cni_config_dir). */
  readonly mode: string;
  readonly ports: readonly PortMapping[];
  /** Interpolated; "": the first eight digits of the allocation's id. */
  readonly hostname: string;
  /** null: the node's own servers, which the maker was given. */
  readonly dns: DnsConfig | null;
  /** CNI_ARGS: NOMAD_ALLOC_ID, NOMAD_JOB_ID, … and the job's own; no value holds ";". */
  readonly arguments: Readonly<Record<string, string>>;
  /** transparent_proxy: outgoing and incoming traffic of the namespace is sent through its sidecar; null: it is not. */
  readonly redirect: TrafficRedirect | null;
  /** A process that holds the namespace already (a driver's own holder); 0: a namespace is made. */
  readonly holderPid: number;
}

export interface PortMapping {
  readonly label: string;
  readonly hostPort: number;
  /** Inside; never 0. */
  readonly to: number;
  /** "" for every address of the host. */
  readonly hostIp: string;
}

/** nomad.md §1.7 transparent_proxy. */
export interface TrafficRedirect {
  /** The sidecar's own traffic is let through. */
  readonly proxyUserId: number;
  /** Its listeners for what leaves (15001) and for what comes in (its public port). */
  readonly outboundPort: number;
  readonly inboundPort: number;
  readonly excludeInboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  readonly excludeOutboundCidrs: readonly string[];
  readonly excludeUserIds: readonly number[];
}

export interface AllocationNetwork {
  /** "/run/netns/drover-1a2b3c4d-<allocation>" */
  readonly namespacePath: string;
  /** "eth0"; "" in mode none. */
  readonly interface: string;
  readonly address: string;
  readonly addressIPv6: string;
  /** What the host is called from inside: the bridge's address; "" where there is none. */
  readonly gateway: string;
  /** What a CNI network said of DNS; null: nothing. */
  readonly dns: DnsConfig | null;
  readonly hostname: string;
  /** Host paths of what its tasks see as /etc/hosts and /etc/resolv.conf; readable by all, theirs until tearDown. */
  readonly files: { readonly hosts: string; readonly resolvConf: string };
}

/** Something that bridge networks (or the mesh) need and the machine lacks, and the command that mends it (F42). */
export interface Finding {
  /** "cni-plugins", "ip-forward", "firewall", "bridge-nf", "iptables", "envoy", "consul-grpc", … */
  readonly what: string;
  readonly standing: "good" | "warning" | "missing";
  /** One line. */
  readonly problem: string;
  /** A command, or a sentence; "" when all is good. */
  readonly fix: string;
}

export interface NetworkDescription {
  /** Of NodeResources.Networks: Mode "bridge", Mode "cni/NAME" for each network found. */
  readonly networks: readonly NodeNetwork[];
  /** plugins.cni.version.<plugin>, nomad.bridge.hairpin_mode */
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * NamedErrors: NETWORK_PLUGIN_MISSING (`fix`: how to get it), NETWORK_PLUGIN_FAILED (the plugin's own words), NETWORK_SUBNET_EXHAUSTED,
 * NETWORK_UNKNOWN (no such network in cni_config_dir), NETWORK_PORT_TAKEN, NETWORK_UNSUPPORTED (not root, not Linux).
 */
export interface Networks {
  /** Cheap: called at start and with every fingerprint. Never rejects. */
  describe(): Promise<NetworkDescription>;
  /** In the order a person would mend them; all of them, the good ones too. Never rejects. */
  preflight(): Promise<readonly Finding[]>;
  /** Before anything is set up, and after a reboot: the bridge is there with its gateway's address, leases are those of namespaces that live. Says what it mended. */
  settle(): Promise<readonly string[]>;
  /** What this network lost of its rules, leases or files is given back, its tasks in it; the others are not looked at. Says what it mended; of what is gone: nothing. */
  mend(id: AllocationId): Promise<readonly string[]>;
  setUp(request: NetworkRequest, signal: AbortSignal): Promise<AllocationNetwork>;
  /** As it stands on the machine; undefined: not whole (nothing of it, or only parts: `setUp` or `tearDown` it). */
  find(id: AllocationId): Promise<AllocationNetwork | undefined>;
  tearDown(id: AllocationId): Promise<void>;
  /** Of this owner, whole or in parts. */
  list(): Promise<readonly AllocationId[]>;
}
