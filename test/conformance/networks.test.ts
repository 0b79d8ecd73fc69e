import { memoryNetworks } from "#integrations/memory";
import { networksConformance } from "./networks.ts";

networksConformance({
  name: "memory",
  async make({ addresses }) {
    return {
      networks: memoryNetworks({ networks: ["mine"], ...(addresses === undefined ? {} : { addresses }) }),
      close: async () => undefined,
    };
  },
});
