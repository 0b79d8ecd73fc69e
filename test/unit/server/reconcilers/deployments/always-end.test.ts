import assert from "node:assert/strict";
import { test } from "node:test";
import { awaitsPromotion, type Deployment, deploymentActive } from "#model";
import { NamedError } from "#std";
import { BEHAVIOURS, jobOf } from "../../../../simulation/fixtures.ts";
import { startWorld, type World } from "../../../../simulation/world.ts";
import { testScale } from "../../../../scale.ts";

const SECOND = 1e9;
const stop = { EvalPriority: 0, NoShutdownDelay: false };
const SEEDS = Math.ceil(20 * testScale());

const active = (world: World): Deployment[] => [...world.cluster.state.snapshot().activeDeployments()];

/** One thing a person, or fate, does. */
async function meddle(world: World): Promise<string> {
  const { random, server } = world;
  const [deployment] = active(world);
  const node = world.nodes[random.integer(world.nodes.length)];
  assert.ok(node !== undefined);
  const moves: Record<string, () => unknown> = {
    change: () => register(world, random.integer(1_000)),
    scale: () => register(world, 1),
    promote: () => deployment && server.promoteDeployment(deployment.ID, null),
    pause: () => deployment && server.pauseDeployment(deployment.ID, true),
    resume: () => deployment && server.pauseDeployment(deployment.ID, false),
    fail: () => deployment && server.failDeployment(deployment.ID),
    revert: () => server.revertJob("default", "web", random.integer(4), { EnforcePriorVersion: null }),
    drain: () => server.drainNode(node.id, { Drain: { Deadline: 60 * SECOND, IgnoreSystemJobs: false }, MarkEligible: false, Meta: {} }),
    open: () => server.drainNode(node.id, { Drain: null, MarkEligible: true, Meta: {} }),
    stop: () => server.deregisterJob("default", "web", { ...stop, Purge: random.integer(2) === 0 }),
    crash: () => node.crash(),
    return: () => node.connect(),
    restart: () => world.restartServer(),
  };
  const names = Object.keys(moves);
  const name = names[random.integer(names.length)] as string;
  try {
    await moves[name]?.();
  } catch (thrown) {
    if (!(thrown instanceof NamedError) || thrown.statusCode >= 500) throw thrown;
  }
  return name;
}

function register(world: World, version: number): Promise<unknown> {
  const { random } = world;
  const update = {
    MaxParallel: 1 + random.integer(2),
    MinHealthyTime: 2 * SECOND,
    HealthyDeadline: 20 * SECOND,
    ProgressDeadline: random.integer(5) === 0 ? 0 : 45 * SECOND,
    Canary: random.integer(3),
    AutoPromote: false,
    AutoRevert: random.integer(2) === 0,
  };
  const job = jobOf({
    id: "web",
    count: 1 + random.integer(4),
    environment: { version: String(version) },
    behaviour: BEHAVIOURS[random.integer(3)] ?? "well",
    update: { ...update, AutoPromote: update.Canary > 0 && random.integer(2) === 0 },
    reschedule: { Delay: 5 * SECOND, DelayFunction: "constant", MaxDelay: 3_600 * SECOND, Unlimited: true },
  });
  return world.server.registerJob({ Job: job });
}

/** Nobody meddles any more, every node is back, and whoever waits for a person's word gets it. */
async function calmDown(world: World): Promise<void> {
  const { server } = world;
  for (const node of world.nodes) {
    node.vanish();
    await node.connect();
    await server.drainNode(node.id, { Drain: null, MarkEligible: true, Meta: {} });
  }
  for (let round = 0; round < 6 && active(world).length > 0; round++) {
    await world.clock.advance(120_000);
    for (const deployment of active(world)) {
      if (deployment.Status === "paused") await server.pauseDeployment(deployment.ID, false);
      else if (awaitsPromotion(deployment)) await server.promoteDeployment(deployment.ID, null).catch(() => undefined);
    }
  }
}

test(`whatever is done to a job while it is deployed, every deployment ends, with a reason (F14; ${SEEDS} seeds)`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = await startWorld({ seed });
    const story: string[] = [];
    try {
      for (const name of ["a", "b", "c"]) await world.addNode({ name });
      await register(world, 0);
      for (let step = 0; step < 14; step++) {
        await world.clock.advance(500 + world.random.integer(20_000));
        story.push(await meddle(world));
      }
      await calmDown(world);
      for (const deployment of world.cluster.state.snapshot().deployments()) {
        const told = `seed ${seed}: version ${deployment.JobVersion} is ${deployment.Status} ("${deployment.StatusDescription}") after ${story.join(", ")}`;
        assert.ok(!deploymentActive(deployment), told);
        assert.notEqual(deployment.StatusDescription, "", told);
      }
      assert.deepEqual(world.errors, [], `seed ${seed}`);
    } finally {
      await world.close();
    }
  }
});
