import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation } from "#model";
import { claimOf, Ledger, schedule } from "#scheduler";
import type { Claim } from "../../../src/scheduler/feasible/fits.ts";
import { Indexes, Names } from "../../../src/scheduler/reconcile/names.ts";
import { aGroup, aJob, aNetwork, aNode, anEvaluation, idsFrom } from "./nouns.ts";
import { World } from "./world.ts";

const newId = idsFrom();

function place(world: World, job: Parameters<typeof aJob>[0]) {
  const wanted = world.addJob(aJob(job));
  const result = schedule(world.snapshot(), anEvaluation(wanted), { placementsMax: 500, newId, nowNs: 0 });
  if (result.Plan !== null) world.commit(result.Plan);
  return result;
}

const withPort = (v: string) => ({ TaskGroups: [aGroup({ Networks: [aNetwork({ http: 80 })], Meta: { v } })] });

test("a port of a stopped allocation stays taken while another that was stopped before still runs on it", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  place(world, withPort("1"));
  assert.equal(place(world, withPort("2")).Plan?.Placements.length, 1, "one generation may follow the other");
  const third = place(world, withPort("3"));
  assert.equal(third.Plan, null, "the first has not ended yet");
  assert.deepEqual(third.Evaluation.FailedTGAllocs["web"]?.DimensionExhausted, { "network: reserved port collision http=80": 1 });
  world.change([...world.allocations.keys()][0] as string, { ClientStatus: "complete" });
  assert.equal(place(world, withPort("3")).Plan?.Placements.length, 1);
});

test("a port the node reserves never comes free", () => {
  const world = new World();
  world.addNode(aNode("m1", { reservedPorts: "80" }));
  const network = aNetwork({ http: 80 });
  const Networks = [{ ...network, ReservedPorts: network.ReservedPorts.map((port) => ({ ...port, IgnoreCollision: true })) }];
  place(world, { TaskGroups: [aGroup({ Networks })] });
  const ledger = new Ledger(world.snapshot());
  const [allocation] = world.allocations.values();
  ledger.release(allocation as Allocation);
  assert.equal(ledger.portIsFree(0, 80, "10.0.0.1"), false);
});

test("what is given back and held again is as before, and giving back twice counts once", () => {
  const world = new World();
  world.addNode(aNode("m1"));
  place(world, { TaskGroups: [aGroup({ cpu: 300, memory: 200, disk: 50, Networks: [aNetwork({ http: 80 })] })] });
  const allocation = [...world.allocations.values()][0] as Allocation;
  const ledger = new Ledger(world.snapshot());
  const now = () => [ledger.cpuUsed[0], ledger.memoryUsed[0], ledger.diskUsed[0], ledger.portIsFree(0, 80, "10.0.0.1")];
  assert.deepEqual(now(), [300, 200, 50, false]);
  ledger.release(allocation);
  ledger.release(allocation);
  assert.deepEqual(now(), [0, 0, 0, true]);
  ledger.hold(allocation);
  assert.deepEqual(now(), [300, 200, 50, false]);
  ledger.take(0, claimOf(allocation.AllocatedResources));
  assert.deepEqual(now(), [600, 400, 100, false]);
});

test("room of an allocation that keeps running because its update fits nowhere is not given to another group", () => {
  const world = new World();
  world.addNode(aNode("m1", { memory: 500 }));
  place(world, { TaskGroups: [aGroup({ memory: 300 })] });
  const result = place(world, { TaskGroups: [aGroup({ memory: 600 }), aGroup({ Name: "other", memory: 300 })] });
  assert.equal(result.Plan, null);
  assert.deepEqual(Object.keys(result.Evaluation.FailedTGAllocs), ["web", "other"]);
});

test("names: the same again if it is free, else the lowest free one", () => {
  const used = new Indexes();
  for (const index of [0, 2]) used.add(index);
  const names = new Names("app", "web", used);
  assert.deepEqual(
    [names.again("app.web[5]"), names.again("app.web[5]"), names.next(), names.again("app.web[0]"), names.again("nonsense"), names.next()],
    ["app.web[5]", "app.web[1]", "app.web[3]", "app.web[4]", "app.web[6]", "app.web[7]"],
  );
});

test("a core that another holds does not fit, and the reason counts the free ones", () => {
  const world = new World();
  world.addNode(aNode("m1", { cores: 4 }));
  const ledger = new Ledger(world.snapshot());
  const claim: Claim = { cpu: 0, cores: [0, 1], memory: 0, disk: 0, ports: [], devices: [] };
  assert.equal(ledger.shortfall(0, claim), undefined);
  ledger.take(0, { ...claim, cores: [1] });
  assert.deepEqual(ledger.shortfall(0, claim), { dimension: "cores", wanted: 2, free: 1 });
  assert.deepEqual(
    ledger.shortfall(0, { ...claim, cores: [9] }),
    { dimension: "cores", wanted: 1, free: 0 },
    "a core the node does not have",
  );
});
