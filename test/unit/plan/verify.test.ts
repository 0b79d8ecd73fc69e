/** One story per reason a plan is refused for, or not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, Node, Plan } from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { aGroup, aJob, aNetwork, aNode, anEvaluation, idsFrom } from "../scheduler/nouns.ts";
import { World } from "../scheduler/world.ts";

const newId = idsFrom("p");

function planFor(world: World, job: Job): Plan {
  return schedule(world.snapshot(), anEvaluation(job), { placementsMax: 500, newId, nowNs: 0 }).Plan ?? assert.fail("no plan");
}

function worldOf(...nodes: Node[]): World {
  const world = new World();
  for (const node of nodes) world.addNode(node);
  return world;
}

test("a plan nothing has changed under is kept as it is", () => {
  const world = worldOf(aNode("m1"), aNode("m2"));
  const plan = planFor(world, world.addJob(aJob({ TaskGroups: [aGroup({ Count: 3 })] })));
  assert.deepEqual(verifyPlan(world.snapshot(), plan), { Plan: plan, Rejected: {}, Full: true });
});

test("placements on a node that went, is down or became ineligible are taken out, the others stay", () => {
  const world = worldOf(aNode("m1"), aNode("m2"));
  const plan = planFor(world, world.addJob(aJob({ TaskGroups: [aGroup({ Count: 4 })] })));
  const m1 = world.nodes.get("node-m1") as Node;
  for (const [change, reason] of [
    [() => world.nodes.delete("node-m1"), "node does not exist"],
    [() => world.nodes.set("node-m1", { ...m1, Status: "down" }), "node is down"],
    [() => world.nodes.set("node-m1", { ...m1, SchedulingEligibility: "ineligible" }), "node is not eligible"],
  ] as const) {
    change();
    const verified = verifyPlan(world.snapshot(), plan);
    assert.deepEqual(verified.Rejected, { "node-m1": reason });
    assert(!verified.Full);
    assert.deepEqual([...new Set(verified.Plan.Placements.map((placement) => placement.NodeID))], ["node-m2"]);
  }
});

test("room another plan took is seen, committed or in flight", () => {
  const world = worldOf(aNode("m1", { memory: 300 }));
  const first = planFor(world, world.addJob(aJob({ ID: "a", TaskGroups: [aGroup({ memory: 200 })] })));
  const second = planFor(world, world.addJob(aJob({ ID: "b", TaskGroups: [aGroup({ memory: 200 })] })));
  assert.deepEqual(verifyPlan(world.snapshot(), second, [first]).Rejected, { "node-m1": "memory" });
  world.commit(first);
  assert.deepEqual(verifyPlan(world.snapshot(), second).Rejected, { "node-m1": "memory" });
  const small = planFor(world, world.addJob(aJob({ ID: "c", TaskGroups: [aGroup({ memory: 100 })] })));
  assert(verifyPlan(world.snapshot(), small, [first]).Full, "a plan in flight that the snapshot has already counts once");
});

test("a port another plan took is seen: a static port is given once a node (F55)", () => {
  const world = worldOf(aNode("m1"));
  const fields = { TaskGroups: [aGroup({ Networks: [aNetwork({ http: 80 })] })] };
  const first = planFor(world, world.addJob(aJob({ ID: "a", ...fields })));
  const second = planFor(world, world.addJob(aJob({ ID: "b", ...fields })));
  assert.deepEqual(verifyPlan(world.snapshot(), second, [first]).Rejected, { "node-m1": "network: reserved port collision http=80" });
});

test("a name is given out once (F7)", () => {
  const world = worldOf(aNode("m1"), aNode("m2"));
  const job = world.addJob(aJob());
  const first = planFor(world, job);
  const second = planFor(world, job);
  const node = second.Placements[0]?.NodeID as string;
  assert.deepEqual(verifyPlan(world.snapshot(), second, [first]).Rejected, { [node]: 'allocation name "app.web[0]" is taken' });
  world.commit(first);
  assert.deepEqual(verifyPlan(world.snapshot(), second).Rejected, { [node]: 'allocation name "app.web[0]" is taken' });
});

test("a plan for a version that is no longer wanted is refused, its stops are not", () => {
  const world = worldOf(aNode("m1"));
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Name: "old" })] }));
  world.commit(planFor(world, job));
  const plan = planFor(world, world.addJob(aJob({ TaskGroups: [aGroup({ Name: "new" })] })));
  world.addJob(aJob({ TaskGroups: [aGroup({ Name: "newer" })] }));
  const verified = verifyPlan(world.snapshot(), plan);
  assert.deepEqual(verified.Rejected, { "node-m1": "job was changed" });
  assert.deepEqual([verified.Plan.Placements.length, verified.Plan.Stops.length], [0, 1]);
  world.jobs.delete(job.ID);
  assert.deepEqual(verifyPlan(world.snapshot(), plan).Rejected, { "node-m1": "job does not exist any more" });
});

test("an update whose new place is refused keeps the old allocation running, and what relied on that room is refused too", () => {
  const world = worldOf(aNode("m1", { memory: 200, Meta: { side: "left" } }));
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ memory: 200 }), aGroup({ Name: "other", Count: 0, memory: 200 })] }));
  world.commit(planFor(world, job));
  world.addNode(aNode("m2", { Meta: { side: "right" } }));
  // The old web goes from m1 to m2, and other takes its room on m1.
  const right = [{ LTarget: "${meta.side}", Operand: "=", RTarget: "right" }];
  const left = [{ LTarget: "${meta.side}", Operand: "=", RTarget: "left" }];
  const next = world.addJob(
    aJob({
      TaskGroups: [
        aGroup({ memory: 200, Constraints: right, Meta: { v: "2" } }),
        aGroup({ Name: "other", memory: 200, Constraints: left }),
      ],
    }),
  );
  const plan = planFor(world, next);
  assert.deepEqual(
    plan.Placements.map((placement) => [placement.TaskGroup, placement.NodeName]),
    [
      ["web", "m2"],
      ["other", "m1"],
    ],
  );
  world.nodes.delete("node-m2");
  const verified = verifyPlan(world.snapshot(), plan);
  assert.deepEqual(verified.Rejected, { "node-m2": "node does not exist", "node-m1": "memory" });
  assert.deepEqual([verified.Plan.Stops, verified.Plan.Placements], [[], []]);
});

test("what was lost is marked lost even if its replacement is refused", () => {
  const world = worldOf(aNode("m1"));
  const job = world.addJob(aJob());
  world.commit(planFor(world, job));
  world.nodes.set("node-m1", { ...(world.nodes.get("node-m1") as Node), Status: "down" });
  world.addNode(aNode("m2"));
  const plan = planFor(world, job);
  world.nodes.delete("node-m2");
  const verified = verifyPlan(world.snapshot(), plan);
  assert.deepEqual(
    verified.Plan.Stops.map((stop) => stop.ClientStatus),
    ["lost"],
  );
  assert.equal(verified.Plan.Placements.length, 0);
});

test("all at once is all or nothing", () => {
  const world = worldOf(aNode("m1"), aNode("m2"));
  const plan = planFor(world, world.addJob(aJob({ AllAtOnce: true, TaskGroups: [aGroup({ Count: 4 })] })));
  world.nodes.delete("node-m1");
  const verified = verifyPlan(world.snapshot(), plan);
  assert.equal(verified.Plan.Placements.length, 0);
  assert.deepEqual(verified.Rejected, { "node-m1": "node does not exist" });
});

test("an in-place update of an allocation that is over by now is refused", () => {
  const world = worldOf(aNode("m1"));
  world.commit(planFor(world, world.addJob(aJob())));
  const plan = planFor(world, world.addJob(aJob({ Priority: 70 })));
  const [update] = plan.InPlaceUpdates;
  assert(update !== undefined);
  world.change(update.ID, { ClientStatus: "failed" });
  assert.deepEqual(verifyPlan(world.snapshot(), plan).Rejected, { "node-m1": "allocation to update is over" });
  world.allocations.delete(update.ID);
  assert.deepEqual(verifyPlan(world.snapshot(), plan).Rejected, { "node-m1": "allocation to update does not exist" });
});

test("room a plan in flight would make is not given out before it is made", () => {
  const world = worldOf(aNode("m1", { memory: 300 }));
  const job = world.addJob(aJob({ ID: "a", TaskGroups: [aGroup({ memory: 200 })] }));
  world.commit(planFor(world, job));
  const other = world.addJob(aJob({ ID: "b", TaskGroups: [aGroup({ memory: 200 })] }));
  const stopping = planFor(world, world.addJob({ ...job, Stop: true }));
  const after = new World();
  after.addNode(aNode("m1", { memory: 300 }));
  after.jobs.set("b", other);
  const hopeful = planFor(after, other);
  assert.deepEqual(verifyPlan(world.snapshot(), hopeful, [stopping]).Rejected, { "node-m1": "memory" });
});

test("what another plan stops gives this one no room, in flight no more than committed", () => {
  const world = worldOf(aNode("m1", { memory: 300 }));
  const one = aGroup({ memory: 200 });
  world.commit(planFor(world, world.addJob(aJob({ TaskGroups: [one] }))));
  const next = world.addJob(aJob({ TaskGroups: [aGroup({ memory: 250 })] }));
  const plan = planFor(world, next);
  const stopping: Plan = { ...plan, Placements: [] };
  assert(verifyPlan(world.snapshot(), plan).Full);
  assert.deepEqual(verifyPlan(world.snapshot(), plan, [stopping]).Rejected, { "node-m1": "memory" });
  world.commit(stopping);
  assert.deepEqual(verifyPlan(world.snapshot(), plan).Rejected, { "node-m1": "memory" });
});
