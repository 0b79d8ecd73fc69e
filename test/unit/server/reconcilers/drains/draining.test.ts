import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node, NodeId } from "#model";
import { NamedError } from "#std";
import { jobOf, type JobShape } from "../../../../simulation/fixtures.ts";
import type { SimulatedNode } from "../../../../simulation/node.ts";
import type { World } from "../../../../simulation/world.ts";
import { inside, statuses } from "../../inside.ts";

const SECOND = 1e9;
const HOUR = 3600 * SECOND;
const drainSpec = (Deadline: number, IgnoreSystemJobs = false) => ({
  Drain: { Deadline, IgnoreSystemJobs },
  MarkEligible: false,
  Meta: {},
});
const stopDrain = (MarkEligible: boolean) => ({ Drain: null, MarkEligible, Meta: {} });

const record = (world: World, node: SimulatedNode): Node => {
  const stored = world.cluster.state.snapshot().node(node.id);
  assert.ok(stored !== undefined);
  return stored;
};
/** "running running": what runs on the node, by the node's own word. */
const held = (node: SimulatedNode) => [...node.allocations.values()].filter(({ status }) => status === "running").length;
const events = (world: World, node: SimulatedNode) =>
  record(world, node)
    .Events.filter((event) => event.Subsystem === "Drain")
    .map((event) => event.Message);
const register = (world: World, shape: Partial<JobShape> = {}) =>
  world.server.registerJob({ Job: jobOf({ id: "web", count: 3, ...shape }) });

/** One node that has everything, and another that has room for it. */
async function onOneNode(
  shapes: readonly Partial<JobShape>[],
  play: (world: World, full: SimulatedNode, other: SimulatedNode) => Promise<void>,
  stopMs = 0,
): Promise<void> {
  await inside({}, async (world) => {
    const full = await world.addNode({ name: "full" }, { stopMs });
    for (const shape of shapes) await register(world, shape);
    await world.clock.advance(60_000);
    const other = await world.addNode({ name: "other" });
    await world.clock.advance(1_000);
    await play(world, full, other);
  });
}

test("a drain moves services one by one, each when the last is well, and completes when the node is empty", () =>
  onOneNode([{}], async (world, full, other) => {
    let least = Infinity;
    world.cluster.state.watch.subscribe(() => {
      least = Math.min(
        least,
        statuses(world, "web")
          .split(" ")
          .filter((each) => each === "running").length,
      );
    });
    await world.server.drainNode(full.id, { ...drainSpec(HOUR), Meta: { why: "new disks" } });
    const draining = record(world, full);
    assert.deepEqual([draining.SchedulingEligibility, draining.LastDrain?.Status], ["ineligible", "draining"]);
    await world.clock.advance(5_000);
    assert.deepEqual([held(full), held(other)], [2, 1]);
    await world.clock.advance(60_000);
    assert.deepEqual([held(full), held(other)], [0, 3]);
    assert.equal(least, 2);
    const drained = record(world, full);
    assert.deepEqual([drained.DrainStrategy, drained.SchedulingEligibility], [null, "ineligible"]);
    assert.deepEqual([drained.LastDrain?.Status, drained.LastDrain?.Meta], ["complete", { why: "new disks" }]);
    assert.deepEqual(events(world, full), ["Node drain strategy set", "Node drain complete"]);
    const triggers = [...world.cluster.state.snapshot().evaluationsByJob("default", "web")].map((each) => each.TriggeredBy);
    assert.ok(triggers.includes("node-drain"), triggers.join());
  }));

test("a drain is complete only when every process has exited, however long that takes (F56)", () =>
  onOneNode(
    [{ count: 1 }],
    async (world, full) => {
      await world.server.drainNode(full.id, drainSpec(-1));
      await world.clock.advance(590_000);
      assert.equal(record(world, full).LastDrain?.Status, "draining");
      assert.equal(held(full), 1, "the process takes its time to stop");
      await world.clock.advance(15_000);
      assert.equal(held(full), 0);
      assert.equal(record(world, full).LastDrain?.Status, "complete");
    },
    600_000,
  ));

test("at its deadline a drain takes everything at once", () =>
  onOneNode([{ migrate: { MaxParallel: 1, MinHealthyTime: 600 * SECOND, HealthyDeadline: 900 * SECOND } }], async (world, full, other) => {
    await world.server.drainNode(full.id, drainSpec(60 * SECOND));
    await world.clock.advance(59_000);
    assert.equal(held(full), 2);
    await world.clock.advance(5_000);
    assert.deepEqual([held(full), held(other)], [0, 3]);
    const done = record(world, full).Events.at(-1);
    assert.deepEqual([done?.Message, done?.Details], ["Node drain complete", { deadline_reached: "true" }]);
  }));

test("batch work may end by itself until the deadline, then it is cut off and not placed again", () =>
  onOneNode([{ id: "batch", type: "batch", count: 2 }], async (world, full, other) => {
    await world.server.drainNode(full.id, drainSpec(120 * SECOND));
    await world.clock.advance(60_000);
    assert.equal(held(full), 2);
    const [first] = [...full.allocations.keys()];
    assert.ok(first !== undefined);
    full.finish(first, "complete");
    await world.clock.advance(70_000);
    assert.deepEqual([held(full), held(other)], [0, 0]);
    assert.equal(record(world, full).LastDrain?.Status, "complete");
  }));

test("a drain without deadline waits for batch work as long as it takes", () =>
  onOneNode([{ id: "batch", type: "batch", count: 1 }], async (world, full) => {
    await world.server.drainNode(full.id, drainSpec(0));
    await world.clock.advance(3_600_000);
    assert.deepEqual([held(full), record(world, full).LastDrain?.Status], [1, "draining"]);
    for (const id of full.allocations.keys()) full.finish(id, "complete");
    await world.clock.advance(2_000);
    assert.equal(record(world, full).LastDrain?.Status, "complete");
  }));

test("system jobs leave last, or stay when they are ignored", () =>
  onOneNode([{ count: 2 }, { id: "agent", type: "system", count: 1 }], async (world, full) => {
    const agents = () =>
      [...full.allocations.values()].filter(({ allocation, status }) => allocation.JobID === "agent" && status === "running");
    await world.server.drainNode(full.id, drainSpec(HOUR));
    await world.clock.advance(5_000);
    assert.deepEqual([agents().length, held(full)], [1, 2]);
    await world.clock.advance(60_000);
    assert.deepEqual([agents().length, held(full), record(world, full).LastDrain?.Status], [0, 0, "complete"]);
    await world.server.setNodeEligibility(full.id, "eligible");
    await world.clock.advance(5_000);
    assert.equal(agents().length, 1);
    await world.server.drainNode(full.id, drainSpec(HOUR, true));
    await world.clock.advance(60_000);
    assert.deepEqual([agents().length, record(world, full).LastDrain?.Status], [1, "complete"]);
  }));

test("two draining nodes together take no more of a group than migrate.max_parallel", () =>
  inside({}, async (world) => {
    const a = await world.addNode({ name: "a" });
    const b = await world.addNode({ name: "b" });
    await register(world, { count: 4, spread: "${node.unique.name}" });
    await world.clock.advance(60_000);
    await world.addNode({ name: "c" });
    let least = Infinity;
    world.cluster.state.watch.subscribe(() => {
      least = Math.min(
        least,
        statuses(world, "web")
          .split(" ")
          .filter((each) => each === "running").length,
      );
    });
    await Promise.all([world.server.drainNode(a.id, drainSpec(HOUR)), world.server.drainNode(b.id, drainSpec(HOUR))]);
    await world.clock.advance(120_000);
    assert.deepEqual([held(a), held(b), least], [0, 0, 3]);
  }));

test("a drain survives the death of the server, its deadline too, and the node's registering again", () =>
  onOneNode([{ migrate: { MaxParallel: 1, MinHealthyTime: 600 * SECOND, HealthyDeadline: 900 * SECOND } }], async (world, full) => {
    await world.server.drainNode(full.id, drainSpec(60 * SECOND));
    await world.clock.advance(10_000);
    await world.restartServer();
    await world.clock.advance(30_000);
    assert.equal(record(world, full).LastDrain?.Status, "draining");
    assert.equal(held(full), 2);
    await world.clock.advance(30_000);
    assert.deepEqual([held(full), record(world, full).LastDrain?.Status], [0, "complete"]);
  }));

test("a drain can be cancelled: what was told to leave leaves, the rest stays; the node opens when that is asked for", () =>
  onOneNode([{}], async (world, full) => {
    await world.server.drainNode(full.id, drainSpec(HOUR));
    await world.clock.advance(1_000);
    await world.server.drainNode(full.id, stopDrain(false));
    await world.clock.advance(60_000);
    assert.deepEqual([held(full), record(world, full).LastDrain?.Status], [2, "canceled"]);
    assert.equal(record(world, full).SchedulingEligibility, "ineligible");
    await world.server.drainNode(full.id, stopDrain(true));
    assert.equal(record(world, full).SchedulingEligibility, "eligible");
    assert.deepEqual(events(world, full), ["Node drain strategy set", "Node drain disabled"]);
  }));

test("a new drain replaces one that goes on: its deadline counts from now, its beginning stays", () =>
  onOneNode([{ id: "batch", type: "batch", count: 1 }], async (world, full) => {
    await world.server.drainNode(full.id, drainSpec(0));
    const begun = record(world, full).DrainStrategy?.StartedAt;
    await world.clock.advance(100_000);
    await world.server.drainNode(full.id, drainSpec(30 * SECOND));
    await world.clock.advance(29_000);
    assert.deepEqual([held(full), record(world, full).DrainStrategy?.StartedAt], [1, begun]);
    await world.clock.advance(5_000);
    assert.deepEqual([held(full), record(world, full).LastDrain?.StartedAt], [0, begun]);
    assert.deepEqual(events(world, full), ["Node drain strategy set", "Node drain strategy updated", "Node drain complete"]);
  }));

test("draining a node that holds canaries ends, at whatever step of the deployment (F15)", async () => {
  for (const afterMs of [500, 3_000, 12_000, 30_000]) {
    await inside({}, async (world) => {
      const nodes = [await world.addNode({ name: "a" }), await world.addNode({ name: "b" })];
      const update = { MaxParallel: 1, MinHealthyTime: 5 * SECOND, HealthyDeadline: 30 * SECOND, ProgressDeadline: 60 * SECOND, Canary: 2 };
      await register(world, { update, environment: { version: "1" } });
      await world.clock.advance(60_000);
      await register(world, { update: { ...update, AutoPromote: afterMs > 10_000 }, environment: { version: "2" } });
      await world.clock.advance(afterMs);
      const snapshot = world.cluster.state.snapshot();
      const canary = [...snapshot.allocationsByJob("default", "web")].find((each) => each.DeploymentStatus?.Canary === true);
      await world.server.drainNode((canary?.NodeID ?? nodes[0]?.id) as NodeId, drainSpec(120 * SECOND));
      await world.clock.advance(200_000);
      const [deployment] = world.cluster.state.snapshot().deploymentsByJob("default", "web");
      assert.ok(deployment !== undefined);
      if (deployment.Status === "running") await world.server.promoteDeployment(deployment.ID, null);
      await world.clock.advance(200_000);
      const [ended] = world.cluster.state.snapshot().deploymentsByJob("default", "web");
      assert.equal(ended?.Status, "successful", `drained ${afterMs} ms after the change: ${ended?.StatusDescription}`);
      assert.ok(nodes.some((node) => world.cluster.state.snapshot().node(node.id)?.LastDrain?.Status === "complete"));
    });
  }
});

test("a node is closed while it drains even if the request would mark it eligible, as existing clients send it", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n" });
    await register(world, { count: 1 });
    await world.clock.advance(30_000);
    await world.server.drainNode(node.id, { ...drainSpec(0), MarkEligible: true });
    assert.equal(record(world, node).SchedulingEligibility, "ineligible");
    await world.clock.advance(30_000);
    assert.equal(record(world, node).SchedulingEligibility, "ineligible");
  }));

test("an unknown node cannot be drained", () =>
  inside({}, async (world) => {
    const missing = (thrown: unknown) => thrown instanceof NamedError && thrown.statusCode === 404;
    await assert.rejects(world.server.drainNode("nope" as NodeId, drainSpec(0)), missing);
  }));

test("a drain that is over does not win over a newer one on its way: what that wants is done first", () =>
  onOneNode([{ type: "system", count: 1 }], async (world, full) => {
    await world.server.drainNode(full.id, drainSpec(HOUR, true));
    await world.clock.advance(249);
    // The first is found over while the second is on its way into the log.
    const newer = world.server.drainNode(full.id, drainSpec(HOUR));
    await world.clock.advance(1);
    await newer;
    await world.clock.advance(1);
    assert.equal(record(world, full).DrainStrategy?.IgnoreSystemJobs, false);
    await world.clock.advance(30_000);
    assert.deepEqual([record(world, full).DrainStrategy, held(full)], [null, 0]);
    assert.equal(events(world, full).filter((message) => message === "Node drain complete").length, 1);
    assert.deepEqual(world.errors, []);
  }));
