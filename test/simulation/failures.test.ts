/** Failures of servers among themselves, as far as one server can have them. Several servers join these stories later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "#cluster";
import { createMemoryDisk, createMemoryLink, createSeededRandom, openMemoryLog, openMemorySnapshots } from "#integrations/memory";
import type { Clock } from "#ports";
import { startServer } from "#server";
import { terminal } from "#model";
import { createSimulatedClock } from "./clock.ts";
import { jobOf, nodeOf } from "./fixtures.ts";
import { createSimulatedNode } from "./node.ts";
import { startWorld } from "./world.ts";

const ADMISSION = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };

/** A clock that fails at its n-th timer, as any part of a start may. */
function failingClock(clock: Clock, atTimer: number): Clock {
  let timers = 0;
  return {
    nowMs: () => clock.nowMs(),
    nowNs: () => clock.nowNs(),
    sleep: (delayMs) => clock.sleep(delayMs),
    after(delayMs, task) {
      if (++timers === atTimer) throw new Error("simulated: out of timers");
      return clock.after(delayMs, task);
    },
  };
}

test("a start that fails half-way leaves nobody acting: the next server is the only one that plans (F5)", async () => {
  for (let atTimer = 1; ; atTimer++) {
    const clock = createSimulatedClock();
    const random = createSeededRandom(atTimer);
    const disk = createMemoryDisk();
    const cluster = await startCluster({ log: openMemoryLog(disk), snapshots: openMemorySnapshots(disk), clock, random, freeze: true });
    const shape = { cluster, random, admission: ADMISSION };
    const failing = failingClock(clock, atTimer);
    const failed = await startServer({ ...shape, clock: failing }).then(
      async (server) => {
        await server.close();
        return false;
      },
      () => true,
    );
    const server = await startServer({ ...shape, clock });
    const node = createSimulatedNode({ node: nodeOf(random, { name: "n" }), link: createMemoryLink(server.link), clock });
    try {
      const plans: string[] = [];
      cluster.state.watch.subscribe(({ command }) => command.type === "plan-apply" && plans.push(command.Plan.EvalID));
      await node.connect();
      // A slow log: two brokers would both have planned before either's plan is there.
      disk.beforeAppend = () => clock.sleep(50);
      const registering = server.registerJob({ Job: jobOf({ id: "web", count: 3 }) });
      await clock.advance(2_000);
      const { EvalID } = await registering;
      assert.deepEqual([...new Set(plans)], [EvalID]);
      assert.equal(plans.length, 1, "one broker, one plan");
      assert.equal([...cluster.state.snapshot().allocations()].filter((each) => each.ClientStatus === "running").length, 3);
    } finally {
      node.vanish();
      await server.close();
      await cluster.close();
    }
    if (!failed) return;
  }
});

test("a server that comes back under another address keeps its state and its nodes (F25)", async () => {
  const world = await startWorld({ seed: 25 });
  try {
    const node = await world.addNode({ name: "n" });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(5_000);
    const before = [...world.cluster.state.snapshot().allocations()].map((each) => each.ID);
    const digest = world.cluster.state.digest();
    await world.restartServer({ address: "10.9.8.7:4647" });
    assert.equal(world.cluster.leaderAddress, "10.9.8.7:4647");
    assert.equal(world.cluster.state.digest(), digest, "the state is what it was");
    await world.clock.advance(30_000);
    const after = [...world.cluster.state.snapshot().allocations()];
    assert.deepEqual(
      after.map((each) => [each.ID, each.ClientStatus]),
      before.map((id) => [id, "running"]),
      "nothing was replaced",
    );
    assert.equal(world.cluster.state.snapshot().node(node.id)?.Status, "ready");
  } finally {
    await world.close();
  }
});

test("without ACLs every job type runs in every namespace and pool (F26)", async () => {
  const world = await startWorld({ seed: 26 });
  try {
    await world.server.upsertNamespace({ Name: "team" });
    await world.server.upsertNodePool({ Name: "special" });
    for (const pool of ["default", "special"]) await world.addNode({ name: pool, nodePool: pool });
    const wanted: string[] = [];
    for (const namespace of ["default", "team"]) {
      for (const nodePool of ["default", "special", "all"]) {
        for (const type of ["service", "batch", "system", "sysbatch"] as const) {
          const id = `${type}-${nodePool}`;
          await world.server.registerJob({
            Job: { ...jobOf({ id, type, count: 1, memoryMB: 10, cpu: 10, nodePool }), Namespace: namespace },
          });
          wanted.push(`${namespace}/${id}`);
        }
      }
    }
    await world.clock.advance(5_000);
    const snapshot = world.cluster.state.snapshot();
    const running = [...snapshot.allocations()].filter((each) => each.ClientStatus === "running");
    assert.deepEqual([...new Set(running.map((each) => `${each.Namespace}/${each.JobID}`))].toSorted(), wanted.toSorted());
    assert.equal([...snapshot.allocations()].filter((each) => each.ClientStatus === "failed").length, 0);
  } finally {
    await world.close();
  }
});

test("all that an allocation of a lost node held is free for another: ports, cores; volume claims join with volumes (F54)", async () => {
  const world = await startWorld({ seed: 54 });
  try {
    const [first, second] = [await world.addNode({ name: "a" }), await world.addNode({ name: "b" })];
    await world.server.registerJob({ Job: jobOf({ id: "pinned", count: 1, staticPort: 8080, cores: 4 }) });
    await world.clock.advance(5_000);
    const [held] = [...world.cluster.state.snapshot().allocations()];
    const lost = held?.NodeID === first.id ? first : second;
    lost.crash();
    await world.restartServer();
    await world.clock.advance(120_000);
    const live = [...world.cluster.state.snapshot().allocations()].filter((each) => !terminal(each));
    assert.deepEqual(
      live.map((each) => [each.Name, each.ClientStatus, each.NodeID === lost.id]),
      [["pinned.group[0]", "running", false]],
    );
    // It returns with nothing of the old one, and takes the next that wants the same.
    await lost.connect();
    await world.server.registerJob({ Job: jobOf({ id: "other", count: 1, staticPort: 8080, cores: 4 }) });
    await world.clock.advance(30_000);
    const other = [...world.cluster.state.snapshot().allocationsByJob("default", "other")];
    assert.deepEqual(
      other.map((each) => [each.ClientStatus, each.NodeID === lost.id]),
      [["running", true]],
    );
  } finally {
    await world.close();
  }
});
