/** Does the node offer the kind of network the group asks for? Ports themselves are counted in ports.ts. nomad.md §6.2 items 3, 4. */
import { hostNetworkOf, type Network, type Node, type TaskGroup } from "#model";
import { compileTarget } from "./target.ts";

/** Modes every node has. */
const BUILT_IN = new Set(["", "host", "none"]);

export const MISSING_NETWORK = "missing network";

/** Why not; undefined when it does. */
export function missingNetwork(node: Node, group: TaskGroup): string | undefined {
  for (const network of group.Networks) {
    if (!BUILT_IN.has(network.Mode) && !node.NodeResources.Networks.some((each) => each.Mode === network.Mode)) return MISSING_NETWORK;
    for (const port of portsOf(network)) {
      const name = hostNetworkName(node, port);
      if (name === "default") continue;
      const found = hostNetworkOf(node, name);
      if (found === undefined) return `missing host network ${JSON.stringify(name)} for port ${JSON.stringify(port.Label)}`;
      if ((found.Addresses ?? []).length === 0) return `no addresses available for ${JSON.stringify(name)} network`;
    }
  }
  return undefined;
}

/** The host network a port is on; it may be told by the node: `host_network = "${meta.public}"`. */
export function hostNetworkName(node: Node, { HostNetwork: name }: Pick<Network["ReservedPorts"][number], "HostNetwork">): string {
  if (!name.includes("${")) return name || "default";
  return name.replaceAll(/\$\{[^}]*\}/g, (reference) => compileTarget(reference)(node) ?? reference);
}

/** Static ports first, as they are the harder to satisfy. */
export function portsOf(network: Network): readonly Network["ReservedPorts"][number][] {
  return network.DynamicPorts.length === 0 ? network.ReservedPorts : [...network.ReservedPorts, ...network.DynamicPorts];
}
