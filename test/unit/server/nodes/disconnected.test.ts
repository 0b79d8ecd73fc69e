import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationsChanged, NodeEnd } from "#ports";
import { jobOf, nodeOf, type JobShape } from "../../../simulation/fixtures.ts";
import type { SimulatedNode } from "../../../simulation/node.ts";
import type { World } from "../../../simulation/world.ts";
import { mayComeBack } from "../../../../src/server/reconcilers/lost-nodes.ts";
import { inside, statuses } from "../inside.ts";
import { admitted, allocationOf } from "../records.ts";

const SECOND = 1e9;
const DISCONNECT = { LostAfter: 300 * SECOND, Replace: true, Reconcile: "keep_original" };
const statusOf = (world: World, node: SimulatedNode) => world.cluster.state.snapshot().node(node.id)?.Status;
const triggers = (world: World) => [...world.cluster.state.snapshot().evaluationsByJob("default", "web")].map((each) => each.TriggeredBy);

/** A job on one of two nodes; that node is cut off. */
async function cutOff(
  shape: Partial<JobShape>,
  play: (world: World, gone: SimulatedNode, left: SimulatedNode) => Promise<void>,
): Promise<void> {
  await inside({}, async (world) => {
    const [a, b] = [await world.addNode({ name: "a" }), await world.addNode({ name: "b" })];
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, ...shape }) });
    await world.clock.advance(30_000);
    const gone = a.allocations.size > 0 ? a : b;
    gone.vanish();
    // Its heartbeat is missed within half a minute; what replaces it waits for the reschedule delay, as long again.
    await world.clock.advance(75_000);
    await play(world, gone, gone === a ? b : a);
  });
}

test("a silent node is disconnected while something on it may come back: what ran there is unknown, not lost", () =>
  cutOff({ disconnect: DISCONNECT }, async (world, gone) => {
    assert.equal(statusOf(world, gone), "disconnected");
    assert.equal(statuses(world, "web"), "running unknown");
  }));

test("a silent node is down when nothing on it has disconnect.lost_after", () =>
  cutOff({}, async (world, gone) => {
    assert.equal(statusOf(world, gone), "down");
    assert.equal(statuses(world, "web"), "running");
  }));

test("a node that is heard of again is ready, and one of the two that do the same work stays", () =>
  cutOff({ disconnect: DISCONNECT }, async (world, gone, left) => {
    await gone.connect();
    await world.clock.advance(10_000);
    assert.equal(statusOf(world, gone), "ready");
    assert.equal(statuses(world, "web"), "running");
    const running = (node: SimulatedNode) => [...node.allocations.values()].filter(({ status }) => status === "running").length;
    assert.deepEqual([running(gone), running(left)], [1, 0], "the original is kept, as the job wants");
    assert.ok(triggers(world).includes("reconnect"), triggers(world).join());
  }));

test("when lost_after is over what is unknown is lost, and its node down", () =>
  cutOff({ disconnect: DISCONNECT }, async (world, gone) => {
    await world.clock.advance(320_000);
    assert.equal(statusOf(world, gone), "down");
    assert.equal(statuses(world, "web"), "running");
    const left = [...world.cluster.state.snapshot().allocationsByNode(gone.id)].map((each) => each.ClientStatus);
    assert.deepEqual(left, ["lost"]);
    assert.ok(triggers(world).includes("max-disconnect-timeout"), triggers(world).join());
  }));

test("the end of lost_after is kept through a restart of the server", () =>
  cutOff({ disconnect: DISCONNECT }, async (world, gone) => {
    await world.restartServer();
    await world.clock.advance(100_000);
    assert.equal(statusOf(world, gone), "disconnected");
    assert.equal(statuses(world, "web"), "running unknown");
    await world.clock.advance(250_000);
    assert.equal(statusOf(world, gone), "down");
    assert.equal(statuses(world, "web"), "running");
  }));

test("a node that moves to another pool goes on telling of its allocations, and the pool comes to be (F57)", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const heard: AllocationsChanged[] = [];
    const end: NodeEnd = {
      allocationsChanged: (change) => heard.push(change),
      servicesChanged: () => undefined,
      services: {} as NodeEnd["services"],
    };
    const connection = await world.link.connect(node, end, () => undefined);
    await connection.register(node);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const [allocation] = [...world.cluster.state.snapshot().allocationsByNode(node.ID)];
    assert.ok(allocation !== undefined);
    const say = async (ClientStatus: "running" | "complete") => {
      const update = { ID: allocation.ID, NodeID: node.ID, ClientStatus, ClientDescription: "", TaskStates: {} };
      await Promise.all([connection.updateAllocations([update]), world.clock.advance(1_000)]);
    };
    await say("running");
    await connection.register({ ...node, NodePool: "gpu" });
    assert.equal(world.cluster.state.snapshot().nodePool("gpu")?.Name, "gpu");
    // The job may not stay there: it is told so, and its end is taken.
    await world.clock.advance(5_000);
    assert.equal(world.cluster.state.snapshot().node(node.ID)?.NodePool, "gpu");
    await say("complete");
    assert.equal(world.cluster.state.snapshot().allocation(allocation.ID)?.ClientStatus, "complete");
    // Nothing of the job is placed where it may not be.
    const live = [...world.cluster.state.snapshot().allocationsByNode(node.ID)].filter((each) => each.DesiredStatus === "run");
    assert.ok(live.every((each) => each.ID === allocation.ID));
  }));

test("a system job comes to a node that moves into its pool, and to no other", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const end: NodeEnd = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as NodeEnd["services"] };
    const connection = await world.link.connect(node, end, () => undefined);
    await connection.register(node);
    await world.server.upsertNodePool({ Name: "gpu" });
    await world.server.registerJob({ Job: jobOf({ id: "web", type: "system", count: 1, nodePool: "gpu" }) });
    await world.clock.advance(1_000);
    assert.equal([...world.cluster.state.snapshot().allocations()].length, 0);
    await connection.register({ ...node, NodePool: "gpu" });
    await world.clock.advance(1_000);
    assert.equal([...world.cluster.state.snapshot().allocationsByNode(node.ID)].length, 1);
  }));

test("what was to stop anyway is not waited for", () => {
  const job = admitted({ id: "web", count: 1, disconnect: DISCONNECT });
  const runs = allocationOf("a", job, { TaskGroup: "group" });
  assert.equal(mayComeBack(runs), true);
  assert.equal(mayComeBack({ ...runs, DesiredStatus: "stop" }), false);
  assert.equal(mayComeBack({ ...runs, ClientStatus: "unknown", DesiredStatus: "stop" }), false);
});
