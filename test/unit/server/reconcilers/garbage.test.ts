import assert from "node:assert/strict";
import { test } from "node:test";
import type { EvaluationId } from "#model";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside, statuses } from "../inside.ts";

const HOUR_MS = 3_600_000;
const stop = { Purge: false, EvalPriority: 0, NoShutdownDelay: false };

test("a stopped job goes after four hours, not before, by itself", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    await world.server.deregisterJob("default", "web", stop);
    await world.clock.advance(3.9 * HOUR_MS);
    assert.ok(world.cluster.state.snapshot().job("default", "web") !== undefined);
    await world.clock.advance(0.3 * HOUR_MS);
    assert.equal(world.cluster.state.snapshot().job("default", "web"), undefined);
  }));

test("a forced collection takes what is over and leaves what runs", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2, environment: { version: "1" }, update: { MaxParallel: 0 } }) });
    await world.clock.advance(1_000);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2, environment: { version: "2" }, update: { MaxParallel: 0 } }) });
    await world.clock.advance(1_000);
    await world.server.collectGarbage();
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual(
      [...snapshot.allocations()].map((each) => [each.JobVersion, each.ClientStatus]),
      [
        [1, "running"],
        [1, "running"],
      ],
    );
    assert.equal([...snapshot.evaluations()].length, 1, "the evaluation whose allocations run stays");
    await world.clock.advance(60_000);
    assert.equal(statuses(world, "web"), "running running");
  }));

test("a batch job that is not done keeps the proof of what is, and is not run again for a collection", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "batch", type: "batch", count: 2 }) });
    await world.clock.advance(1_000);
    const [first] = [...node.allocations.keys()];
    assert.ok(first !== undefined);
    node.finish(first, "complete");
    await world.clock.advance(1_000);
    await world.server.collectGarbage();
    await world.server.evaluateJob("default", "batch", { ForceReschedule: false });
    await world.clock.advance(1_000);
    assert.deepEqual([...world.cluster.state.snapshot().allocations()].map((each) => each.ClientStatus).sort(), ["complete", "running"]);
  }));

test("a batch job that is done goes with everything it did", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "batch", type: "batch", count: 2 }) });
    await world.clock.advance(1_000);
    for (const id of node.allocations.keys()) node.finish(id, "complete");
    await world.clock.advance(1_000);
    assert.equal(world.cluster.state.snapshot().job("default", "batch")?.Status, "dead");
    await world.server.collectGarbage();
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual([[...snapshot.jobs("*")], [...snapshot.evaluations()], [...snapshot.allocations()]], [[], [], []]);
  }));

test("a node that is down goes after a day, when nothing is on it", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    node.crash();
    await world.clock.advance(23 * HOUR_MS);
    assert.equal(world.cluster.state.snapshot().node(node.id)?.Status, "down");
    await world.clock.advance(2 * HOUR_MS);
    assert.equal(world.cluster.state.snapshot().node(node.id), undefined);
  }));

test("collections that overlap each leave a clean state", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    for (const id of ["a", "b", "c"]) await world.server.registerJob({ Job: jobOf({ id, count: 1 }) });
    await world.clock.advance(1_000);
    for (const id of ["a", "b", "c"]) await world.server.deregisterJob("default", id, stop);
    await world.clock.advance(1_000);
    await Promise.all([
      world.server.collectGarbage(),
      world.server.collectGarbage(),
      world.server.registerJob({ Job: jobOf({ id: "a", count: 1 }) }),
    ]);
    await world.clock.advance(1_000);
    const jobs = [...world.cluster.state.snapshot().jobs("*")].map((job) => job.ID);
    assert.ok(jobs.length <= 1, jobs.join());
    if (jobs.length === 1) assert.equal(statuses(world, "a"), "running");
  }));

test("a job with a tagged version stays until the tag is gone", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.server.tagJobVersion("default", "web", { Name: "golden", Description: "", Version: 0 });
    await world.server.deregisterJob("default", "web", stop);
    await world.clock.advance(10_000);
    await world.server.collectGarbage();
    assert.ok(world.cluster.state.snapshot().job("default", "web") !== undefined);
    await world.server.untagJobVersion("default", "web", "golden");
    await world.server.collectGarbage();
    assert.equal(world.cluster.state.snapshot().job("default", "web"), undefined);
  }));

test("a deployment that is over goes once nothing of it lives, and with its job at the latest", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const deployed = (version: string) =>
      jobOf({ id: "web", count: 1, environment: { version }, update: { MaxParallel: 1, MinHealthyTime: 1e9 } });
    await world.server.registerJob({ Job: deployed("1") });
    await world.clock.advance(30_000);
    await world.server.registerJob({ Job: deployed("2") });
    await world.clock.advance(30_000);
    const deployments = () => [...world.cluster.state.snapshot().deployments()].map((each) => [each.JobVersion, each.Status]);
    assert.deepEqual(deployments().sort(), [
      [0, "successful"],
      [1, "successful"],
    ]);
    await world.server.collectGarbage();
    assert.deepEqual(deployments(), [[1, "successful"]], "allocations of the second one live");
    await world.server.deregisterJob("default", "web", stop);
    await world.clock.advance(10_000);
    await world.server.collectGarbage();
    assert.deepEqual(deployments(), []);
    assert.equal(world.cluster.state.snapshot().job("default", "web"), undefined);
  }));

test("what a parent launched goes when it is over; the parent stays, stopped too, until its last child is gone", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "work", type: "batch", count: 1, parameterized: true }) });
    const nothing = { Payload: "", Meta: {}, IdempotencyToken: "", IdPrefixTemplate: "", Priority: 0 };
    const done = await world.server.dispatchJob("default", "work", nothing);
    await world.clock.advance(1_000);
    for (const id of node.allocations.keys()) node.finish(id, "complete");
    const running = await world.server.dispatchJob("default", "work", nothing);
    await world.clock.advance(1_000);
    await world.server.collectGarbage();
    const has = (id: string) => world.cluster.state.snapshot().job("default", id) !== undefined;
    assert.deepEqual([has("work"), has(done.DispatchedJobID), has(running.DispatchedJobID)], [true, false, true]);
    await world.server.deregisterJob("default", "work", stop);
    await world.server.collectGarbage();
    assert.deepEqual([has("work"), has(running.DispatchedJobID)], [true, true]);
    for (const id of node.allocations.keys()) node.finish(id, "complete");
    await world.clock.advance(1_000);
    await world.server.collectGarbage();
    assert.deepEqual([has("work"), has(running.DispatchedJobID)], [false, false]);
  }));

test("what a deleted evaluation had placed goes too, once it is over: nothing else leads to it", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    await world.server.deregisterJob("default", "web", { ...stop, Purge: true });
    await world.clock.advance(1_000);
    const configuration = world.cluster.state.snapshot().schedulerConfiguration();
    await world.server.setSchedulerConfiguration({ ...configuration, PauseEvalBroker: true }, null);
    await world.server.deleteEvaluations([EvalID as EvaluationId]);
    assert.equal([...world.cluster.state.snapshot().allocations()].length, 2);
    await world.server.collectGarbage();
    assert.equal([...world.cluster.state.snapshot().allocations()].length, 0);
  }));

test("the evaluation that says why a job is blocked stays as long as it is", () =>
  inside({}, async (world) => {
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(3 * HOUR_MS);
    assert.ok("group" in (world.cluster.state.snapshot().evaluation(EvalID)?.FailedTGAllocs ?? {}));
    await world.addNode({ name: "n1" });
    await world.clock.advance(3 * HOUR_MS);
    assert.equal(world.cluster.state.snapshot().evaluation(EvalID), undefined);
  }));
