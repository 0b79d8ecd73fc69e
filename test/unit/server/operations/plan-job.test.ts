import assert from "node:assert/strict";
import { test } from "node:test";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside } from "../inside.ts";

test("planJob() of a new job says what would be created, from index 0, and writes nothing", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const before = world.cluster.state.digest();
    const plan = await world.server.planJob({ Job: jobOf({ id: "web", count: 3 }), Diff: true });
    assert.equal(plan.JobModifyIndex, 0);
    assert.equal(plan.Annotations?.DesiredTGUpdates["group"]?.Place, 3);
    assert.deepEqual(plan.FailedTGAllocs, {});
    assert.equal(plan.Diff?.Type, "Added");
    assert.deepEqual(plan.Diff?.TaskGroups[0]?.Updates, { create: 3 });
    assert.deepEqual(plan.Diff?.TaskGroups[0]?.Tasks[0]?.Annotations, ["forces create"]);
    assert.equal(world.cluster.state.digest(), before);
  }));

test("planJob() of an unchanged job says that nothing changes", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const { JobModifyIndex } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    const plan = await world.server.planJob({ Job: jobOf({ id: "web", count: 2 }), Diff: true });
    assert.equal(plan.JobModifyIndex, JobModifyIndex);
    assert.equal(plan.Diff?.Type, "None");
    const { Ignore, Place, Stop, Migrate, InPlaceUpdate, DestructiveUpdate } = plan.Annotations?.DesiredTGUpdates["group"] ?? {};
    assert.deepEqual([Ignore, Place, Stop, Migrate, InPlaceUpdate, DestructiveUpdate], [2, 0, 0, 0, 0, 0]);
  }));

test("planJob() tells replacing from updating in place", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2, environment: { version: "1" } }) });
    await world.clock.advance(1_000);
    const replacing = await world.server.planJob({ Job: jobOf({ id: "web", count: 2, environment: { version: "2" } }), Diff: true });
    // max_parallel is 1: the other one comes later.
    assert.equal(replacing.Annotations?.DesiredTGUpdates["group"]?.DestructiveUpdate, 1);
    assert.deepEqual(replacing.Diff?.TaskGroups[0]?.Updates, { "create/destroy update": 1, ignore: 1 });
    const scaling = await world.server.planJob({ Job: jobOf({ id: "web", count: 4, environment: { version: "1" } }), Diff: true });
    assert.equal(scaling.Annotations?.DesiredTGUpdates["group"]?.Place, 2);
    assert.equal(scaling.Annotations?.DesiredTGUpdates["group"]?.InPlaceUpdate, 2);
  }));

test("planJob() of a job that fits nowhere says which group failed and why", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1", memoryMB: 1_000 });
    const plan = await world.server.planJob({ Job: jobOf({ id: "hog", count: 1, memoryMB: 2_000 }), Diff: false });
    assert.equal(plan.Diff, null);
    assert.equal(plan.FailedTGAllocs["group"]?.NodesExhausted, 1);
    assert.deepEqual(plan.FailedTGAllocs["group"]?.DimensionExhausted, { memory: 1 });
    assert.equal(plan.CreatedEvals[0]?.Status, "blocked");
    assert.equal([...world.cluster.state.snapshot().evaluations()].length, 0);
  }));

test("a system job that changes nothing is counted as left alone", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const job = jobOf({ id: "everywhere", type: "system", count: 1 });
    await world.server.registerJob({ Job: job });
    await world.clock.advance(1_000);
    const planned = await world.server.planJob({ Job: job, Diff: true });
    assert.equal(planned.Annotations?.DesiredTGUpdates["group"]?.Ignore, 1);
    assert.deepEqual(planned.Diff?.TaskGroups[0]?.Updates, { ignore: 1 });
  }));
