/** Instances are stopped and replaced under steady load through the mesh, and nobody who calls notices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { testScale } from "../scale.ts";
import { dashboardUrl, meshJob, openChaos, type ChaosWorld } from "./mesh-chaos-world.ts";
import { loadOf, type LoadResult } from "./parts/http-app.ts";
import { eventually } from "./real-agent.ts";

const SOAK = testScale() >= 10;
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 900_000 };
const STOPS = Number(process.env["DROVER_STOPS"] ?? (SOAK ? 20 : 2));
const COUNT = 3;
const UPDATE = `max_parallel = 1\n    min_healthy_time = "0s"`;

test("stops and rolling updates under steady load lose no request", LIVE, async (t) => {
  const world = await openChaos(t, { api: { count: COUNT, update: UPDATE } });
  await allKnown(world);
  const url = await dashboardUrl(world);

  await t.test(`${STOPS} stops of one of ${COUNT}`, async (inner) => {
    const load = loadOf(inner, { url, rate: 50 });
    for (let number = 0; number < STOPS; number++) {
      const living = await world.running("api", COUNT);
      const victim = living[number % COUNT];
      const stopped = await world.agent.request(`/v1/allocation/${victim?.ID}/stop`, { method: "PUT" });
      assert.equal(stopped.status, 200);
      await eventually(
        "it to have ended, and another in its place",
        async () => {
          const now = await world.allocations("api");
          return (
            now.find(({ ID }) => ID === victim?.ID)?.ClientStatus === "complete" &&
            now.filter(({ ClientStatus }) => ClientStatus === "running").length === COUNT
          );
        },
        60_000,
      );
      // What is stopped next is not all there is.
      await allKnown(world);
    }
    judge(inner, await load.stop(), world);
  });

  await t.test("a rolling update", async (inner) => {
    const load = loadOf(inner, { url, rate: 50, fresh: true });
    const before = new Set((await world.running("api", COUNT)).map(({ ID }) => ID));
    await world.submit(meshJob({ name: "api", port: 9002, count: COUNT, update: UPDATE, version: 2 }));
    await eventually(
      "every instance to be another",
      async () => {
        const running = (await world.allocations("api")).filter(({ ClientStatus }) => ClientStatus === "running");
        return running.length === COUNT && running.every(({ ID }) => !before.has(ID));
      },
      120_000,
    );
    await world.running("api", COUNT);
    judge(inner, await load.stop(), world);
  });
});

function judge(
  t: { diagnostic(message: string): void },
  { requests, errors, failures, skipped, latencyMs }: LoadResult,
  world: ChaosWorld,
): void {
  t.diagnostic(`${requests} requests, ${errors} errors, ${skipped} too late to begin, latencies ${JSON.stringify(latencyMs)}`);
  assert.ok(requests > 100);
  assert.deepEqual([errors, failures], [0, []], world.lastWords());
}

/** Dashboard's proxy sees as many of api as there are to be, all of them well. */
async function allKnown(world: ChaosWorld): Promise<void> {
  const [dashboard] = await world.running("dashboard");
  await eventually(
    "all instances to be known to the proxy",
    async () => {
      const { Proxies } = await world.agent.get<{ Proxies: { Standing: { upstreams: { healthy: number }[] } | null }[] }>(
        `/v1/client/allocation/${dashboard?.ID}/mesh`,
      );
      return Proxies[0]?.Standing?.upstreams.reduce((total, { healthy }) => total + healthy, 0) === COUNT;
    },
    60_000,
  );
}
