/** Networks as CNI describes them: the built-in bridge network, and what a plugin of a chain is told. nomad.md §2.9. */
import { BlockList, isIP, isIPv4 } from "node:net";
import type { PortMapping } from "#ports";

export interface PluginConf {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface NetworkConf {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginConf[];
}

export interface BridgeSettings {
  /** Of the interface; the network is called after it, so that agents that share a bridge share its leases. */
  readonly name: string;
  /** "172.26.64.0/20" */
  readonly subnet: string;
  /** "": none. */
  readonly subnetIPv6: string;
  /** Also for allocations without ports of the machine; those with one always reach themselves by it. */
  readonly hairpin: boolean;
  /** 0: the kernel's. */
  readonly mtu: number;
}

/** Leases of the bridge lie in this folder, in a folder of the network's name: beside those of others on this machine that use the same bridge; gone with a reboot, as namespaces are. */
export const BRIDGE_LEASES = "/run/cni";

/** An operator's rules go first: the firewall plugin jumps to this chain before its own. */
export const ADMIN_CHAIN = "NOMAD-ADMIN";

export function bridgeConf(bridge: BridgeSettings): NetworkConf {
  const ranges = [[{ subnet: bridge.subnet }], ...(bridge.subnetIPv6 === "" ? [] : [[{ subnet: bridge.subnetIPv6 }]])];
  const routes = [{ dst: "0.0.0.0/0" }, ...(bridge.subnetIPv6 === "" ? [] : [{ dst: "::/0" }])];
  return {
    cniVersion: "0.4.0",
    name: bridge.name,
    plugins: [
      { type: "loopback" },
      {
        type: "bridge",
        bridge: bridge.name,
        ipMasq: true,
        isGateway: true,
        forceAddress: true,
        hairpinMode: bridge.hairpin,
        ...(bridge.mtu === 0 ? {} : { mtu: bridge.mtu }),
        ipam: { type: "host-local", dataDir: BRIDGE_LEASES, ranges, routes },
      },
      { type: "firewall", backend: "iptables", iptablesAdminChainName: ADMIN_CHAIN },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  };
}

/** Every plugin a chain runs, address management too. */
export function pluginsOf(conf: NetworkConf): readonly string[] {
  return conf.plugins.flatMap((plugin) => {
    const ipam = (plugin["ipam"] as { readonly type?: unknown } | undefined)?.type;
    return typeof ipam === "string" && ipam !== "" ? [plugin.type, ipam] : [plugin.type];
  });
}

/** Both protocols of each port: jobs do not say which they speak. */
export function portMappings(ports: readonly PortMapping[]): readonly Readonly<Record<string, unknown>>[] {
  return ports.flatMap((port) =>
    ["tcp", "udp"].map((protocol) => ({
      hostPort: port.hostPort,
      containerPort: port.to,
      protocol,
      ...(port.hostIp === "" ? {} : { hostIP: port.hostIp }),
    })),
  );
}

/** What a plugin reads: its part of the chain, with what it says it can do filled in, and what the plugin before it answered. */
export function pluginInput(conf: NetworkConf, plugin: PluginConf, ports: readonly PortMapping[], previous: unknown): string {
  const capabilities = plugin["capabilities"] as { readonly portMappings?: unknown } | undefined;
  return JSON.stringify({
    ...plugin,
    name: conf.name,
    cniVersion: conf.cniVersion,
    ...(capabilities?.portMappings === true && ports.length > 0 ? { runtimeConfig: { portMappings: portMappings(ports) } } : {}),
    ...(previous === undefined ? {} : { prevResult: previous }),
  });
}

/** "IgnoreUnknown=true;NOMAD_ALLOC_ID=…" */
export function pluginArguments(values: Readonly<Record<string, string>>): string {
  return Object.entries({ IgnoreUnknown: "true", ...values })
    .map(([key, value]) => `${key}=${value}`)
    .join(";");
}

/** The first address of a subnet, with its length: the gateway's. */
export function gatewayOf(subnet: string): { readonly address: string; readonly length: number } {
  const [base = "", length = ""] = subnet.split("/");
  if (isIPv4(base)) {
    const first = networkNumber(base, Number(length)) + 1;
    return { address: [24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join("."), length: Number(length) };
  }
  // The last group of a network's address is zero unless the network is tiny: its first address ends in 1.
  return { address: base.endsWith("::") ? `${base}1` : base.replace(/:0*$/, ":1"), length: Number(length) };
}

export function subnetHolds(subnet: string, address: string): boolean {
  const [base = "", length = ""] = subnet.split("/");
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  if (isIP(base) === 0 || isIP(base) !== isIP(address)) return false;
  const block = new BlockList();
  block.addSubnet(base, Number(length), family);
  return block.check(address, family);
}

/** Either holds an address of the other. IPv4 only. */
export function subnetsOverlap(one: string, other: string): boolean {
  const [oneBase = "", oneLength = "32"] = one.split("/");
  const [otherBase = "", otherLength = "32"] = other.split("/");
  if (!isIPv4(oneBase) || !isIPv4(otherBase)) return false;
  const length = Math.min(Number(oneLength), Number(otherLength));
  return networkNumber(oneBase, length) === networkNumber(otherBase, length);
}

function networkNumber(address: string, length: number): number {
  const number = address.split(".").reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
  return length === 0 ? 0 : (number & ((0xffff_ffff << (32 - length)) >>> 0)) >>> 0;
}
