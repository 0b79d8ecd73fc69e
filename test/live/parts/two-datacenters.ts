/** Two datacenters of Consul that know each other (their servers are joined over the WAN), each with a host, a Drover and a mesh of its own; one authority signs for both. */
import type { TestContext } from "node:test";
import { eventually } from "../real-agent.ts";
import type { IsolatedHost } from "./isolated-host.ts";
import { startMeshWorld, type MeshWorld } from "./mesh-world.ts";
import { startNetworkWorld } from "./network-world.ts";
import { freePorts } from "./ports.ts";

/** "dc1", where the authority is, and "dc2". */
export async function startTwoDatacenters(t: TestContext): Promise<readonly [MeshWorld, MeshWorld]> {
  const network = await startNetworkWorld(t, { hosts: 2 });
  const [near, far] = network.hosts as readonly [IsolatedHost, IsolatedHost];
  const [wan = 0] = await freePorts(1);
  const consul = { primary_datacenter: "dc1", ports: { serf_wan: wan } };
  const client = 'host_network "public" {\n    interface = "eth0"\n  }';
  const first = await startMeshWorld(t, { on: { network, hosts: [near] }, datacenter: "dc1", consul, client });
  const joined = { ...consul, retry_join_wan: [`${near.address}:${wan}`], retry_interval_wan: "1s" };
  const second = await startMeshWorld(t, { on: { network, hosts: [far] }, datacenter: "dc2", consul: joined, client });
  const roots = async (world: MeshWorld): Promise<string> => {
    const { ActiveRootID } = await world.consul.get<{ ActiveRootID: string }>("/v1/connect/ca/roots");
    return ActiveRootID;
  };
  await eventually(
    "both datacenters to know each other and to have one authority",
    async () => {
      const known = await Promise.all([first, second].map((each) => each.consul.get<string[]>("/v1/catalog/datacenters")));
      return known.every((names) => names.length === 2) && (await roots(first)) !== "" && (await roots(first)) === (await roots(second));
    },
    30_000,
  );
  return [first, second];
}
