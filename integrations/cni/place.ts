/** Where networks are made: the options of the maker, and its hands. */
import path from "node:path";
import { bridgeConf, type BridgeSettings, type NetworkConf } from "./conflist.ts";
import { readConfigDirectory } from "./config-directory.ts";
import { type Ip, ipOf } from "./ip.ts";
import { type Iptables, iptablesOf } from "./iptables.ts";
import { type LeasePlace, leasePlacesOf } from "./leases.ts";

export interface CniNetworksOptions {
  /** Eight hex digits of this agent: in the name of everything made. */
  readonly owner: string;
  /** What is remembered of each network lies in its folder "networks". */
  readonly stateDirectory: string;
  /** Folders of plugins, the first that has one wins. */
  readonly cniPaths: readonly string[];
  /** Networks of an operator; need not be there. */
  readonly configDirectory: string;
  readonly bridge: BridgeSettings;
  /** What resolv.conf names unless a job says otherwise; none: those of the host's own that can be reached. */
  readonly nameservers: () => readonly string[];
  /** Where ip, iptables and nsenter are looked for. Default: PATH and the folders of an administrator. */
  readonly searchPath?: string;
}

export interface Place {
  readonly options: CniNetworksOptions;
  readonly bridge: NetworkConf;
  readonly searchPath: string;
  readonly ip: Ip;
  /** The machine's rules; six only when the bridge has such a subnet or the machine such rules. */
  readonly four: Iptables;
  readonly six: Iptables;
  within(namespace: string, family: 4 | 6): Iptables;
  /** As it is now. */
  network(name: string): NetworkConf | undefined;
  leasePlaces(): readonly LeasePlace[];
}

export function placeOf(options: CniNetworksOptions): Place {
  const searchPath =
    options.searchPath ??
    [process.env["PATH"] ?? "", "/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].filter((one) => one !== "").join(":");
  const bridge = bridgeConf(options.bridge);
  const configured = (): ReadonlyMap<string, NetworkConf> => readConfigDirectory(options.configDirectory).networks;
  return {
    options,
    bridge,
    searchPath,
    ip: ipOf(searchPath),
    four: iptablesOf(searchPath, 4),
    six: iptablesOf(searchPath, 6),
    within: (namespace, family) => iptablesOf(searchPath, family, namespace),
    network: (name) => configured().get(name),
    leasePlaces: () => [bridge, ...configured().values()].flatMap(leasePlacesOf),
  };
}

export function networksDirectory(options: CniNetworksOptions): string {
  return path.join(options.stateDirectory, "networks");
}
