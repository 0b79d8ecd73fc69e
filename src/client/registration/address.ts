/**
 * Where a service (or its check) is reached, by its address_mode and port. Pure. nomad.md §1.6.
 *
 *   auto      the explicit `address` if there is one, else as host (no network of a driver's own yet)
 *   host      the host's side of the port
 *   alloc     inside the allocation's network namespace: the port's `to`
 *   driver    the driver's own network
 *
 * The port is a label of the group's network, or a number as it is.
 */
import type { AllocatedPort, Allocation, Node } from "#model";

export interface Reached {
  readonly address: string;
  readonly port: number;
}

export interface AddressRequest {
  readonly mode: string;
  /** "": none was named. */
  readonly port: string;
  /** `address` of the service, interpolated; "" for none. */
  readonly explicit: string;
  readonly allocation: Allocation;
  /** Whose own ports count too (job files of old kept them with the task); "": the group's only. */
  readonly task: string;
  readonly node: Node;
}

/** A text is the problem, for people. */
export function reachedAt(request: AddressRequest): Reached | string {
  const { mode, port, explicit } = request;
  const label = portOf(request);
  if (port !== "" && label === undefined && literal(port) === undefined)
    return `port "${port}" is neither a port label of the group's network nor a number`;
  const value = label?.Value ?? literal(port) ?? 0;
  if (mode === "auto" || mode === "") {
    if (explicit !== "") return { address: explicit, port: value };
    return { address: label?.HostIP || hostAddress(request), port: value };
  }
  if (mode === "host") return { address: label?.HostIP || hostAddress(request), port: value };
  const network = mode === "driver" ? "its driver has no network of its own" : "the allocation has no network of its own";
  return `address_mode "${mode}" cannot be used: ${network} (network mode "host")`;
}

function portOf({ port, allocation, task }: AddressRequest): AllocatedPort | undefined {
  if (port === "") return undefined;
  const { Shared, Tasks } = allocation.AllocatedResources;
  const own = Shared.Ports.find((each) => each.Label === port);
  if (own !== undefined) return own;
  for (const network of Tasks[task]?.Networks ?? []) {
    const found = [...network.ReservedPorts, ...network.DynamicPorts].find((each) => each.Label === port);
    if (found !== undefined) return { Label: port, Value: found.Value, To: found.To, HostIP: network.IP, IgnoreCollision: false };
  }
  return undefined;
}

function literal(port: string): number | undefined {
  return /^[0-9]{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535 ? Number(port) : undefined;
}

/** What other machines reach this node by. */
function hostAddress({ allocation, node }: AddressRequest): string {
  const { Networks, Ports } = allocation.AllocatedResources.Shared;
  const given = Networks.find((each) => each.IP !== "")?.IP ?? Ports[0]?.HostIP;
  return given || (node.Attributes["unique.network.ip-address"] ?? node.NodeResources.Networks[0]?.IP ?? "");
}
