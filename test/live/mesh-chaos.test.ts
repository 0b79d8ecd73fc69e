/** Agent, Consul and Envoys killed in every order, and Envoys at random: traffic comes back, and no application notices (F37). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "#integrations/memory";
import { testScale } from "../scale.ts";
import { openChaos, type ChaosWorld } from "./mesh-chaos-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: testScale() >= 10 ? 900_000 : 240_000 };
const SEED = Number(process.env["DROVER_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BACK_MS = 30_000;

const VICTIMS = ["agent", "Consul", "Envoy"] as const;
type Victim = (typeof VICTIMS)[number];
const ORDERS = VICTIMS.flatMap((first) =>
  VICTIMS.filter((each) => each !== first).flatMap((second) =>
    VICTIMS.filter((each) => each !== first && each !== second).map((third) => [first, second, third] as const),
  ),
);

test("whatever of the mesh is killed, in whichever order: traffic is back in time and no application notices", LIVE, async (t) => {
  t.diagnostic(`DROVER_SEED=${SEED}`);
  const random = createSeededRandom(SEED);
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const world = await openChaos(t);
  const apps = await world.apps();
  assert.equal(apps.length, 2);

  const from = below(ORDERS.length);
  for (let number = 0; number < (testScale() >= 10 ? ORDERS.length : 2); number++) {
    // Neighbours in the list begin alike.
    const order = ORDERS[(from + number * (testScale() >= 10 ? 1 : 3)) % ORDERS.length] as (typeof ORDERS)[number];
    await t.test(`killed: ${order.join(", ")}`, async (inner) => {
      for (const victim of order) await kill(world, victim);
      for (const victim of order) await revive(world, victim);
      const tookMs = await world.answers(BACK_MS);
      inner.diagnostic(`traffic ${Math.round(tookMs)} ms after everything was there again`);
      await eventually("everything to be whole", async () => (await world.whole(), true), 30_000);
      assert.deepEqual(await world.apps(), apps);
      // It is no accident of the moment.
      await stays(world);
    });
  }

  await t.test("Envoys killed at random", async (inner) => {
    const kills = testScale() >= 10 ? 10 : 4;
    const before = await world.restarts("dashboard");
    for (let number = 0; number < kills; number++) {
      const proxies = await eventually(
        "both proxies to live",
        async () => ((await world.proxies()).length === 2 ? world.proxies() : undefined),
        BACK_MS,
      );
      const victim = proxies[below(proxies.length)];
      assert.ok(victim);
      process.kill(victim.pid, "SIGKILL");
      await eventually(
        "another in its place",
        async () => (await world.proxies()).length === 2 && !(await world.proxies()).some(({ pid }) => pid === victim.pid),
        BACK_MS,
      );
      inner.diagnostic(`${victim.task}: traffic ${Math.round(await world.answers(BACK_MS))} ms after another stood in its place`);
    }
    assert.deepEqual(await world.apps(), apps);
    const after = { ...(await world.restarts("dashboard")) };
    assert.equal(after["dashboard"], 0);
    assert.equal((await world.restarts("api"))["api"], 0);
    const restarted = (after["connect-proxy-dashboard"] ?? 0) - (before["connect-proxy-dashboard"] ?? 0);
    assert.ok(restarted <= kills, `${restarted} restarts of one proxy for ${kills} kills of both`);
    await stays(world);
    await eventually("everything to be whole", async () => (await world.whole(), true), 30_000);
  });
});

async function kill(world: ChaosWorld, victim: Victim): Promise<void> {
  if (victim === "agent") return world.agent.kill();
  if (victim === "Consul") return world.consul.kill();
  // By the processes: nobody may be there to ask which they are.
  for (const pid of await envoysOf(world)) process.kill(pid, "SIGKILL");
}

async function revive(world: ChaosWorld, victim: Victim): Promise<void> {
  if (victim === "agent") await world.agent.restart();
  if (victim === "Consul") await world.consul.restart();
}

async function envoysOf(world: ChaosWorld): Promise<number[]> {
  const { stdout } = await world.host.run("pgrep", ["-x", "envoy"]);
  const own = new Set(await world.host.pids());
  return stdout
    .split("\n")
    .filter(Boolean)
    .map(Number)
    .filter((pid) => own.has(pid));
}

/** The proxies that stand now are still there after the board looked at them a few times, and each request came through. */
async function stays(world: ChaosWorld): Promise<void> {
  const proxies = await world.proxies();
  for (let number = 0; number < 50; number++) assert.equal(await world.answer(), "dashboard <- api");
  assert.deepEqual(await world.proxies(), proxies);
}
