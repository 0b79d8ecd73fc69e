/**
 * Where a service (or its check) is reached, by its address_mode and port. Pure. nomad.md §1.6.
 *
 *   auto        the explicit `address` if there is one, else the driver's own network if it is to be known by that, else as host
 *   host        the host's side of the port
 *   alloc       inside the allocation's network namespace: the port's `to`
 *   alloc_ipv6  the same, by its IPv6 address
 *   driver      the driver's own network (docker0): the port as the driver says, else its `to`
 *
 * The port is a label of the group's network, or a number as it is.
 */
import type { AllocatedPort, Allocation, Node } from "#model";
import type { AllocationNetwork, DriverNetwork } from "#ports";

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
  /** The allocation's own; undefined: it has none. */
  readonly network: Pick<AllocationNetwork, "address" | "addressIPv6"> | undefined;
  /** Of the task's driver; undefined: it has none, or there is no task. */
  readonly driverNetwork: DriverNetwork | undefined;
}

/** A text is the problem, for people. */
export function reachedAt(request: AddressRequest): Reached | string {
  const { mode, port, explicit } = request;
  const label = portOf(request);
  if (port !== "" && label === undefined && literal(port) === undefined)
    return `port "${port}" is neither a port label of the group's network nor a number`;
  const value = label?.Value ?? literal(port) ?? 0;
  const host = () => ({ address: label?.HostIP || hostAddress(request), port: value });
  const inside = label !== undefined && label.To > 0 ? label.To : value;
  const { network, driverNetwork } = request;
  switch (mode) {
    case "auto":
    case "":
      if (explicit !== "") return { address: explicit, port: value };
      return driverNetwork?.advertised === true ? ofDriver(driverNetwork) : host();
    case "host":
      return host();
    case "driver":
      return driverNetwork === undefined ? unusable("its driver has no network of its own") : ofDriver(driverNetwork);
    case "alloc":
      if (network === undefined) return unusable('the allocation has no network of its own (network mode "host")');
      return network.address === "" ? unusable("the allocation's network has no address") : { address: network.address, port: inside };
    case "alloc_ipv6":
      if (network === undefined) return unusable('the allocation has no network of its own (network mode "host")');
      return network.addressIPv6 === ""
        ? unusable("the allocation's network has no IPv6 address")
        : { address: network.addressIPv6, port: inside };
    default:
      return unusable("there is no such mode; wanted auto, host, alloc, alloc_ipv6 or driver");
  }

  function ofDriver(given: DriverNetwork): Reached {
    return { address: given.address, port: given.ports[port] ?? inside };
  }
  function unusable(why: string): string {
    return `address_mode "${mode}" cannot be used: ${why}`;
  }
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
