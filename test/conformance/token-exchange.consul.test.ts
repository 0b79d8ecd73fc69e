/** The token exchange's contract, kept by the JWT login of the real Consul. */
import { after, before } from "node:test";
import { consulTokens, setUpConsul } from "#integrations/consul";
import { connectionTo, suiteOwner } from "../live/parts/consul-window.ts";
import { startConsul, type RealConsul } from "../live/parts/consul.ts";
import { slowConsul } from "../live/parts/slow-consul.ts";
import { workloadKeys, type WorkloadKeys } from "../live/parts/workload-keys.ts";
import { tokenExchangeConformance } from "./token-exchange.ts";

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  const owner = suiteOwner(after);
  const METHOD = "nomad-workloads";
  let consul: RealConsul;
  let keys: WorkloadKeys;
  before(async () => {
    consul = await startConsul({ owner, acl: true });
    keys = await workloadKeys(owner);
    await setUpConsul(connectionTo(consul, owner), { jwksUrl: keys.jwksUrl, jwksCa: "", namespaces: ["default"] });
  });

  tokenExchangeConformance("Consul", async () => {
    const network = await slowConsul(consul);
    const claims = { nomad_namespace: "default", nomad_job_id: "web", nomad_allocation_id: "a", nomad_task: "main" };
    const logins = async () =>
      (await consul.get<{ AccessorID: string; Description: string; AuthMethod?: string }[]>("/v1/acl/tokens")).filter(
        (each) => each.AuthMethod === METHOD,
      );
    return {
      exchange: consulTokens({
        connection: connectionTo(consul, owner, { address: network.address, token: "" }),
        methods: { service: METHOD, task: METHOD },
      }),
      jwt: keys.sign(claims),
      badJwt: keys.sign({ ...claims, aud: ["elsewhere"] }),
      list: async () => (await logins()).map((each) => each.Description),
      cut: () => network.cut(),
      async close() {
        await network.cut();
        for (const { AccessorID } of await logins()) await consul.api(`/v1/acl/token/${AccessorID}`, { method: "DELETE" });
      },
    };
  });
}
