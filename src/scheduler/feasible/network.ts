/** Does the node offer the kind of network the group asks for? Ports themselves are counted in ports.ts. nomad.md §6.2 items 3, 4. */
import type { Network, Node, TaskGroup } from "#model";

/** Modes every node has. */
const BUILT_IN = new Set(["", "host", "none"]);

/** Why not; undefined when it does. */
export function missingNetwork(node: Node, group: TaskGroup): string | undefined {
  for (const network of group.Networks) {
    if (!BUILT_IN.has(network.Mode) && !node.NodeResources.Networks.some((each) => each.Mode === network.Mode)) return "missing network";
    for (const port of portsOf(network)) {
      if (port.HostNetwork === "" || port.HostNetwork === "default") continue;
      if (!Object.hasOwn(node.HostNetworks, port.HostNetwork)) return `missing host network "${port.HostNetwork}" for port "${port.Label}"`;
    }
  }
  return undefined;
}

/** Static ports first, as they are the harder to satisfy. */
export function portsOf(network: Network): readonly Network["ReservedPorts"][number][] {
  return network.DynamicPorts.length === 0 ? network.ReservedPorts : [...network.ReservedPorts, ...network.DynamicPorts];
}
