import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationId, NodeId } from "#model";
import { NamedError } from "#std";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside, statuses } from "../inside.ts";

const notFound = (thrown: unknown) => thrown instanceof NamedError && thrown.statusCode === 404;
const stop = { Purge: false, EvalPriority: 0, NoShutdownDelay: false };

test("a stopped job is dead once its allocations ended, and `system gc` leaves nothing of it", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" }, { stopMs: 1_000 });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 3 }) });
    await world.clock.advance(1_000);
    await world.server.deregisterJob("default", "web", stop);
    // Still stopping: nothing of it may be forgotten yet.
    await world.clock.advance(300);
    await world.server.collectGarbage();
    assert.equal([...world.cluster.state.snapshot().allocationsByJob("default", "web")].length, 3);
    await world.clock.advance(2_000);
    const job = world.cluster.state.snapshot().job("default", "web");
    assert.deepEqual([job?.Status, job?.Stop], ["dead", true]);
    await world.server.collectGarbage();
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual([[...snapshot.jobs("*")], [...snapshot.evaluations()], [...snapshot.allocations()]], [[], [], []]);
    // The node hears of it and forgets too.
    await world.clock.advance(10);
    assert.equal(node.allocations.size, 0);
  }));

test("a purged job is gone at once and its allocations stop all the same", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    await world.server.deregisterJob("default", "web", { ...stop, Purge: true });
    await world.clock.advance(1_000);
    assert.equal(world.cluster.state.snapshot().job("default", "web"), undefined);
    assert.deepEqual(
      [...node.allocations.values()].map(({ status }) => status),
      ["complete", "complete"],
    );
  }));

test("a stopped allocation is replaced by another of the same name", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const [old] = [...world.cluster.state.snapshot().allocationsByJob("default", "web")];
    assert.ok(old !== undefined);
    const { EvalID } = await world.server.stopAllocation(old.ID, { NoShutdownDelay: false });
    await world.clock.advance(1_000);
    const snapshot = world.cluster.state.snapshot();
    assert.equal(snapshot.evaluation(EvalID)?.TriggeredBy, "alloc-stop");
    assert.equal(snapshot.allocation(old.ID)?.ClientStatus, "complete");
    assert.equal(statuses(world, "web"), "running");
  }));

test("a failed allocation is recorded with an evaluation, and tried again when asked to", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.addNode({ name: "n2" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    const [old] = [...world.cluster.state.snapshot().allocationsByJob("default", "web")];
    assert.ok(old !== undefined);
    const holder = world.nodes.find((each) => each.id === old.NodeID) ?? node;
    holder.finish(old.ID, "failed");
    await world.clock.advance(1_000);
    const triggers = [...world.cluster.state.snapshot().evaluationsByJob("default", "web")].map((evaluation) => evaluation.TriggeredBy);
    assert.ok(triggers.includes("alloc-failure"), triggers.join());
    await world.server.evaluateJob("default", "web", { ForceReschedule: true });
    await world.clock.advance(1_000);
    const live = [...world.cluster.state.snapshot().allocationsByJob("default", "web")].filter((each) => each.ClientStatus === "running");
    assert.deepEqual(
      live.map((each) => [each.Name, each.PreviousAllocation]),
      [["web.group[0]", old.ID]],
    );
  }));

test("a job nobody knows is stopped already: asking for it writes nothing and names no evaluation", () =>
  inside({}, async ({ server, cluster }) => {
    const before = cluster.state.index;
    for (const Purge of [false, true]) {
      const answer = await server.deregisterJob("default", "nope", { ...stop, Purge });
      assert.deepEqual(answer, { EvalID: "", EvalCreateIndex: 0, JobModifyIndex: 0, Index: 0 });
    }
    assert.equal(cluster.state.index, before);
  }));

test("what does not exist is answered with 404", () =>
  inside({}, async ({ server }) => {
    await assert.rejects(server.evaluateJob("default", "nope", { ForceReschedule: false }), notFound);
    await assert.rejects(server.stopAllocation("nope" as AllocationId, { NoShutdownDelay: false }), notFound);
    await assert.rejects(server.evaluateNode("nope" as NodeId), notFound);
    await assert.rejects(server.setNodeEligibility("nope" as NodeId, "eligible"), notFound);
    await assert.rejects(server.purgeNode("nope" as NodeId), notFound);
    assert.throws(() => server.nodeServices("nope" as NodeId), /No path to node/);
  }));
