/** The tunnels of this machine keep the contract. */
import { hostTunnels } from "#integrations/host";
import { tunnelsConformance } from "./tunnels.ts";

tunnelsConformance("host", hostTunnels);
