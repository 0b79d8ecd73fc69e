import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, createVirtualClock } from "#integrations/memory";
import type { NodeId } from "#model";
import { createHeartbeats, DEFAULT_HEARTBEAT_POLICY, heartbeatTtlMs } from "../../../../src/server/nodes/heartbeats.ts";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside, statuses } from "../inside.ts";

const id = (name: string) => name as NodeId;

test("the TTL grows with the number of nodes and is spread over twice its least", () => {
  const random = createSeededRandom(1);
  for (const [nodes, leastMs] of [
    [1, 10_000],
    [500, 10_000],
    [5_000, 100_000],
  ] as const) {
    const ttls = Array.from({ length: 200 }, () => heartbeatTtlMs(DEFAULT_HEARTBEAT_POLICY, nodes, random));
    assert.ok(
      Math.min(...ttls) >= leastMs && Math.max(...ttls) <= 2 * leastMs,
      `${nodes} nodes: ${Math.min(...ttls)} to ${Math.max(...ttls)}`,
    );
    assert.ok(new Set(ttls).size > 100, "they do not come together");
  }
});

test("a node that shows life in time is not missed; one that does not is, once", async () => {
  const clock = createVirtualClock();
  const missed: NodeId[] = [];
  const heartbeats = createHeartbeats({
    clock,
    random: createSeededRandom(2),
    policy: DEFAULT_HEARTBEAT_POLICY,
    nodeCount: () => 2,
    onMissed: (ids) => missed.push(...ids),
  });
  heartbeats.arm(id("silent"));
  for (let passed = 0; passed < 200_000; passed += 5_000) {
    heartbeats.arm(id("alive"));
    await clock.advance(5_000);
  }
  assert.deepEqual(missed, ["silent"]);
  assert.equal(heartbeats.armed, 1);
  heartbeats.close();
});

test("a server that was stopped itself gives every node another full time instead of blaming them (F4)", async () => {
  const clock = createVirtualClock();
  let stalledMs = 0;
  const missed: NodeId[] = [];
  const heartbeats = createHeartbeats({
    // As a suspended machine: timers run, late.
    clock: { ...clock, nowMs: () => clock.nowMs() + stalledMs },
    random: createSeededRandom(3),
    policy: DEFAULT_HEARTBEAT_POLICY,
    nodeCount: () => 2,
    onMissed: (ids) => missed.push(...ids),
  });
  heartbeats.arm(id("a"));
  heartbeats.arm(id("b"));
  stalledMs = 600_000;
  await clock.advance(31_000);
  assert.deepEqual(missed, []);
  await clock.advance(40_000);
  assert.deepEqual(missed.sort(), ["a", "b"]);
  heartbeats.close();
});

test("an old deadline of a node that has shown life since counts nothing, though it is due together with another's", async () => {
  const clock = createVirtualClock();
  const missed: NodeId[] = [];
  const heartbeats = createHeartbeats({
    clock,
    // All TTLs are the same, so that deadlines fall together.
    random: { ...createSeededRandom(4), fraction: () => 0 },
    policy: DEFAULT_HEARTBEAT_POLICY,
    nodeCount: () => 2,
    onMissed: (ids) => missed.push(...ids),
  });
  heartbeats.arm(id("silent"));
  heartbeats.arm(id("alive"));
  await clock.advance(15_000);
  heartbeats.arm(id("alive"));
  await clock.advance(6_000);
  assert.deepEqual([missed, heartbeats.armed], [["silent"], 1]);
  heartbeats.close();
});

test("one that is closed misses nobody any more, though somebody still shows life", async () => {
  const clock = createVirtualClock();
  const missed: NodeId[] = [];
  const heartbeats = createHeartbeats({
    clock,
    random: createSeededRandom(5),
    policy: DEFAULT_HEARTBEAT_POLICY,
    nodeCount: () => 1,
    onMissed: (ids) => missed.push(...ids),
  });
  heartbeats.arm(id("before"));
  heartbeats.close();
  assert.ok(heartbeats.arm(id("after")) >= 10_000);
  await clock.advance(100_000);
  assert.deepEqual([missed, heartbeats.armed], [[], 0]);
});

test("a node that falls silent is down after its TTL and grace, and its allocations are placed elsewhere", () =>
  inside({}, async (world) => {
    const [a, b] = [await world.addNode({ name: "a" }), await world.addNode({ name: "b" })];
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    const gone = a.allocations.size > 0 ? a : b;
    const left = gone === a ? b : a;
    gone.crash();
    await world.clock.advance(19_000);
    assert.equal(world.cluster.state.snapshot().node(gone.id)?.Status, "ready", "not before its time");
    await world.clock.advance(15_000);
    const snapshot = world.cluster.state.snapshot();
    assert.equal(snapshot.node(gone.id)?.Status, "down");
    assert.equal(statuses(world, "web"), "running running");
    assert.equal(left.allocations.size, 2);
    const lost = [...snapshot.allocationsByNode(gone.id)].map((each) => `${each.DesiredStatus} ${each.ClientStatus}`);
    assert.ok(lost.length > 0 && lost.every((each) => each === "stop lost"), lost.join());
    await gone.connect();
    await world.clock.advance(1_000);
    assert.equal(world.cluster.state.snapshot().node(gone.id)?.Status, "ready");
    assert.equal(statuses(world, "web"), "running running");
  }));

test("after a server restart nobody is down that reconnects within its time, and nothing is placed anew (F4)", () =>
  inside({}, async (world) => {
    for (let index = 0; index < 30; index++) await world.addNode({ name: `n${index}` });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 60 }) });
    await world.clock.advance(5_000);
    const before = [...world.cluster.state.snapshot().allocations()].map((each) => `${each.ID} ${each.NodeID} ${each.ClientStatus}`);
    // Heartbeats were due any moment; the server is away, and slow to be reached again.
    await world.clock.advance(8_000);
    world.link.refuse(true);
    await world.restartServer();
    await world.clock.advance(15_000);
    world.link.refuse(false);
    await world.clock.advance(60_000);
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual(
      [...snapshot.nodes()].filter((node) => node.Status !== "ready").map((node) => node.Name),
      [],
    );
    assert.deepEqual(
      [...snapshot.allocations()].map((each) => `${each.ID} ${each.NodeID} ${each.ClientStatus}`),
      before,
    );
  }));

test("a node that died while no server ran is found out after the restart", () =>
  inside({}, async (world) => {
    const [a, b] = [await world.addNode({ name: "a" }), await world.addNode({ name: "b" })];
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    const gone = a.allocations.size > 0 ? a : b;
    gone.crash();
    await world.restartServer();
    await world.clock.advance(15_000);
    assert.equal(world.cluster.state.snapshot().node(gone.id)?.Status, "ready");
    await world.clock.advance(20_000);
    assert.equal(world.cluster.state.snapshot().node(gone.id)?.Status, "down");
    assert.equal(statuses(world, "web"), "running running");
  }));
