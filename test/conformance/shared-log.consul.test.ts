/** The shared log's contract, kept on the real Consul: one server, each test in a folder of its own. */
import { after } from "node:test";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import { consulPlace } from "./shared-log-place.ts";
import { sharedLogConformance } from "./shared-log.ts";

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  let consul: Promise<RealConsul> | undefined;
  after(async () => (await consul)?.remove());
  sharedLogConformance({
    name: "consul",
    async place() {
      return consulPlace(await (consul ??= startConsul()));
    },
  });
}
