/** One server's end for others, and the way to it. */
import { createHostClock, createHostRandom } from "#integrations/host";
import { networkPeers, type NetworkPeers, type NetworkPeersOptions } from "#integrations/link";
import type { PeerEnd } from "#ports";

export function peersOf(options: Partial<NetworkPeersOptions> = {}): NetworkPeers {
  return networkPeers({ clock: createHostClock(), random: createHostRandom(), ...options });
}

/** Fails at whatever a test does not give. */
export function peerEnd(given: Partial<PeerEnd>): PeerEnd {
  const nothing = () => {
    throw new Error("not expected");
  };
  return {
    introduce: nothing,
    propose: nothing,
    beat: nothing,
    holdsNode: nothing,
    snapshot: nothing,
    keyEncryption: nothing,
    api: nothing,
    ...given,
  };
}
