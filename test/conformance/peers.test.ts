import { peersConformance } from "./peers.ts";
import { acceptor, serve } from "../unit/integrations/link/parts.ts";
import { openHouse } from "../unit/integrations/link/house.ts";
import { peersOf } from "../unit/integrations/link/servers.ts";

peersConformance("network", async (end) => {
  const served = await serve(acceptor().accept, { peer: end });
  const peers = peersOf();
  return {
    peer: peers.at(served.address),
    async close() {
      peers.close();
      await served.close();
    },
  };
});

const house = openHouse();
house.authority("house");
const tls = house.issue("house", "server.global.nomad");
house.remove();

peersConformance("network with TLS", async (end) => {
  const served = await serve(acceptor().accept, { peer: end, tls });
  const peers = peersOf({ tls });
  return {
    peer: peers.at(served.address),
    async close() {
      peers.close();
      await served.close();
    },
  };
});
