/** Ports are had by address: what one host network gives out is free on the others. nomad.md §6.3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation, HostNetwork, Network, Plan } from "#model";
import { verifyPlan } from "#plan";
import { Ledger, schedule } from "#scheduler";
import { aGroup, aJob, aNetwork, aNode, anEvaluation, idsFrom } from "./nouns.ts";
import { World } from "./world.ts";

const PUBLIC: HostNetwork = {
  Name: "public",
  CIDR: "",
  Interface: "eth1",
  ReservedPorts: "8443",
  Addresses: ["203.0.113.7", "203.0.113.8"],
};
const on = (name: string, network: Network): Network => ({
  ...network,
  ReservedPorts: network.ReservedPorts.map((port) => ({ ...port, HostNetwork: name })),
  DynamicPorts: network.DynamicPorts.map((port) => ({ ...port, HostNetwork: name })),
});
const newId = idsFrom();

function plan(world: World, id: string, network: Network, fields: object = {}) {
  const job = world.addJob(aJob({ ID: id, Name: id, TaskGroups: [aGroup({ Networks: [network], ...fields })] }));
  return schedule(world.snapshot(), anEvaluation(job, { ID: `eval-${id}` as never }), { placementsMax: 500, newId, nowNs: 0 });
}
function place(world: World, id: string, network: Network, fields: object = {}): readonly Allocation[] | string {
  const result = plan(world, id, network, fields);
  const [failed] = Object.values(result.Evaluation.FailedTGAllocs);
  if (result.Plan === null) return Object.keys({ ...failed?.ConstraintFiltered, ...failed?.DimensionExhausted })[0] ?? "nothing";
  world.commit(result.Plan);
  return [...world.allocations.values()].filter((each) => each.JobID === id);
}
const portsOf = (placed: readonly Allocation[] | string) => {
  assert.ok(typeof placed !== "string", `placed, not ${String(placed)}`);
  return placed.flatMap((each) => each.AllocatedResources.Shared.Ports.map(({ Label, Value, To, HostIP }) => [Label, Value, To, HostIP]));
};

test("a static port is free on one host network though another has given it out, and taken where it was given out", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { public: PUBLIC } }));
  assert.deepEqual(portsOf(place(world, "a", aNetwork({ http: 80 }))), [["http", 80, 0, "10.0.0.1"]]);
  assert.deepEqual(portsOf(place(world, "b", on("public", aNetwork({ http: 80 })))), [["http", 80, 0, "203.0.113.7"]]);
  assert.equal(place(world, "c", aNetwork({ http: 80 })), "network: reserved port collision http=80");
  assert.equal(place(world, "d", on("public", aNetwork({ http: 80 }))), "network: reserved port collision http=80");
});

test("a host network keeps its reserved ports for itself, at its addresses alone", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { public: PUBLIC } }));
  assert.equal(place(world, "a", on("public", aNetwork({ https: 8443 }))), "network: reserved port collision https=8443");
  assert.deepEqual(portsOf(place(world, "b", aNetwork({ https: 8443 }))), [["https", 8443, 0, "10.0.0.1"]]);
});

test("a name of the node's own address is that address", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { same: { ...PUBLIC, Name: "same", Addresses: ["10.0.0.1"] } } }));
  place(world, "a", aNetwork({ http: 80 }));
  assert.equal(place(world, "b", on("same", aNetwork({ http: 80 }))), "network: reserved port collision http=80");
});

test("two ports of one group at one number need two addresses: on a node where the names mean one, they collide", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { same: { ...PUBLIC, Name: "same", Addresses: ["10.0.0.1"] }, public: PUBLIC } }));
  const both = (name: string): Network => {
    const [here, there] = [aNetwork({ here: 80 }), on(name, aNetwork({ there: 80 }))];
    return { ...here, ReservedPorts: [...here.ReservedPorts, ...there.ReservedPorts] };
  };
  assert.equal(place(world, "a", both("same")), "network: reserved port collision there=80");
  assert.deepEqual(portsOf(place(world, "b", both("public"))), [
    ["here", 80, 0, "10.0.0.1"],
    ["there", 80, 0, "203.0.113.7"],
  ]);
});

test("on a node without an address of its own a port is everywhere: a dynamic one is none that a host network has or keeps", () => {
  const world = new World();
  const node = aNode("m1", { dynamicPorts: [20_000, 20_003], HostNetworks: { public: { ...PUBLIC, ReservedPorts: "20000" } } });
  world.addNode({ ...node, NodeResources: { ...node.NodeResources, Networks: [] } });
  const network = aNetwork({ any: 0 });
  const mixed = { ...network, ReservedPorts: on("public", aNetwork({ there: 20_001 })).ReservedPorts };
  assert.deepEqual(portsOf(place(world, "a", mixed)).toSorted(), [
    ["any", 20_002, 0, ""],
    ["there", 20_001, 0, "203.0.113.7"],
  ]);
  const full = new World();
  full.addNode({ ...node, NodeResources: { ...node.NodeResources, MaxDynamicPort: 20_002, Networks: [] } });
  assert.equal(place(full, "a", mixed), "network: dynamic port selection failed");
});

test("the dynamic range is there once for each address", () => {
  const world = new World();
  world.addNode(aNode("m1", { dynamicPorts: [20_000, 20_001], HostNetworks: { public: PUBLIC } }));
  assert.deepEqual(portsOf(place(world, "a", aNetwork({ a: 0 }))), [["a", 20_000, 0, "10.0.0.1"]]);
  assert.deepEqual(portsOf(place(world, "b", on("public", aNetwork({ a: 0 })))), [["a", 20_000, 0, "203.0.113.7"]]);
  assert.equal(place(world, "c", aNetwork({ a: 0 })), "network: dynamic port selection failed");
});

test("a node without the network, or whose network has no address, is not taken, and says so", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  assert.equal(place(world, "a", on("public", aNetwork({ http: 0 }))), `missing host network "public" for port "http"`);
  assert.equal(place(world, "b", aNetwork({ http: 0 }, { Mode: "bridge" })), "missing network");
  const down = new World();
  down.addNode(aNode("m1", { HostNetworks: { public: { ...PUBLIC, Addresses: [] } } }));
  assert.equal(place(down, "a", on("public", aNetwork({ http: 0 }))), `no addresses available for "public" network`);
});

test("a host network may be named by the node", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { public: PUBLIC }, Meta: { outside: "public" } }));
  assert.deepEqual(portsOf(place(world, "a", on("${meta.outside}", aNetwork({ http: 80 })))), [["http", 80, 0, "203.0.113.7"]]);
});

test("ports of a bridge are ports of the host, and -1 inside is the host's number", () => {
  const world = new World();
  world.addNode(aNode("m1", { bridge: true }));
  const network = aNetwork({ http: 80, mesh: 0 }, { Mode: "bridge" });
  const inside = { ...network, DynamicPorts: network.DynamicPorts.map((port) => ({ ...port, To: -1 })) };
  const [http, mesh] = portsOf(place(world, "a", inside));
  assert.deepEqual(http, ["http", 80, 0, "10.0.0.1"]);
  assert.equal(mesh?.[1], mesh?.[2]);
  assert.equal(place(world, "b", aNetwork({ other: 80 })), "network: reserved port collision other=80");
});

test("the plan check agrees: two plans for one port at two addresses both hold, at one address the second is refused", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { public: PUBLIC } }));
  const first = plan(world, "a", aNetwork({ http: 80 })).Plan as Plan;
  const elsewhere = plan(world, "b", on("public", aNetwork({ http: 80 }))).Plan as Plan;
  const same = plan(world, "c", aNetwork({ http: 80 })).Plan as Plan;
  world.commit(first);
  assert.equal(verifyPlan(world.snapshot(), elsewhere).Full, true);
  assert.deepEqual(Object.values(verifyPlan(world.snapshot(), same).Rejected), ["network: reserved port collision http=80"]);
});

test("what is given back at one address comes free there and nowhere else", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { public: PUBLIC } }));
  const [here] = place(world, "a", aNetwork({ http: 80 })) as readonly Allocation[];
  place(world, "b", on("public", aNetwork({ http: 80 })));
  const ledger = new Ledger(world.snapshot());
  const free = () => ["10.0.0.1", "203.0.113.7", "203.0.113.8"].map((address) => ledger.portIsFree(0, 80, address));
  assert.deepEqual(free(), [false, false, true]);
  ledger.release(here as Allocation);
  assert.deepEqual(free(), [true, false, true]);
});

test("a port that its network keeps for itself by now does not come free when who had it goes", () => {
  const world = new World();
  const node = aNode("m1", { HostNetworks: { public: { ...PUBLIC, ReservedPorts: "" } } });
  world.addNode(node);
  const [held] = place(world, "a", on("public", aNetwork({ https: 8443 }))) as readonly Allocation[];
  world.addNode({ ...node, HostNetworks: { public: PUBLIC } });
  const ledger = new Ledger(world.snapshot());
  ledger.release(held as Allocation);
  assert.equal(ledger.portIsFree(0, 8443, "203.0.113.7"), false);
});

test("who has a port is named by the address it is wanted at", () => {
  const world = new World();
  world.addNode(aNode("m1", { HostNetworks: { public: PUBLIC } }));
  place(world, "a", aNetwork({ http: 80 }));
  place(world, "b", on("public", aNetwork({ http: 80 })));
  const heldBy = (network: Network, id: string) =>
    Object.values(plan(world, id, network).Evaluation.FailedTGAllocs)[0]?.NearestFit?.HeldBy?.JobID;
  assert.deepEqual([heldBy(aNetwork({ http: 80 }), "c"), heldBy(on("public", aNetwork({ http: 80 })), "d")], ["a", "b"]);
});
