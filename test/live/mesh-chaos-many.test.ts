/** Many sidecars at once behind a Consul that answers two seconds late: none fails, none is tried twice (F34). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { chaosOf, meshJob } from "./mesh-chaos-world.ts";
import { startMeshWorld } from "./parts/mesh-world.ts";
import { slowConsul } from "./parts/slow-consul.ts";
import { eventually } from "./real-agent.ts";

const SOAK = testScale() >= 10;
const COUNT = Number(process.env["DROVER_SIDECARS"] ?? (SOAK ? 200 : 10));
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: SOAK ? 1_800_000 : 240_000 };

test("sidecars that all start at once behind a slow Consul all come up, at their first try", LIVE, async (t) => {
  const world = chaosOf(
    await startMeshWorld(t, {
      client: "cpu_total_compute = 100000\n  memory_total_mb = 100000",
      between: async (consul, host, gateway) => ({
        http: (await slowConsul(consul, 2_000, { listen: gateway, host: host.address, port: consul.httpPort })).address,
        grpc: (await slowConsul(consul, 2_000, { listen: gateway, host: host.address, port: consul.grpcPort })).address,
      }),
    }),
  );
  const began = performance.now();
  await world.submit(meshJob({ name: "api", count: COUNT, port: 9002, update: `max_parallel = 0` }));
  // An allocation counts as running from its first task on: the app comes when its proxy is ready.
  const tasks = await eventually(
    "every app and every sidecar to run",
    async () => {
      const states = (await world.allocations("api")).flatMap(({ ID, TaskStates }) =>
        Object.entries(TaskStates ?? {}).map(([task, state]) => ({ ID, task, ...state })),
      );
      return states.filter(({ State }) => State === "running").length === 2 * COUNT || states.some(({ Failed }) => Failed)
        ? states
        : undefined;
    },
    SOAK ? 1_500_000 : 150_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${world.lastWords()}`);
  });
  t.diagnostic(`${COUNT} sidecars in ${Math.round(performance.now() - began)} ms`);
  assert.equal(tasks.length, 2 * COUNT);
  assert.deepEqual(
    tasks.filter(({ Failed, Restarts, State }) => Failed || Restarts > 0 || State !== "running"),
    [],
  );
  assert.equal((await world.allocations("api")).length, COUNT);
  await world.whole();
});
