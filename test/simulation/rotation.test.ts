/** One secret that five hundred allocations use is rotated: all ask for a turn at once, and the servers die in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocationClientUpdate, AllocationId } from "#model";
import type { LinkConnection } from "#ports";
import { jobOf, nodeOf } from "./fixtures.ts";
import { startWorld } from "./world.ts";

const ALLOCATIONS = 500;
const NODES = 10;
const MAX_PARALLEL = 5;
const DEATHS = [30, 120, 250];

test(`${ALLOCATIONS} allocations rotate with at most ${MAX_PARALLEL} down, while the server is killed ${DEATHS.length} times`, async (context) => {
  const world = await startWorld({ seed: 7, freeze: false, snapshotEveryEntries: 500 });
  const startedMs = performance.now();
  let mostHeld = 0;
  let mostDown = 0;
  let done = 0;
  const down = new Set<AllocationId>();
  try {
    const players = Array.from({ length: NODES }, (_, index) => {
      const node = nodeOf(world.random, { name: `n${index}`, cpuMHz: 100_000, memoryMB: 100_000, diskMB: 1_000_000 });
      let open: Promise<LinkConnection> | undefined;
      /** Connects anew whenever the connection was lost, as a node's agent does. */
      const connection = (): Promise<LinkConnection> => {
        open ??= (async () => {
          const made = await world.link.connect(
            node,
            { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as never },
            () => (open = undefined),
          );
          await made.register(node);
          return made;
        })();
        open.catch(() => (open = undefined));
        return open;
      };
      async function persist<Answer>(call: (through: LinkConnection) => Promise<Answer>): Promise<Answer> {
        for (;;) {
          try {
            return await call(await connection());
          } catch {
            await world.clock.sleep(500);
          }
        }
      }
      return { node, persist };
    });
    await Promise.all([...players.map(({ persist }) => persist((each) => each.heartbeat())), world.clock.advance(2_000)]);
    const update = { MaxParallel: MAX_PARALLEL, HealthyDeadline: 300e9, MinHealthyTime: 0 };
    await world.server.registerJob({ Job: jobOf({ id: "web", count: ALLOCATIONS, cpu: 10, memoryMB: 10, diskMB: 10, update }) });
    await world.clock.advance(10_000);

    const status = (ID: AllocationId, NodeID: string, ClientStatus: "running" | "pending"): AllocationClientUpdate =>
      ({
        ID,
        NodeID,
        ClientStatus,
        ClientDescription: "",
        TaskStates: {},
        DeploymentStatus: ClientStatus === "running" ? { Healthy: true, Timestamp: "2026-01-01T00:00:00Z" } : null,
      }) as unknown as AllocationClientUpdate;
    const placed = players.map((player) => ({
      ...player,
      ids: [...world.cluster.state.snapshot().allocationsByNode(player.node.ID)].map(({ ID }) => ID),
    }));
    assert.equal(placed.flatMap(({ ids }) => ids).length, ALLOCATIONS);
    await Promise.all([
      ...placed.map(({ node, ids, persist }) => persist((to) => to.updateAllocations(ids.map((id) => status(id, node.ID, "running"))))),
      world.clock.advance(5_000),
    ]);

    const look = () => {
      mostHeld = Math.max(mostHeld, [...world.cluster.state.snapshot().restartTurns()].length);
      mostDown = Math.max(mostDown, down.size);
    };
    async function rotate(player: (typeof placed)[number], id: AllocationId): Promise<void> {
      while (!(await player.persist((to) => to.takeTurn(id))).Granted);
      down.add(id);
      look();
      await player.persist((to) => to.updateAllocations([status(id, player.node.ID, "pending")]));
      await world.clock.sleep(200 + world.random.integer(2_000));
      down.delete(id);
      await player.persist((to) => to.updateAllocations([status(id, player.node.ID, "running")]));
      await player.persist((to) => to.giveTurnBack(id));
      done++;
    }
    const beganMs = world.clock.nowMs();
    const all = Promise.all(placed.flatMap((player) => player.ids.map((id) => rotate(player, id))));
    const deaths = [...DEATHS];
    while (done < ALLOCATIONS && world.clock.nowMs() - beganMs < 3_600_000) {
      await world.clock.advance(1_000);
      look();
      if (done >= (deaths[0] ?? Infinity)) {
        deaths.shift();
        await world.restartServer();
      }
      await Promise.all([...placed.map(({ persist }) => persist((to) => to.heartbeat())), world.clock.advance(500)]);
    }
    assert.equal(done, ALLOCATIONS, `only ${done} were done within an hour`);
    await all;
    assert.deepEqual([...world.cluster.state.snapshot().restartTurns()], []);
    assert.ok(mostHeld <= MAX_PARALLEL && mostDown <= MAX_PARALLEL, `${mostHeld} held a turn, ${mostDown} were down`);
    assert.equal(deaths.length, 0, "the server died as often as it should");
    const seconds = (world.clock.nowMs() - beganMs) / 1_000;
    // 1.2 s each, five at a time: some 120 s and what the deaths cost.
    assert.ok(seconds < 600, `it took ${seconds} s`);
    const tookMs = Math.round(performance.now() - startedMs);
    context.diagnostic(
      `${ALLOCATIONS} rotated in ${seconds} s of theirs (${tookMs} ms of ours), at most ${mostDown} down, ${mostHeld} turns held`,
    );
  } finally {
    await world.close();
  }
});
