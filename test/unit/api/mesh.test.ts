/** Networks and the mesh over HTTP: preflight of a node, proxies of an allocation, may one service call another; networks of nodes and allocations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiOptions } from "#api/server";
import { aNode, anAllocation, aJob, createWorld } from "./fake-world.ts";

function worldOf(context: { after(end: () => Promise<void>): void }, more: Partial<ApiOptions> = {}) {
  const world = createWorld(more);
  context.after(() => world.api.close());
  return { ...world, get: (url: string) => world.api.inject({ method: "GET", url }) };
}

test("GET /v1/client/preflight asks the node that is named; without one the agent's own, and says so when it has none", async (context) => {
  const { get, services } = worldOf(context);
  const finding = {
    what: "cni-plugins",
    standing: "missing" as const,
    problem: "no bridge",
    fix: "apt-get install containernetworking-plugins",
  };
  services.preflight = async () => [finding] as never[];
  assert.deepEqual((await get("/v1/client/preflight?node_id=n1")).json(), [finding]);
  assert.equal((await get("/v1/client/preflight")).statusCode, 400);
  assert.equal((await get("/v1/client/preflight?node_id=other")).statusCode, 404);
});

test("GET /v1/client/allocation/:id/mesh asks the allocation's node", async (context) => {
  const { get, services } = worldOf(context);
  services.mesh = async () => ({ Proxies: [], Intentions: [], IntentionsProblem: "no Consul" });
  assert.deepEqual((await get("/v1/client/allocation/a1/mesh")).json(), { Proxies: [], Intentions: [], IntentionsProblem: "no Consul" });
  assert.equal((await get("/v1/client/allocation/none/mesh")).statusCode, 404);
});

test("GET /v1/mesh/check wants both names, and asks for the namespace given", async (context) => {
  const { get, asked } = worldOf(context);
  for (const query of ["", "?source=web", "?destination=api", "?source=%20&destination=api"]) {
    const refused = await get(`/v1/mesh/check${query}`);
    assert.equal(refused.statusCode, 400, query);
    assert.match(refused.body, /source and \?destination must both name a service/);
  }
  assert.equal((await get("/v1/mesh/check?source=web&destination=api&namespace=team")).statusCode, 200);
  assert.deepEqual(asked.at(-1), { operation: "checkMesh", arguments: ["web", "api", "team"] });
});

test("a node's networks are shown with their addresses and what ports ask for them by", async (context) => {
  const { get, state } = worldOf(context);
  const network = (Mode: string, Device: string, IP: string) => ({ Mode, Device, CIDR: "", IP, MBits: 1000 });
  const named = (Name: string, Interface: string, ...Addresses: string[]) => ({
    Name,
    CIDR: "",
    Interface,
    ReservedPorts: "22",
    Addresses,
  });
  const plain = aNode("n1");
  state.nodes = [
    {
      ...plain,
      NodeResources: { ...plain.NodeResources, Networks: [network("host", "eth0", "10.0.0.5"), network("bridge", "nomad", "")] },
      HostNetworks: {
        private: named("private", "eth0", "10.0.0.5"),
        six: named("six", "eth1", "2001:db8::1"),
        any: named("any", "", "10.9.0.1"),
      },
    },
  ];
  const node = (await get("/v1/node/n1")).json<{
    NodeResources: { NodeNetworks: { Mode: string; Device: string; Addresses: { Alias: string; Address: string; Family: string }[] }[] };
    HostNetworks: Record<string, { Name: string; Interface: string; ReservedPorts: string }>;
  }>();
  assert.deepEqual(
    node.NodeResources.NodeNetworks.map(({ Mode, Device, Addresses }) => [
      Mode,
      Device,
      Addresses.map((each) => `${each.Alias} ${each.Family} ${each.Address}`),
    ]),
    [
      ["host", "eth0", ["default ipv4 10.0.0.5", "private ipv4 10.0.0.5", "any ipv4 10.9.0.1"]],
      ["bridge", "nomad", []],
      ["host", "eth1", ["six ipv6 2001:db8::1"]],
    ],
  );
  assert.deepEqual([node.HostNetworks["six"]?.Interface, node.HostNetworks["six"]?.ReservedPorts], ["eth1", "22"]);
});

test("an allocation says what its network is, null while it has none", async (context) => {
  const { get, state } = worldOf(context);
  const status = { InterfaceName: "eth0", Address: "172.26.64.7", AddressIPv6: "", DNS: null };
  assert.equal((await get("/v1/allocation/a1")).json<{ NetworkStatus: unknown }>().NetworkStatus, null);
  state.allocations = [anAllocation("a1", aJob("web"), { NetworkStatus: status })];
  assert.deepEqual((await get("/v1/allocation/a1")).json<{ NetworkStatus: unknown }>().NetworkStatus, status);
});
