/**
 * Groups of every kind live and die in networks of their own while their agent is killed at moments nobody chose and in the middle of steps: at the
 * end the host is as it was: namespaces, cables, rules, leases, containers, Envoys, services and tokens of Consul, control groups, mounts, files.
 * 40 lives in the gate, 300 in soak. DROVER_SEED repeats the choices (not the moments),
 * DROVER_LIVES says how many.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { clientKillPoints } from "#client";
import { testScale } from "../scale.ts";
import { createSeededRandom } from "../simulation/random.ts";
import { freshName, leftSince, startLifecycleWorld, type LifecycleWorld } from "./network-lifecycles-world.ts";
import { eventually } from "./real-agent.ts";

const LIVE = { skip: process.env["DROVER_SKIP_LIVE"] === "1", timeout: 500_000 + 240_000 * (testScale() - 1) };
const LIVES = Number(process.env["DROVER_LIVES"] ?? (testScale() <= 1 ? 40 : 30 * testScale()));
const AT_ONCE = 5;
/** Where an agent that is to die in a step dies: those that make or take down something outside of it. */
const STEPS =
  /^(allocation\.(network|consul-sockets|services|directory|record)|task\.(network|proxy|mesh|process|logs|consul-token|driver))/;

test(
  "lives with networks of their own, and an agent that is killed at random, leave nothing (F38, F39, F40, F41, F44, F45, F48)",
  LIVE,
  async (t) => {
    const seed = Number(process.env["DROVER_SEED"] ?? randomInt(1_000_000));
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    const below = (limit: number): number => random.integer(limit);
    const points = clientKillPoints().filter((point) => STEPS.test(point));
    const world = await startLifecycleWorld(t);
    const { agent } = world;
    let begun = performance.now();
    const took = (what: string): void => {
      t.diagnostic(`${what}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      begun = performance.now();
    };

    await once(world);
    await agent.kill();
    await agent.restart();
    const before = await world.state();
    took("once each, unhurt");

    let over = false;
    let kills = 0;
    const died = new Map<string, number>();
    const killer = async (): Promise<void> => {
      while (!over) {
        const point = below(2) === 0 ? points[below(points.length)] : undefined;
        await agent.kill();
        kills++;
        const killedAt = performance.now();
        try {
          await agent.restart(point === undefined ? {} : { DROVER_KILL_AT: point });
          // On a busy machine all takes longer, and a life between two kills must get somewhere.
          if (point === undefined) await sleep(200 + below(3 * (performance.now() - killedAt)));
          else if (await Promise.race([agent.waitForExit().then(() => true), sleep(4_000, false)]))
            died.set(point, (died.get(point) ?? 0) + 1);
        } catch (error) {
          // It did not even become ready before.
          if (point === undefined) throw error;
          died.set(point, (died.get(point) ?? 0) + 1);
        }
      }
      await agent.kill();
      await agent.restart();
    };
    let [lived, ended] = [0, 0];
    const ids: string[] = [];
    const live = async (): Promise<void> => {
      while (ids.length < LIVES && !over) {
        const kind = world.kinds[ids.length % world.kinds.length] ?? "exec";
        const id = freshName(kind);
        ids.push(id);
        await world.submit(id, kind);
        if (below(2) === 0) await world.running(id, 90_000).then(() => lived++);
        else await sleep(below(1_500));
        await world.stop(id);
        await world.over([id], 90_000);
        ended++;
        if (ended % 10 === 0) t.diagnostic(`${ended} ended, ${kills} kills, ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      }
    };
    const killing = killer();
    killing.catch(() => undefined);
    try {
      await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, live)), killing]);
    } finally {
      over = true;
      await killing;
    }
    took(
      `${ids.length} lives (${lived} seen running) under ${kills} kills, ${[...died.values()].reduce((sum, each) => sum + each, 0)} of them in ${died.size} steps`,
    );

    await world.collect();
    await nothingIsLeft(world, before);
    took("nothing left");

    // One life of the agent, many of groups: it does not grow.
    await eventually("the agent to be at rest", () => world.size().children <= 1);
    await once(world);
    const small = world.size();
    for (let round = 0; round < Math.max(1, Math.round(testScale() / 2)); round++) await once(world);
    await eventually("the agent to be as small as it was (F48)", () => {
      const now = world.size();
      // Connections that are kept for a while, the test's own among them.
      if (now.files > small.files + 2 || now.sockets > small.sockets + 12 || now.children > small.children)
        throw new Error(JSON.stringify({ small, now }));
      return true;
    });
    await nothingIsLeft(world, before);
    took("and once more");
  },
);

/** One life of each kind, to its end. */
async function once(world: LifecycleWorld): Promise<void> {
  const ids = await Promise.all(
    world.kinds.map(async (kind) => {
      const id = freshName(kind);
      await world.submit(id, kind);
      await world.running(id, 60_000);
      await world.stop(id);
      return id;
    }),
  );
  await world.over(ids);
  await world.collect();
}

async function nothingIsLeft(world: LifecycleWorld, before: Awaited<ReturnType<LifecycleWorld["state"]>>): Promise<void> {
  let left: string[] = [];
  await eventually(
    "nothing to be left",
    async () => {
      left = leftSince(before, await world.state());
      return left.length === 0;
    },
    20_000,
  ).catch(() => undefined);
  assert.deepEqual(left, [], world.agent.output().slice(-4_000));
}
