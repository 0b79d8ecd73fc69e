import assert from "node:assert/strict";
import { test } from "node:test";
import { jobOf, nodeOf } from "../../../simulation/fixtures.ts";
import { inside } from "../inside.ts";

const end = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as never };

/** How many of a job's allocations should run and have not ended, after the one it had was told to have ended well. */
async function runningAfterAnEnd(type: "service" | "batch"): Promise<number> {
  let running = -1;
  await inside({}, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const connection = await world.link.connect(node, end, () => undefined);
    await connection.register(node);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 1, type }) });
    await world.clock.advance(1_000);
    const state = () => [...world.cluster.state.snapshot().allocations()];
    const [first] = state();
    assert.ok(first !== undefined);
    for (const ClientStatus of ["running", "complete"] as const)
      await Promise.all([
        connection.updateAllocations([{ ID: first.ID, NodeID: node.ID, ClientStatus, ClientDescription: "", TaskStates: {} }]),
        world.clock.advance(1_000),
      ]);
    await world.clock.advance(5_000);
    running = state().filter(({ DesiredStatus, ClientStatus }) => DesiredStatus === "run" && ClientStatus !== "complete").length;
  });
  return running;
}

test("a service that ends while it should run, as after a restore that undid its stop, is placed again at once", async () => {
  assert.equal(await runningAfterAnEnd("service"), 1);
});

test("a batch job that ends well is done", async () => {
  assert.equal(await runningAfterAnEnd("batch"), 0);
});
