/** NodeResources.NodeNetworks of GET /v1/node/:id: a node's networks with their addresses and what each is called, as Nomad's clients read them. */
import type { HostNetwork, Node } from "#model";

export interface NodeNetworkDetail {
  readonly Mode: string;
  readonly Device: string;
  readonly MacAddress: string;
  readonly Speed: number;
  readonly Addresses: readonly NodeNetworkAddress[];
}
export interface NodeNetworkAddress {
  readonly Family: "ipv4" | "ipv6";
  /** What ports ask for it by: the name of a host_network, or "default". */
  readonly Alias: string;
  readonly Address: string;
  readonly ReservedPorts: string;
  readonly Gateway: string;
}

export function nodeNetworks(node: Pick<Node, "NodeResources" | "HostNetworks" | "ReservedResources">): readonly NodeNetworkDetail[] {
  const { Networks } = node.NodeResources;
  const named = Object.values(node.HostNetworks);
  const main = Networks.find((each) => isHost(each.Mode));
  // One that was found by its cidr alone may be on any device: it is shown with the first.
  const deviceOf = (network: HostNetwork): string => (network.Interface === "" ? (main?.Device ?? "") : network.Interface);
  const byDevice = new Map<string, NodeNetworkAddress[]>();
  for (const network of named) {
    const device = deviceOf(network);
    byDevice.set(device, [
      ...(byDevice.get(device) ?? []),
      ...network.Addresses.map((each) => address(each, network.Name, network.ReservedPorts)),
    ]);
  }
  const own = Networks.map((network) => {
    const first = isHost(network.Mode) ? [address(network.IP, "default", node.ReservedResources.Networks.ReservedHostPorts)] : [];
    const more = isHost(network.Mode) ? (byDevice.get(network.Device) ?? []) : [];
    if (isHost(network.Mode)) byDevice.delete(network.Device);
    return {
      Mode: network.Mode === "" ? "host" : network.Mode,
      Device: network.Device,
      MacAddress: "",
      Speed: network.MBits,
      Addresses: [...first.filter((each) => each.Address !== ""), ...more],
    };
  });
  return [...own, ...[...byDevice].map(([Device, Addresses]) => ({ Mode: "host", Device, MacAddress: "", Speed: 0, Addresses }))];
}

const isHost = (mode: string): boolean => mode === "" || mode === "host";

function address(text: string, Alias: string, ReservedPorts: string): NodeNetworkAddress {
  return { Family: text.includes(":") ? "ipv6" : "ipv4", Alias, Address: text, ReservedPorts, Gateway: "" };
}
