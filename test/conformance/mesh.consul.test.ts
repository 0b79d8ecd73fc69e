/** The mesh's contract, kept by the real Consul. */
import { consulCatalog, consulMesh } from "#integrations/consul";
import { connectionTo, suiteOwner } from "../live/parts/consul-window.ts";
import { startConsul } from "../live/parts/consul.ts";
import { slowConsul } from "../live/parts/slow-consul.ts";
import { aCheckInstance, aServiceInstance, withSidecar } from "./catalog.ts";
import { meshConformance } from "./mesh.ts";

interface Entry {
  readonly ModifyIndex: number;
  readonly Listeners?: readonly { readonly Services: readonly { readonly Name: string }[] }[];
  readonly Services?: readonly { readonly Name: string }[];
}

if (process.env["DROVER_SKIP_LIVE"] !== "1") {
  meshConformance({
    name: "Consul",
    async make() {
      const actions: (() => Promise<void>)[] = [];
      const owner = suiteOwner((remove) => void actions.push(remove));
      const consul = await startConsul({ owner });
      const network = await slowConsul(consul);
      const catalog = consulCatalog({ connection: connectionTo(consul, owner), owner: "suite" });
      const connection = connectionTo(consul, owner, { address: network.address });
      const rules = new Map<string, Map<string, unknown>>();
      const entries = async (kind: string) => (await consul.get<(Entry & { readonly Name: string })[] | null>(`/v1/config/${kind}`)) ?? [];
      return {
        mesh: consulMesh({ connection, grpcAddress: "", grpcCaFile: "", caFile: "" }),
        async rule(source, destination, action, permissions = []) {
          const Permissions = permissions.map(([Action, PathPrefix]) => ({ Action, HTTP: { PathPrefix } }));
          if (Permissions.length > 0) await consul.put("/v1/config", { Kind: "service-defaults", Name: destination, Protocol: "http" });
          const sources = rules.get(destination) ?? new Map<string, unknown>();
          sources.set(source, Permissions.length > 0 ? { Name: source, Permissions } : { Name: source, Action: action });
          rules.set(destination, sources);
          await consul.put("/v1/config", { Kind: "service-intentions", Name: destination, Sources: [...sources.values()] });
        },
        async forget(destination) {
          rules.delete(destination);
          await consul.api(`/v1/config/service-intentions/${encodeURIComponent(destination)}`, { method: "DELETE" });
        },
        async stands(name, well) {
          const check = aCheckInstance(name, { InitialStatus: well ? "passing" : "critical" });
          const service = aServiceInstance(name, { Checks: [check] });
          await catalog.deregister(service.ID, "");
          await catalog.register(withSidecar(service, { Checks: [] }), "");
        },
        async foreign(gateway, service) {
          const Listeners = [{ Port: 9999, Protocol: "tcp", Services: [{ Name: service }] }];
          await consul.put("/v1/config", { Kind: "ingress-gateway", Name: gateway, Listeners });
        },
        async serves(gateway) {
          const all = [...(await entries("ingress-gateway")), ...(await entries("terminating-gateway"))];
          const found = all.find((each) => each.Name === gateway);
          if (found === undefined) return undefined;
          return (found.Listeners?.flatMap(({ Services }) => Services) ?? found.Services ?? []).map(({ Name }) => Name);
        },
        async stamp() {
          const all = [...(await entries("ingress-gateway")), ...(await entries("terminating-gateway"))];
          return all.map(({ Name, ModifyIndex }) => `${Name} ${ModifyIndex}`).join();
        },
        away: async (away) => (away ? network.cut() : network.heal()),
        async close() {
          for (const action of actions) await action();
        },
      };
    },
  });
}
