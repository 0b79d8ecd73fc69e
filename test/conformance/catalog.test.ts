import type { Allocation, AllocationId, Node, ServiceRegistration } from "#model";
import { createHostClock } from "#integrations/host";
import { createMemoryCatalog } from "#integrations/memory";
import { NamedError } from "#std";
import { nativeCatalog } from "../../src/client/registration/native-catalog.ts";
import { QUIET_SERVERS } from "../quiet-servers.ts";
import { catalogConformance } from "./catalog.ts";

for (const provider of ["consul", "nomad"] as const) {
  catalogConformance({
    name: `memory, as ${provider}`,
    provider,
    async make() {
      const world = createMemoryCatalog(provider);
      return {
        catalog: (owner) => world.as(owner),
        wipe: async () => world.wipe(),
        away: async (away) => void (world.away = away),
        close: async () => undefined,
      };
    },
  });
}

catalogConformance({
  name: "the servers' own registry",
  provider: "nomad",
  async make() {
    const services = new Map<string, ServiceRegistration>();
    let away = false;
    const answer = <Answer>(perform: () => Answer) =>
      away ? Promise.reject(new NamedError("LINK_REFUSED", "nobody answers", { statusCode: 503 })) : Promise.resolve(perform());
    return {
      catalog: (owner) =>
        nativeCatalog({
          clock: createHostClock({ keepAlive: true }),
          node: () => ({ ID: owner, Datacenter: "dc1" }) as Node,
          allocation: (id: AllocationId) => ({ ID: id, Namespace: "default", JobID: "app" }) as Allocation,
          servers: {
            ...QUIET_SERVERS,
            signIdentities: () => Promise.reject(new Error("nobody asks")),
            services: () => answer(() => [...services.values()].filter((each) => each.NodeID === owner)),
            upsertServices: (added) => answer(() => added.forEach((each) => services.set(each.ID, each))),
            deleteServices: (ids) => answer(() => ids.forEach((id) => services.get(id)?.NodeID === owner && services.delete(id))),
          },
        }),
      wipe: async () => services.clear(),
      away: async (wanted) => void (away = wanted),
      close: async () => undefined,
    };
  },
});
