import { memoryNetworks } from "#integrations/memory";
import { networksConformance } from "./networks.ts";

networksConformance({
  name: "memory",
  async make({ addresses }) {
    const networks = memoryNetworks({ networks: ["mine"], ...(addresses === undefined ? {} : { addresses }) });
    return {
      networks,
      lose: async (id) => networks.lose(id),
      close: async () => undefined,
    };
  },
});
