/** The networks an allocation can have on this node, as its description names them: mode "bridge", "cni/NAME", the plugins' versions. nomad.md §2.3. */
import type { FingerprintSource, Networks } from "#ports";

export function networkFingerprint(networks: Pick<Networks, "describe">): FingerprintSource {
  return {
    name: "networks",
    look: async () => {
      const { networks: found, attributes } = await networks.describe();
      return { attributes, links: {}, networks: found };
    },
  };
}
