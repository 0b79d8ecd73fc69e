/**
 * Gives a group its ports on one node: static ones as asked, dynamic ones from the node's range [MinDynamicPort, MaxDynamicPort)
 * that nothing uses. nomad.md §6.3 "Ports/network". The caller has already seen that the static ones are free (Ledger.shortfall).
 */
import type { AllocatedPort, Network, Node, TaskGroup } from "#model";
import type { Draw } from "../seed.ts";
import type { Claim, Ledger } from "./fits.ts";
import { portsOf } from "./network.ts";

export const NO_DYNAMIC_PORT = "network: dynamic port selection failed";

/** Random tries before looking at every port of the range. */
const PROBES_MAX = 20;

export interface GrantedNetworks {
  readonly Networks: readonly Network[];
  readonly Ports: readonly AllocatedPort[];
}

/** The static ports of the group, as a claim counts them. */
export function staticPorts(group: TaskGroup): Claim["ports"] {
  return group.Networks.flatMap((network) => network.ReservedPorts);
}

/** Undefined when the dynamic range has too few free ports. */
export function grantNetworks(ledger: Ledger, slot: number, node: Node, group: TaskGroup, draw: Draw): GrantedNetworks | undefined {
  const address = node.NodeResources.Networks.find((each) => each.IP !== "");
  const chosen = new Set(staticPorts(group).map((port) => port.Value));
  const Ports: AllocatedPort[] = [];
  const Networks: Network[] = [];
  for (const network of group.Networks) {
    const values = new Map<string, number>();
    for (const port of portsOf(network)) {
      const value = port.Value > 0 ? port.Value : pickPort(ledger, slot, node, chosen, draw);
      if (value === undefined) return undefined;
      chosen.add(value);
      values.set(port.Label, value);
      Ports.push({
        Label: port.Label,
        Value: value,
        To: port.To === -1 ? value : port.To,
        HostIP: address?.IP ?? "",
        IgnoreCollision: port.IgnoreCollision,
      });
    }
    const given = (port: Network["DynamicPorts"][number]) => ({ ...port, Value: values.get(port.Label) ?? port.Value });
    Networks.push({
      ...network,
      Device: address?.Device ?? "",
      IP: address?.IP ?? "",
      ReservedPorts: network.ReservedPorts.map(given),
      DynamicPorts: network.DynamicPorts.map(given),
    });
  }
  return { Networks, Ports };
}

function pickPort(ledger: Ledger, slot: number, node: Node, chosen: ReadonlySet<number>, draw: Draw): number | undefined {
  const { MinDynamicPort: first, MaxDynamicPort: end } = node.NodeResources;
  const isFree = (port: number) => !chosen.has(port) && ledger.portIsFree(slot, port);
  if (end <= first) return undefined;
  for (let probe = 0; probe < PROBES_MAX; probe++) {
    const port = first + draw.below(end - first);
    if (isFree(port)) return port;
  }
  const free: number[] = [];
  for (let port = first; port < end; port++) if (isFree(port)) free.push(port);
  return free.length === 0 ? undefined : free[draw.below(free.length)];
}
