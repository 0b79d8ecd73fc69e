/**
 * The networks of this agent's allocations: by CNI, as the configuration says, with the node's DNS on their bridge. The machine is not touched
 * before the first allocation wants one: an agent whose jobs all use the machine's network makes no bridge and turns no forwarding on.
 */
import { cniNetworks, gatewayOf } from "#integrations/cni";
import type { Networks } from "#ports";
import type { Config } from "./config/mod.ts";
import type { AgentDns } from "./dns.ts";

/** `owner`: eight hex digits of this agent, in the name of everything made for it on the machine. */
export function agentNetworks(config: Config, owner: string, dns: AgentDns | undefined): Networks {
  const { network, stateDirectory } = config.client;
  const { bridgeName, bridgeSubnet, bridgeSubnetIPv6, bridgeHairpin, bridgeMtu } = network;
  const networks = cniNetworks({
    owner,
    stateDirectory,
    cniPaths: network.cniPaths,
    configDirectory: network.cniConfigDirectory,
    bridge: { name: bridgeName, subnet: bridgeSubnet, subnetIPv6: bridgeSubnetIPv6, hairpin: bridgeHairpin, mtu: bridgeMtu },
    nameservers: () => dns?.nameservers() ?? [],
  });
  return whenWanted(networks, async () => {
    for (const subnet of [bridgeSubnet, bridgeSubnetIPv6]) if (subnet !== "") await dns?.answerAt(gatewayOf(subnet).address);
  });
}

/** `standing`: called once the bridge has its address: what listens on it may begin. Settled again, the machine is looked at again. */
export function whenWanted(networks: Networks, standing: () => Promise<void>): Networks {
  let prepared: Promise<readonly string[]> | undefined;
  const prepare = (): Promise<readonly string[]> => {
    prepared ??= networks
      .settle()
      .then(async (mended) => {
        await standing();
        return mended;
      })
      .catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
    return prepared;
  };
  return {
    ...networks,
    settle: async () => {
      if (prepared !== undefined) {
        await prepared;
        return await networks.settle();
      }
      return (await networks.list()).length === 0 ? [] : await prepare();
    },
    mend: async (id) => {
      const first = prepared === undefined;
      const mended = await prepare();
      return [...(first ? mended : []), ...(await networks.mend(id))];
    },
    setUp: async (request, signal) => {
      await prepare();
      return await networks.setUp(request, signal);
    },
  };
}
