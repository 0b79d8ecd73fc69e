/** The catalog's contract, kept by the real Consul. */
import { consulCatalog } from "#integrations/consul";
import { connectionTo, suiteOwner } from "../live/parts/consul-window.ts";
import { startConsul } from "../live/parts/consul.ts";
import { slowConsul } from "../live/parts/slow-consul.ts";
import { catalogConformance } from "./catalog.ts";

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  catalogConformance({
    name: "Consul",
    provider: "consul",
    async make() {
      const actions: (() => Promise<void>)[] = [];
      const owner = suiteOwner((remove) => void actions.push(remove));
      const consul = await startConsul({ owner });
      const network = await slowConsul(consul);
      return {
        catalog: (id) => consulCatalog({ connection: connectionTo(consul, owner, { address: network.address }), owner: id }),
        wipe: () => consul.wipe(),
        away: (away) => (away ? network.cut() : network.heal()),
        async close() {
          for (const action of actions) await action();
        },
      };
    },
  });
}
