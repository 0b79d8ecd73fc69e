/** client { host_network } → which addresses of this machine are meant. An interface and a cidr together: both must hold. nomad.md §5.3. */
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import type { HostNetwork } from "#model";
import type { NetworkAddress } from "./addresses.ts";
import type { Config, NetworkConfig } from "./config.ts";

export interface Cidr {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: number;
}

/** "10.0.0.0/8"; an address alone is a network of one. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const family = isIP(address);
  if ((family !== 4 && family !== 6) || rest.length > 0) return undefined;
  const most = family === 4 ? 32 : 128;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = length === undefined ? most : Number(length);
  return prefix > most ? undefined : { family, address, prefix };
}

/** IPv4 first; addresses of one link only (fe80::) when their network is asked for. */
export function addressesWithin(
  wanted: Pick<NetworkConfig["hostNetworks"][number], "cidr" | "interface">,
  addresses: readonly NetworkAddress[],
): readonly string[] {
  const cidr = wanted.cidr === "" ? undefined : parseCidr(wanted.cidr);
  if (wanted.cidr !== "" && cidr === undefined) return [];
  const network = new BlockList();
  if (cidr !== undefined) network.addSubnet(cidr.address, cidr.prefix, cidr.family === 4 ? "ipv4" : "ipv6");
  const fits = ({ interface: name, address, family }: NetworkAddress): boolean =>
    (wanted.interface === "" || wanted.interface === name) &&
    (cidr === undefined ? !/^fe80:/i.test(address) : network.check(address, family === "IPv4" ? "ipv4" : "ipv6"));
  const found = addresses.filter(fits);
  return ["IPv4", "IPv6"].flatMap((family) => found.filter((each) => each.family === family).map((each) => each.address));
}

/** By name, as they stand on this machine now: for the node's settings. Those without an address here are left out. */
export function hostNetworksOf(
  config: Config,
  addresses: readonly NetworkAddress[] = machineAddresses(),
): Readonly<Record<string, HostNetwork>> {
  const found = config.client.network.hostNetworks.map((each): HostNetwork => ({
    Name: each.name,
    CIDR: each.cidr,
    Interface: each.interface,
    ReservedPorts: each.reservedPorts,
    Addresses: addressesWithin(each, addresses),
  }));
  return Object.fromEntries(found.filter((each) => each.Addresses.length > 0).map((each) => [each.Name, each]));
}

function machineAddresses(): readonly NetworkAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address, family, internal }) => ({ interface: name, address, family, loopback: internal })),
  );
}
