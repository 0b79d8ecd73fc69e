/** Silence (F35): a proxy that hangs is replaced while Consul answers; while Consul is silent for all, nothing is, and traffic goes on. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { testScale } from "../scale.ts";
import { openChaos, type ChaosWorld } from "./mesh-chaos-world.ts";
import { slowConsul, type SlowConsul } from "./parts/slow-consul.ts";
import { eventually } from "./real-agent.ts";

const SOAK = testScale() >= 10;
const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: SOAK ? 600_000 : 240_000 };
const REPLACED_MS = 60_000;
/** In the long run: longer than any silence that is not borne of a proxy (15 s until it notices, 12 until we look, 25 of patience). */
const SILENCE_MS = SOAK ? 75_000 : 8_000;
const FOR_EVER_MS = 86_400_000;

test("a proxy that hangs is replaced in time, and a silent Consul costs nobody anything", LIVE, async (t) => {
  let grpc: SlowConsul | undefined;
  const world = await openChaos(t, {
    between: async (consul, host, gateway) => {
      grpc = await slowConsul(consul, 0, { listen: gateway, host: host.address, port: consul.grpcPort });
      return { grpc: grpc.address };
    },
  });
  const apps = await world.apps();

  await t.test("an Envoy that was stopped in its tracks", async (inner) => {
    const [victim] = (await world.proxies()).filter(({ task }) => task === "connect-proxy-api");
    assert.ok(victim);
    const began = performance.now();
    process.kill(victim.pid, "SIGSTOP");
    await eventually(
      "another in its place",
      async () => (await world.proxies()).every(({ pid }) => pid !== victim.pid) && (await world.proxies()).length === 2,
      REPLACED_MS,
    );
    await world.answers(REPLACED_MS - (performance.now() - began));
    inner.diagnostic(`traffic ${Math.round(performance.now() - began)} ms after it`);
    await eventually("everything to be whole", async () => (await world.whole(), true), 30_000);
    assert.deepEqual(await world.apps(), apps);
  });

  await t.test("a Consul that was stopped in its tracks", async (inner) => {
    await silent(
      inner,
      world,
      () => world.consul.pause(),
      () => world.consul.resume(),
    );
  });

  await t.test("streams that lead to somebody who takes them and says nothing", async (inner) => {
    await silent(
      inner,
      world,
      () => grpc?.setDelay(FOR_EVER_MS),
      () => grpc?.setDelay(0),
    );
  });
  assert.deepEqual(await world.apps(), apps);
});

/** Nothing is replaced, requests come through all the time, and afterwards what Consul says reaches the proxies. */
async function silent(t: TestContext, world: ChaosWorld, begin: () => void, end: () => void): Promise<void> {
  const proxies = await world.proxies();
  const until = performance.now() + SILENCE_MS;
  let asked = 0;
  begin();
  try {
    while (performance.now() < until) {
      assert.equal(await world.answer(), "dashboard <- api");
      asked++;
      await sleep(100);
    }
    assert.deepEqual(await world.proxies(), proxies);
  } finally {
    end();
  }
  t.diagnostic(`${asked} requests in ${SILENCE_MS} ms of silence`);
  const began = performance.now();
  for (const action of ["deny", "allow"] as const) {
    await eventually("Consul to take an intention", async () => (await world.intend("dashboard", "api", action), true), 30_000);
    await eventually(
      `${action} to be heard`,
      async () =>
        (await world.answer().then(
          () => "allow",
          () => "deny",
        )) === action,
      REPLACED_MS,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${world.lastWords()}`);
    });
  }
  t.diagnostic(`proxies heard of two changes ${Math.round(performance.now() - began)} ms after it`);
  assert.deepEqual(await world.proxies(), proxies);
}
