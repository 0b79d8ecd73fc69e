import { createMemorySharedWorld, memorySharedLog } from "#integrations/memory";
import { createHostClock } from "#integrations/host";
import { sharedLogConformance } from "./shared-log.ts";

sharedLogConformance({
  name: "memory",
  async place() {
    const world = createMemorySharedWorld({ clock: createHostClock() });
    return {
      open: async (server) => memorySharedLog(world, { server }),
      endTenure: async () => world.endTenure(),
      wipe: async () => world.wipe(),
      remove: async () => undefined,
    };
  },
});
