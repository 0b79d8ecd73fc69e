import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#model";
import type { AllocationsChanged, NodeEnd } from "#ports";
import { NamedError } from "#std";
import { admitNode, sameNode } from "../../../../src/server/nodes/admit.ts";
import { computedClass } from "../../../../src/server/nodes/computed-class.ts";
import { jobOf, nodeOf } from "../../../simulation/fixtures.ts";
import { inside } from "../inside.ts";

const refused = (thrown: unknown) => thrown instanceof NamedError && thrown.code === "LINK_REFUSED";

/** A node's end that notes what it is told. */
function listener(): { readonly end: NodeEnd; readonly heard: AllocationsChanged[] } {
  const heard: AllocationsChanged[] = [];
  return {
    heard,
    end: { allocationsChanged: (change) => heard.push(change), servicesChanged: () => undefined, services: {} as NodeEnd["services"] },
  };
}

test("a node is ready only once it has told which drivers it has", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const { end } = listener();
    const connection = await world.link.connect(node, end, () => undefined);
    await connection.register({ ...node, Drivers: {} });
    assert.equal(world.cluster.state.snapshot().node(node.ID)?.Status, "initializing");
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    assert.equal([...world.cluster.state.snapshot().allocations()].length, 0);
    await connection.register(node);
    assert.equal(world.cluster.state.snapshot().node(node.ID)?.Status, "ready");
    await world.clock.advance(1_000);
    assert.equal([...world.cluster.state.snapshot().allocations()].length, 1);
  }));

test("the first word on every connection is the node's complete set; after that only what changed (F1)", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const first = listener();
    const connection = await world.link.connect(node, first.end, () => undefined);
    await connection.register(node);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    assert.deepEqual(
      first.heard.map((each) => [each.Complete, each.Changed.length]),
      [
        [true, 0],
        [false, 2],
      ],
    );
    for (const { ClusterId, Index } of first.heard) assert.ok(ClusterId === world.cluster.clusterId && Index > 0);
    // Its own words do not come back to it.
    const ids = first.heard[1]?.Changed.map((each) => each.ID) ?? [];
    await Promise.all([
      connection.updateAllocations(
        ids.map((ID) => ({ ID, NodeID: node.ID, ClientStatus: "running" as const, ClientDescription: "", TaskStates: {} })),
      ),
      world.clock.advance(1_000),
    ]);
    assert.equal(first.heard.length, 2);
    const second = listener();
    await (await world.link.connect(node, second.end, () => undefined)).register(node);
    await world.clock.advance(10);
    assert.deepEqual(
      second.heard.map((each) => [each.Complete, each.Changed.map(({ ClientStatus }) => ClientStatus)]),
      [[true, ["running", "running"]]],
    );
  }));

test("a second connection of a node ends the first; another secret gets nowhere", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const ends: string[] = [];
    const first = await world.link.connect(node, listener().end, (reason) => ends.push(reason));
    await first.register(node);
    const thief = { ...node, SecretID: "guessed" };
    await assert.rejects(
      world.link.connect(thief, listener().end, () => undefined),
      refused,
    );
    assert.deepEqual(ends, []);
    const second = await world.link.connect(node, listener().end, () => undefined);
    assert.equal(ends.length, 1);
    await assert.rejects(first.heartbeat(), refused);
    await assert.rejects(second.register({ ...node, SecretID: "guessed" }), refused);
    await assert.rejects(second.register({ ...node, ID: world.random.uuid() as Node["ID"] }), refused);
    const { HeartbeatTtlMs } = await second.register(node);
    assert.ok(HeartbeatTtlMs >= 10_000);
  }));

test("a refusal never repeats a secret", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    await (await world.link.connect(node, listener().end, () => undefined)).register(node);
    await assert.rejects(
      world.link.connect({ ...node, SecretID: "guessed-secret" }, listener().end, () => undefined),
      (thrown: unknown) => {
        const text = String((thrown as Error).stack);
        return !text.includes("guessed-secret") && !text.includes(node.SecretID);
      },
    );
  }));

test("a node cannot speak for another node's allocations", () =>
  inside({}, async (world) => {
    const owner = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const [allocation] = [...world.cluster.state.snapshot().allocations()];
    assert.ok(allocation !== undefined && allocation.NodeID === owner.id);
    const other = nodeOf(world.random, { name: "n2" });
    const connection = await world.link.connect(other, listener().end, () => undefined);
    await connection.register(other);
    for (const NodeID of [owner.id, other.ID]) {
      const update = { ID: allocation.ID, NodeID, ClientStatus: "failed" as const, ClientDescription: "", TaskStates: {} };
      await Promise.all([connection.updateAllocations([update]), world.clock.advance(1_000)]);
    }
    assert.equal(world.cluster.state.snapshot().allocation(allocation.ID)?.ClientStatus, "running");
  }));

test("registering again with nothing new writes nothing; a changed driver does", () =>
  inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const connection = await world.link.connect(node, listener().end, () => undefined);
    await connection.register(node);
    const before = world.cluster.state.index;
    const driver = node.Drivers["mock_driver"];
    assert.ok(driver !== undefined);
    await connection.register({ ...node, Drivers: { mock_driver: { ...driver, UpdateTime: "2026-02-02T00:00:00Z" } } });
    assert.equal(world.cluster.state.index, before);
    await connection.register({ ...node, Drivers: { mock_driver: { ...driver, Healthy: false } } });
    assert.ok(world.cluster.state.index > before);
  }));

test("an ineligible node gets nothing new; made eligible it is used", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.setNodeEligibility(node.id, "ineligible");
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    assert.equal(node.allocations.size, 0);
    await world.server.setNodeEligibility(node.id, "eligible");
    await world.clock.advance(1_000);
    assert.equal(node.allocations.size, 1);
    const events = world.cluster.state
      .snapshot()
      .node(node.id)
      ?.Events.map((event) => event.Message);
    assert.deepEqual(events, ["Node registered", "Node marked as ineligible for scheduling", "Node marked as eligible for scheduling"]);
  }));

test("a purged node's allocations are placed elsewhere", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    node.crash();
    const other = await world.addNode({ name: "n2" });
    await world.server.purgeNode(node.id);
    await world.clock.advance(1_000);
    assert.equal(world.cluster.state.snapshot().node(node.id), undefined);
    assert.deepEqual(
      [...other.allocations.values()].map(({ status }) => status),
      ["running"],
    );
  }));

test("computedClass() ignores what is unique to a node and notices everything else", () =>
  inside({}, async ({ random }) => {
    const node = nodeOf(random, { name: "n1" });
    const same = { ...nodeOf(random, { name: "n2" }), HTTPAddr: "elsewhere" };
    assert.equal(computedClass(node), computedClass(same));
    const driver = node.Drivers["mock_driver"];
    assert.ok(driver !== undefined);
    const others: Partial<Node>[] = [
      { Datacenter: "dc9" },
      { NodeClass: "large" },
      { NodePool: "gpu" },
      { Meta: { rack: "1" } },
      { Attributes: { ...node.Attributes, "cpu.arch": "arm64" } },
      { Drivers: { mock_driver: { ...driver, Healthy: false } } },
    ];
    for (const other of others) assert.notEqual(computedClass(node), computedClass({ ...node, ...other }), JSON.stringify(other));
  }));

test("admitNode() keeps what is the servers' to say", () =>
  inside({}, async ({ random }) => {
    const described = nodeOf(random, { name: "n1" });
    const stored: Node = { ...admitNode(described, undefined, 1_000), SchedulingEligibility: "ineligible", CreateIndex: 7 };
    const again = admitNode({ ...described, SchedulingEligibility: "eligible" }, stored, 9_000);
    assert.deepEqual([again.SchedulingEligibility, again.CreateIndex, again.StatusUpdatedAt], ["ineligible", 7, 1]);
    assert.ok(sameNode(stored, again));
    assert.ok(!sameNode(stored, admitNode({ ...described, Meta: { rack: "2" } }, stored, 9_000)));
  }));
