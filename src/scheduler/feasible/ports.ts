/**
 * Gives a group its ports on one node: static ones as asked, dynamic ones from the node's range [MinDynamicPort, MaxDynamicPort)
 * that nothing uses at the address in question: the node's own, or that of the host network the port names. nomad.md §6.3
 * "Ports/network". The caller has already seen that the static ones are free (Ledger.shortfall).
 */
import { type AllocatedPort, hostAddress, mainNetwork, type Network, type Node, sameAddress, type TaskGroup } from "#model";
import type { Draw } from "../seed.ts";
import type { Claim, Ledger } from "./fits.ts";
import { hostNetworkName, portsOf } from "./network.ts";

export const NO_DYNAMIC_PORT = "network: dynamic port selection failed";

/** Random tries before looking at every port of the range. */
const PROBES_MAX = 20;

export interface GrantedNetworks {
  readonly Networks: readonly Network[];
  readonly Ports: readonly AllocatedPort[];
}

export function hasStaticPorts(group: TaskGroup): boolean {
  return group.Networks.some((network) => network.ReservedPorts.length > 0);
}

/** The static ports of the group on that node, as a claim counts them. */
export function staticPorts(node: Node, group: TaskGroup): Claim["ports"] {
  return group.Networks.flatMap((network) =>
    network.ReservedPorts.map((port) => ({ ...port, HostIP: hostAddress(node, hostNetworkName(node, port)) })),
  );
}

/** Undefined when the dynamic range has too few free ports. */
export function grantNetworks(ledger: Ledger, slot: number, node: Node, group: TaskGroup, draw: Draw): GrantedNetworks | undefined {
  const main = mainNetwork(node);
  const chosen: Pick<AllocatedPort, "Value" | "HostIP">[] = [...staticPorts(node, group)];
  const Ports: AllocatedPort[] = [];
  const Networks: Network[] = [];
  for (const network of group.Networks) {
    const values = new Map<string, number>();
    for (const port of portsOf(network)) {
      const HostIP = hostAddress(node, hostNetworkName(node, port));
      const value = port.Value > 0 ? port.Value : pickPort(ledger, slot, node, { address: HostIP, chosen }, draw);
      if (value === undefined) return undefined;
      chosen.push({ Value: value, HostIP });
      values.set(port.Label, value);
      Ports.push({ Label: port.Label, Value: value, To: port.To === -1 ? value : port.To, HostIP, IgnoreCollision: port.IgnoreCollision });
    }
    const given = (port: Network["DynamicPorts"][number]) => ({
      ...port,
      Value: values.get(port.Label) ?? port.Value,
      HostNetwork: hostNetworkName(node, port),
    });
    Networks.push({
      ...network,
      Device: main?.Device ?? "",
      IP: main?.IP ?? "",
      ReservedPorts: network.ReservedPorts.map(given),
      DynamicPorts: network.DynamicPorts.map(given),
    });
  }
  return { Networks, Ports };
}

interface Where {
  readonly address: string;
  /** Given out just now. */
  readonly chosen: readonly Pick<AllocatedPort, "Value" | "HostIP">[];
}

function pickPort(ledger: Ledger, slot: number, node: Node, { address, chosen }: Where, draw: Draw): number | undefined {
  const { MinDynamicPort: first, MaxDynamicPort: end } = node.NodeResources;
  const isChosen = (port: number) => chosen.some(({ Value, HostIP }) => Value === port && sameAddress(HostIP, address));
  const isFree = (port: number) => !isChosen(port) && ledger.portIsFree(slot, port, address);
  if (end <= first) return undefined;
  for (let probe = 0; probe < PROBES_MAX; probe++) {
    const port = first + draw.below(end - first);
    if (isFree(port)) return port;
  }
  const free: number[] = [];
  for (let port = first; port < end; port++) if (isFree(port)) free.push(port);
  return free.length === 0 ? undefined : free[draw.below(free.length)];
}
