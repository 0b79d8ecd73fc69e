/**
 * Ports of a machine are had by address: one number may be given out once at each. "" stands for all of them.
 * nomad.md §6.3 "Ports/network".
 */
import { type HostNetwork, type Node, type NodeNetwork, parsePortRanges } from "./node.ts";

/** Do two that hold the same number get in each other's way? */
export function sameAddress(a: string, b: string): boolean {
  return a === b || a === "" || b === "";
}

/** Where ports of no particular network are; undefined: the node has no address. */
export function mainNetwork(node: Pick<Node, "NodeResources">): NodeNetwork | undefined {
  const { Networks } = node.NodeResources;
  return Networks.find((each) => each.IP !== "" && (each.Mode === "host" || each.Mode === "")) ?? Networks.find((each) => each.IP !== "");
}

/** The node's network of that name; undefined: it has none. */
export function hostNetworkOf(node: Pick<Node, "HostNetworks">, name: string): HostNetwork | undefined {
  return Object.hasOwn(node.HostNetworks, name) ? node.HostNetworks[name] : undefined;
}

/** The address of ports on a host network ("", "default": the node's own); "" when the node names none. */
export function hostAddress(node: Pick<Node, "NodeResources" | "HostNetworks">, name: string): string {
  if (name === "" || name === "default") return mainNetwork(node)?.IP ?? "";
  return hostNetworkOf(node, name)?.Addresses?.[0] ?? "";
}

/** What host networks keep for themselves, by address. */
export function portsReservedByAddress(node: Pick<Node, "HostNetworks">): ReadonlyMap<string, ReadonlySet<number>> {
  const reserved = new Map<string, Set<number>>();
  for (const { Addresses, ReservedPorts } of Object.values(node.HostNetworks)) {
    const ports = parsePortRanges(ReservedPorts ?? "");
    for (const address of ports.length === 0 ? [] : (Addresses ?? [])) {
      const at = reserved.get(address) ?? new Set();
      for (const port of ports) at.add(port);
      reserved.set(address, at);
    }
  }
  return reserved;
}
