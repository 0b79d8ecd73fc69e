import { createMemoryMesh } from "#integrations/memory";
import type { MeshInstance } from "#ports";
import { ingressTo, meshConformance } from "./mesh.ts";

meshConformance({
  name: "memory",
  async make() {
    const mesh = createMemoryMesh();
    const instance = (id: string, failing: readonly string[]): MeshInstance => ({
      id,
      node: "n1",
      address: "127.0.0.1",
      port: 1,
      status: failing.length === 0 ? "passing" : "critical",
      failing,
    });
    return {
      mesh,
      async rule(source, destination, action, permissions = []) {
        const exact = [destination, source].filter((name) => name !== "*").length;
        const kept = mesh.rules.filter((each) => each.source !== source || each.destination !== destination);
        const lines = permissions.map(([what, prefix]) => `${what} ${prefix}*`);
        const rule = {
          source,
          destination,
          action: lines.length > 0 ? "permissions" : action,
          permissions: lines,
          precedence: 5 + exact,
          declared: true,
        } as const;
        mesh.rules.splice(0, mesh.rules.length, ...kept, rule);
      },
      async forget(destination) {
        mesh.rules.splice(0, mesh.rules.length, ...mesh.rules.filter((each) => each.destination !== destination));
      },
      async stands(name, well) {
        const failing = well ? [] : [`${name} lives: it does not`];
        mesh.services.set(name, {
          name,
          protocol: "tcp",
          instances: [instance(name, failing)],
          proxies: [instance(`${name}-sidecar-proxy`, failing)],
        });
      },
      async foreign(gateway, service) {
        const [listener] = ingressTo(service).Ingress?.Listeners ?? [];
        const Listeners = listener === undefined ? [] : [{ ...listener, Port: 9999 }];
        mesh.entries.set(gateway, { namespace: "", jobId: "", definition: { ...ingressTo(), Ingress: { TLS: null, Listeners } } });
      },
      async serves(gateway) {
        const definition = mesh.entries.get(gateway)?.definition;
        if (definition === undefined) return undefined;
        const behind = definition.Ingress?.Listeners.flatMap(({ Services }) => Services) ?? definition.Terminating?.Services ?? [];
        return behind.map(({ Name }) => Name);
      },
      stamp: async () => String(mesh.written.length),
      away: async (away) => void (mesh.away = away),
      close: async () => undefined,
    };
  },
});
