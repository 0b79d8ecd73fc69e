/** `job why` of a cluster that lives: what the servers, the scheduler and the nodes put on record is enough to tell. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { pastOf } from "../../../../src/server/why/past.ts";
import { inside } from "../inside.ts";

const HOUR_MS = 3_600_000;
const first = (world: World, id = "web"): string | undefined => world.server.explainJob("default", id).Reasons[0]?.Sentence;

test("what fits nowhere is told with the node that comes nearest, until there is room, and for as long as it waits", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "small", memoryMB: 1_000 });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2, memoryMB: 1_500 }) });
    await world.clock.advance(1_000);
    const told = /^No node has 1500 MB of memory free: "small" comes nearest with 1000 MB, 500 MB short \(1 of 1 node without room\)/;
    assert.match(first(world) ?? "", told);
    const why = world.server.explainJob("default", "web");
    assert.deepEqual([why.Wanted, why.Running, why.Reasons[0]?.Count], [2, 0, 2]);
    // Long after the evaluation that found it would be garbage.
    await world.clock.advance(2 * HOUR_MS);
    await world.server.collectGarbage();
    assert.match(first(world) ?? "", told);
    await world.restartServer();
    assert.match(first(world) ?? "", told);
    await world.addNode({ name: "large" });
    await world.clock.advance(60_000);
    assert.equal(world.server.explainJob("default", "web").Summary, "All 2 run");
  }));

test("no node, a constraint, a paused broker and a taken port are told apart", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    await world.clock.advance(1_000);
    assert.match(first(world) ?? "", /^No node is in node pool "default"/);
    await world.addNode({ name: "n1" });
    await world.server.registerJob({
      Job: jobOf({ id: "picky", count: 1, constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "windows", Operand: "=" }] }),
    });
    await world.server.registerJob({ Job: jobOf({ id: "holder", count: 1, staticPort: 8_080 }) });
    await world.clock.advance(1_000);
    await world.server.registerJob({ Job: jobOf({ id: "second", count: 1, staticPort: 8_080 }) });
    await world.clock.advance(1_000);
    assert.match(first(world, "picky") ?? "", /^Constraint "\$\{attr\.kernel\.name\} = windows" excludes the only node/);
    assert.match(first(world, "second") ?? "", /^Static port 8080 \("static"\) is taken .*, on "n1" by job "holder"/);
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PauseEvalBroker: true }, null);
    await world.server.registerJob({ Job: jobOf({ id: "later", count: 1 }) });
    assert.match(first(world, "later") ?? "", /^Nothing is scheduled, the evaluation broker is paused/);
  }));

test("what went wrong is told after its records are gone, and after the job is", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({
      Job: jobOf({ id: "batch", type: "batch", count: 1, behaviour: "fails", reschedule: { Attempts: 0, Unlimited: false, Interval: 0 } }),
    });
    await world.clock.advance(10_000);
    assert.match(first(world, "batch") ?? "", /^It failed|^Task "task"/);
    await world.server.deregisterJob("default", "batch", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    await world.clock.advance(10_000);
    await world.server.collectGarbage();
    assert.equal(world.cluster.state.snapshot().job("default", "batch"), undefined);
    const why = world.server.explainJob("default", "batch");
    assert.equal(why.Status, "gone");
    assert.equal(why.Past[0]?.Stage, "failed");
    assert.equal(why.Past.length, 1);
    assert.throws(() => world.server.explainJob("default", "never-was"), /job not found/);
  }));

test("a dispatched child that failed and was collected is remembered by its parent, and answers by its own name", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const job = jobOf({
      id: "work",
      type: "batch",
      count: 1,
      behaviour: "fails",
      parameterized: true,
      reschedule: { Attempts: 0, Unlimited: false, Interval: 0 },
    });
    await world.server.registerJob({ Job: job });
    const nothing = { Payload: "", Meta: {}, IdempotencyToken: "", IdPrefixTemplate: "", Priority: 0 };
    const { DispatchedJobID } = await world.server.dispatchJob("default", "work", nothing);
    await world.clock.advance(10_000);
    await world.server.collectGarbage();
    assert.equal(world.cluster.state.snapshot().job("default", DispatchedJobID), undefined);
    assert.equal(world.server.explainJob("default", "work").Past[0]?.Details["JobID"], DispatchedJobID);
    assert.equal(world.server.explainJob("default", DispatchedJobID).Past.length, 1);
  }));

test("what found no room is told once when its records go, with how many it was, though the evaluation that waited for it says the same", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1", memoryMB: 1_000 });
    for (const count of [4, 1]) {
      await world.server.registerJob({ Job: jobOf({ id: "web", count, memoryMB: 900 }) });
      await world.clock.advance(1_000);
    }
    const snapshot = world.cluster.state.snapshot();
    const evaluations = [...snapshot.evaluationsByJob("default", "web")];
    assert.equal(evaluations.filter((each) => Object.keys(each.FailedTGAllocs).length > 0).length, 2);
    const [past] = pastOf(snapshot, { allocations: [], evaluations, deployments: [] });
    assert.deepEqual(
      past?.Reasons.map(({ Stage, Count }) => [Stage, Count]),
      [["blocked", 3]],
    );
  }));
