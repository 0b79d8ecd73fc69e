import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorld } from "../../simulation/world.ts";
import { jobOf } from "../../simulation/fixtures.ts";

test("a registered job is placed, its allocations run, and the evaluation is complete", async () => {
  const world = await startWorld({ seed: 1 });
  try {
    await world.addNode({ name: "n1" });
    await world.addNode({ name: "n2" });
    const { EvalID } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 5 }) });
    await world.clock.advance(1_000);
    const snapshot = world.cluster.state.snapshot();
    assert.equal(snapshot.evaluation(EvalID)?.Status, "complete");
    const allocations = [...snapshot.allocationsByJob("default", "web")];
    assert.deepEqual(allocations.map((allocation) => allocation.ClientStatus), Array(5).fill("running"));
    assert.equal(snapshot.job("default", "web")?.Status, "running");
    assert.deepEqual(world.errors, []);
  } finally {
    await world.close();
  }
});
