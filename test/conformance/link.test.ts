import { linkConformance } from "./link.ts";
import { linkTo, serve } from "../unit/integrations/link/parts.ts";

linkConformance("network", async (accept) => {
  const served = await serve(accept);
  return { link: linkTo([served.address]), close: () => served.close() };
});
