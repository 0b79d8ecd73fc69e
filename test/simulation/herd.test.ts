/**
 * A herd and what happens to it: jobs come, change and go, tasks fail, nodes vanish, crash and return, servers restart. The invariants
 * hold after every commit; in the end, left alone, what is wanted runs.
 *
 * The seed is printed; DROVER_SEED=n replays a run.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { testScale } from "../scale.ts";
import { jobOf, type JobShape } from "./fixtures.ts";
import { checkInvariants, checkSettled } from "./invariants.ts";
import type { SimulatedNode } from "./node.ts";
import { seedOfRun } from "./random.ts";
import { startWorld, type World } from "./world.ts";

interface Setting {
  readonly nodes: number;
  readonly memoryMB: number;
  /** Ports and constraints too, all of it small enough to be had at any time; else sizes alone, more than there is room for. */
  readonly roomy: boolean;
}
const ROOMY: Setting = { nodes: 20, memoryMB: 8_192, roomy: true };
const TIGHT: Setting = { nodes: 6, memoryMB: 2_048, roomy: false };
const JOBS = 8;
const STEPS = 60;
const SETTLE_MS = 1_800_000;

const FIRST_SEED = seedOfRun();

for (let run = 0; run < Math.max(1, Math.round(3 * testScale())); run++) {
  const seed = (FIRST_SEED + run) >>> 0;
  test(`a herd under random jobs, failures and losses keeps its invariants and settles (F4, F6, F7; seed ${seed})`, (t) =>
    play(t, ROOMY, seed));
  test(`a herd without enough room keeps its invariants, and nobody waits where there is some (F6, F7; seed ${seed})`, (t) =>
    play(t, TIGHT, seed));
}

async function play(t: TestContext, setting: Setting, seed: number): Promise<void> {
  t.diagnostic(`DROVER_SEED=${seed}`);
  try {
    await simulate(setting, seed);
  } catch (thrown) {
    throw new Error(`seed ${seed}: replay with DROVER_SEED=${seed}`, { cause: thrown });
  }
}

async function simulate(setting: Setting, seed: number): Promise<void> {
  const broken: unknown[] = [];
  const world: World = await startWorld({
    seed,
    onChange(change, cluster) {
      try {
        checkInvariants(cluster.state.snapshot(), change);
      } catch (thrown) {
        broken.push(thrown);
      }
    },
  });
  const cutOff = new Map<SimulatedNode, "vanished" | "crashed">();
  const shapes = new Map<string, JobShape>();
  try {
    for (let index = 0; index < setting.nodes; index++) {
      await world.addNode(
        { name: `n${index}`, memoryMB: setting.memoryMB, nodeClass: index % 3 === 0 ? "large" : "small", datacenter: `dc${index % 2}` },
        { stopMs: 500, startMs: 50 },
      );
    }
    for (let step = 0; step < STEPS && broken.length === 0; step++) {
      await happen(world, setting, cutOff, shapes);
      await world.clock.advance(world.random.integer(world.random.integer(10) === 0 ? 60_000 : 2_000));
    }
    // Peace: everybody comes back, nothing more is asked.
    for (const node of cutOff.keys()) await node.connect();
    for (const node of world.nodes) await world.server.setNodeEligibility(node.id, "eligible");
    // What failed while its node was cut off is told first; then failed allocations are retried because somebody asks.
    await world.clock.advance(10_000);
    for (const job of world.cluster.state.snapshot().jobs("*")) {
      if (!job.Stop) await world.server.evaluateJob(job.Namespace, job.ID, { ForceReschedule: true });
    }
    for (let passed = 0; passed < SETTLE_MS && broken.length === 0; passed += 600_000) await world.clock.advance(600_000);
    if (broken.length > 0) throw broken[0];
    assert.deepEqual(world.errors, [], "nothing went wrong in the server's own eyes");
    checkSettled(world.cluster.state.snapshot());
    const { "broker.total_ready": ready, "broker.total_unacked": inHand, "broker.total_pending": pending } = world.server.statistics();
    assert.deepEqual([ready, inHand, pending], [0, 0, 0]);
    await forget(world);
  } finally {
    await world.close();
  }
}

/** One thing happens to the herd. */
async function happen(
  world: World,
  setting: Setting,
  cutOff: Map<SimulatedNode, "vanished" | "crashed">,
  shapes: Map<string, JobShape>,
): Promise<void> {
  const { random, server, nodes } = world;
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[random.integer(items.length)];
  const id = `job-${random.integer(JOBS)}`;
  const known = shapes.get(id);
  switch (random.integer(12)) {
    case 0:
    case 1:
    case 2: {
      const shape = known ?? newShape(world, setting, id);
      const next = {
        ...shape,
        count: 1 + random.integer(shape.staticPort === undefined ? 10 : 5),
        environment: { version: String(random.integer(3)) },
      };
      shapes.set(id, next);
      await server.registerJob({ Job: jobOf(next) });
      return;
    }
    case 3: {
      if (known === undefined) return;
      if (world.cluster.state.snapshot().job("default", id) === undefined) return;
      const purge = random.integer(2) === 0;
      await server.deregisterJob("default", id, { Purge: purge, EvalPriority: 0, NoShutdownDelay: false });
      return;
    }
    case 4:
    case 5: {
      const node = pick(nodes.filter((each) => !cutOff.has(each)));
      if (node === undefined || cutOff.size > setting.nodes / 3) return;
      const crash = random.integer(2) === 0;
      if (crash) node.crash();
      else node.vanish();
      cutOff.set(node, crash ? "crashed" : "vanished");
      return;
    }
    case 6: {
      const node = pick([...cutOff.keys()]);
      if (node === undefined) return;
      cutOff.delete(node);
      await node.connect();
      return;
    }
    case 7:
    case 8: {
      const node = pick(nodes);
      const held = node === undefined ? undefined : pick([...node.allocations].filter(([, { status }]) => status === "running"));
      // A service's task that ends well is restarted where it is: only batch allocations complete.
      const completes = held?.[1].allocation.Job.Type === "batch" && random.integer(2) === 0;
      if (held !== undefined) node?.finish(held[0], completes ? "complete" : "failed");
      return;
    }
    case 9: {
      const node = pick(nodes.filter((each) => isKnown(world, each)));
      if (node === undefined) return;
      await server.setNodeEligibility(node.id, random.integer(2) === 0 ? "ineligible" : "eligible");
      return;
    }
    case 10: {
      const allocation = pick([...world.cluster.state.snapshot().allocations()]);
      if (allocation !== undefined) await server.stopAllocation(allocation.ID, { NoShutdownDelay: false });
      return;
    }
    default: {
      if (random.integer(2) === 0) await server.collectGarbage();
      else await world.restartServer();
    }
  }
}

/** A node that is down may be garbage already. */
function isKnown(world: World, node: SimulatedNode): boolean {
  return world.cluster.state.snapshot().node(node.id) !== undefined;
}

function newShape({ random }: World, setting: Setting, id: string): JobShape {
  const shape: JobShape = {
    id,
    type: random.integer(3) === 0 ? "batch" : "service",
    count: 1,
    cpu: 100 + random.integer(300),
    memoryMB: 100 + random.integer(600),
    priority: 30 + random.integer(40),
  };
  if (!setting.roomy) return shape;
  return {
    ...shape,
    dynamicPorts: random.integer(3),
    // A port of its own, and few of them: what is wanted can always be had.
    ...(random.integer(4) === 0 ? { staticPort: 8_000 + Number(id.slice(4)) } : {}),
    ...(random.integer(5) === 0 ? { constraints: [{ LTarget: "${node.class}", RTarget: "large", Operand: "=" }] } : {}),
  };
}

/** Stopped and collected, nothing is left of it. */
async function forget(world: World): Promise<void> {
  const { server, cluster, clock } = world;
  for (const job of cluster.state.snapshot().jobs("*")) {
    if (!job.Stop) await server.deregisterJob(job.Namespace, job.ID, { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
  }
  await clock.advance(60_000);
  await server.collectGarbage();
  const snapshot = cluster.state.snapshot();
  const left = [...snapshot.jobs("*"), ...snapshot.allocations(), ...snapshot.evaluations()].map((record) => record.ID);
  assert.deepEqual(left, [], "after stop and gc nothing is left");
}
