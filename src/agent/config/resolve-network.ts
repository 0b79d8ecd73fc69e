/** client { cni_path, cni_config_dir, bridge_network_*, host_network, envoy_path } → Config. nomad.md §5.3. */
import path from "node:path";
import { parsePortRanges } from "#model";
import { type NetworkAddress, expandAddress } from "./addresses.ts";
import { addressesWithin, parseCidr } from "./host-networks.ts";
import type { NetworkConfig } from "./config.ts";
import type { SettingReader } from "./setting-reader.ts";
import type { Settings } from "./settings.ts";

/** Where distributions and the plugins' own releases put them. */
const CNI_PATHS = "/opt/cni/bin:/usr/lib/cni";
const CNI_CONFIG_DIRECTORY = "/opt/cni/config";
const BRIDGE_NAME = "nomad";
const BRIDGE_SUBNET = "172.26.64.0/20";
/** IFNAMSIZ - 1 */
const INTERFACE_NAME_MAX = 15;
const MTU = { least: 68, most: 65_535 };

export function resolveNetworkConfig(read: SettingReader, settings: Settings, addresses: readonly NetworkAddress[]): NetworkConfig {
  const at = (name: string) => `client.${name}`;
  const bridgeName = read.text(at("bridge_network_name"), BRIDGE_NAME);
  if (bridgeName.length > INTERFACE_NAME_MAX || !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(bridgeName))
    read.problem(
      at("bridge_network_name"),
      `bridge_network_name is ${JSON.stringify(bridgeName)}, must be the name of an interface`,
      `At most ${INTERFACE_NAME_MAX} letters, digits, ".", "_" and "-".`,
    );
  return {
    cniPaths: absolutePaths(read, at("cni_path"), CNI_PATHS),
    cniConfigDirectory: read.directory(at("cni_config_dir"), CNI_CONFIG_DIRECTORY),
    bridgeName,
    bridgeSubnet: subnet(read, at("bridge_network_subnet"), 4, BRIDGE_SUBNET),
    bridgeSubnetIPv6: subnet(read, at("bridge_network_subnet_ipv6"), 6, ""),
    bridgeHairpin: read.flag(at("bridge_network_hairpin_mode")),
    bridgeMtu: mtu(read, at("bridge_network_mtu")),
    hostNetworks: hostNetworkNames(settings).map((name) => hostNetwork(read, name, addresses)),
    envoyPath: read.directory(at("envoy_path"), ""),
  };
}

function absolutePaths(read: SettingReader, at: string, fallback: string): readonly string[] {
  const given = read
    .text(at, fallback)
    .split(":")
    .filter((each) => each !== "");
  const relative = given.find((each) => !path.isAbsolute(each));
  if (relative !== undefined)
    read.problem(
      at,
      `cni_path holds ${JSON.stringify(relative)}, must be absolute paths`,
      `Separated by colons, for example ${JSON.stringify(CNI_PATHS)}.`,
    );
  return given;
}

/** Room for the gateway and at least one allocation. */
function subnet(read: SettingReader, at: string, family: 4 | 6, fallback: string): string {
  const given = read.text(at, fallback);
  if (given === "") return given;
  const cidr = parseCidr(given);
  const example = family === 4 ? BRIDGE_SUBNET : "fd00:a110:c8::/120";
  const name = at.replace("client.", "");
  if (cidr?.family !== family || !given.includes("/"))
    read.problem(at, `${name} is ${JSON.stringify(given)}, must be a network of IPv${family}`, `For example ${JSON.stringify(example)}.`);
  else if (cidr.prefix > (family === 4 ? 30 : 126))
    read.problem(at, `${name} is ${JSON.stringify(given)}: no address is left for allocations`, `For example ${JSON.stringify(example)}.`);
  return given;
}

function mtu(read: SettingReader, at: string): number {
  return read.whole(at, 0) === 0 ? 0 : read.within(at, 0, MTU.least, MTU.most);
}

function hostNetworkNames(settings: Settings): readonly string[] {
  const names = [...settings.keys()].map((key) => /^client\.host_network\.(.+)\.[a-z_]+$/.exec(key)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

function hostNetwork(read: SettingReader, name: string, addresses: readonly NetworkAddress[]): NetworkConfig["hostNetworks"][number] {
  const at = (key: string) => `client.host_network.${name}.${key}`;
  const place = ["cidr", "interface", "reserved_ports", "written"].map(at).find((key) => read.has(key));
  const expanded = (key: string): string => {
    const found = expandAddress(read.text(at(key), ""), addresses);
    if (typeof found === "string") return found;
    read.problem(at(key), found.problem, found.detail);
    return "";
  };
  const network = { name, cidr: expanded("cidr"), interface: expanded("interface"), reservedPorts: read.text(at("reserved_ports"), "") };
  const quoted = `host_network ${JSON.stringify(name)}`;
  if (!/^[A-Za-z0-9_-]+$/.test(name))
    read.problem(place, `${quoted}: the name must be letters, digits, "_" and "-"`, "Ports ask for it by this name.");
  if (name === "default") read.problem(place, `${quoted}: this is what the node's own address is called`, "Choose another name.");
  if (read.text(at("cidr"), "") === "" && read.text(at("interface"), "") === "")
    read.problem(place, `${quoted} names no addresses`, 'Say which: cidr = "10.0.0.0/8" or interface = "eth0".');
  if (network.cidr !== "" && parseCidr(network.cidr) === undefined)
    read.problem(at("cidr"), `${quoted}: cidr is ${JSON.stringify(network.cidr)}, must be a network`, 'For example "10.0.0.0/8".');
  if (network.reservedPorts !== "" && !arePorts(network.reservedPorts))
    read.problem(
      at("reserved_ports"),
      `${quoted}: reserved_ports is ${JSON.stringify(network.reservedPorts)}, must be ports and ranges`,
      'For example "22,80,8500-8600".',
    );
  return network;
}

/** What a port that asks for such a network would never get. */
export function networkWarnings(network: NetworkConfig, addresses: readonly NetworkAddress[]): readonly string[] {
  return network.hostNetworks
    .filter((each) => addressesWithin(each, addresses).length === 0)
    .map((each) => {
      const where = [each.interface === "" ? "" : `on interface ${each.interface}`, each.cidr === "" ? "" : `in ${each.cidr}`];
      const words = where.filter((word) => word !== "").join(" ");
      return `host_network ${JSON.stringify(each.name)}: this machine has no address ${words}; ports that ask for it are not placed here`;
    });
}

/** "22,80,8500-8600": every part readable and in range. */
export function arePorts(text: string): boolean {
  return text.split(",").every((part) => {
    const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    return match !== null && Number(match[2] ?? match[1]) <= 65_535 && parsePortRanges(part).length > 0;
  });
}
