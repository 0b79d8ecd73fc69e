import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation, AllocationId } from "#model";
import type { LinkConnection, RestartTurn } from "#ports";
import { NamedError } from "#std";
import { jobOf, nodeOf, type JobShape } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const END = { allocationsChanged: () => undefined, servicesChanged: () => undefined, services: {} as never };
const isCode = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;
const SECOND = 1e9;

interface Cast {
  readonly world: World;
  readonly connection: LinkConnection;
  readonly allocations: readonly [Allocation, Allocation, Allocation];
  say(allocation: Allocation, status: "running" | "pending" | "failed"): Promise<void>;
  /** Asks; the answer when there is one by now. */
  ask(allocation: Allocation): Promise<{ answer: RestartTurn | undefined }>;
  held(): readonly string[];
}

async function playing(shape: Partial<JobShape>, play: (cast: Cast) => Promise<void>): Promise<void> {
  // The node says nothing of itself for minutes.
  await inside({ server: { heartbeats: { ttlMinMs: 86_400_000 } } }, async (world) => {
    const node = nodeOf(world.random, { name: "n1" });
    const connection = await world.link.connect(node, END, () => undefined);
    await connection.register(node);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 3, cpu: 10, memoryMB: 10, ...shape }) });
    await world.clock.advance(1_000);
    const allocations = [...world.cluster.state.snapshot().allocationsByNode(node.ID)] as unknown as Cast["allocations"];
    const say: Cast["say"] = async ({ ID }, ClientStatus) => {
      const DeploymentStatus = ClientStatus === "running" ? { Healthy: true, Timestamp: "2026-01-01T00:00:00Z" } : null;
      const update = { ID, NodeID: node.ID, ClientStatus, ClientDescription: "", TaskStates: {}, DeploymentStatus };
      await Promise.all([connection.updateAllocations([update as never]), world.clock.advance(1_000)]);
    };
    for (const each of allocations) await say(each, "running");
    await world.clock.advance(5_000);
    await play({
      world,
      connection,
      allocations,
      say,
      async ask({ ID }) {
        const asked: { answer: RestartTurn | undefined } = { answer: undefined };
        connection.takeTurn(ID).then(
          (answer) => (asked.answer = answer),
          // The server's end, when the test is over.
          () => undefined,
        );
        await world.clock.settle();
        return asked;
      },
      held: () => [...world.cluster.state.snapshot().restartTurns()].map(({ AllocationID }) => AllocationID),
    });
  });
}
const LIMITED: Partial<JobShape> = { update: { MaxParallel: 1, HealthyDeadline: 60 * SECOND } };

test("One at a time: the next is granted in the moment the turn comes back, in the order they asked", () =>
  playing(LIMITED, async ({ allocations: [a, b, c], ask, connection, held, world }) => {
    const [first, second, third] = [await ask(a), await ask(b), await ask(c)];
    assert.deepEqual([first.answer?.Granted, second.answer, third.answer], [true, undefined, undefined]);
    assert.deepEqual(held(), [a.ID]);
    assert.equal((await ask(a)).answer?.Granted, true, "what is held is granted again");
    await connection.giveTurnBack(a.ID);
    await world.clock.settle();
    assert.deepEqual([second.answer?.Granted, third.answer, held()], [true, undefined, [b.ID]]);
  }));

test("Who waits hears why within 20 s, and keeps its place for a minute", () =>
  playing(LIMITED, async ({ allocations: [a, b, c], ask, connection, held, world }) => {
    await ask(a);
    const second = await ask(b);
    await world.clock.advance(20_000);
    assert.deepEqual(second.answer, { Granted: false, Reason: '1 of 1 allocation of group "group" is being restarted' });
    const third = await ask(c);
    await world.clock.advance(5_000);
    const again = await ask(b);
    await connection.giveTurnBack(a.ID);
    await world.clock.settle();
    assert.deepEqual([again.answer?.Granted, third.answer, held()], [true, undefined, [b.ID]]);
  }));

test("A crash takes a place until it is mended, or for healthy_deadline", () =>
  playing(LIMITED, async ({ allocations: [a, b, c], ask, connection, say, world }) => {
    await say(c, "pending");
    const first = await ask(a);
    const granted = () => first.answer?.Granted;
    assert.equal(granted(), undefined);
    await say(c, "running");
    assert.equal(granted(), true);
    await connection.giveTurnBack(a.ID);
    await say(c, "pending");
    const second = await ask(b);
    await world.clock.advance(20_000);
    assert.deepEqual(second.answer, { Granted: false, Reason: '1 is down in group "group", where max_parallel is 1' });
    await ask(b);
    await world.clock.advance(18_000);
    const last = await ask(b);
    await world.clock.advance(18_000);
    const later = await ask(b);
    await world.clock.advance(10_000);
    assert.deepEqual([last.answer?.Granted, later.answer?.Granted], [false, true], "healthy_deadline has passed");
  }));

test("A turn ends with its allocation, with its node, and after ten minutes", async () => {
  await playing(LIMITED, async ({ allocations: [a], ask, say, held }) => {
    await ask(a);
    await say(a, "failed");
    assert.deepEqual(held(), []);
  });
  await playing(LIMITED, async ({ allocations: [, b, c], ask, held, world }) => {
    await ask(b);
    const heldIt: string[] = [];
    for (let minute = 0; minute < 11; minute++) {
      heldIt.push(held().join());
      await ask(c);
      await world.clock.advance(60_000);
    }
    assert.deepEqual([heldIt[0], heldIt[9], held()], [b.ID, b.ID, [c.ID]]);
    await world.server.purgeNode(b.NodeID);
    assert.deepEqual(held(), []);
  });
});

test("Turns survive the server's death; groups without a limit need none; another node's are refused", async () => {
  await playing(LIMITED, async ({ allocations: [a], ask, held, world }) => {
    await ask(a);
    await world.restartServer();
    assert.deepEqual(held(), [a.ID]);
  });
  await playing({ update: { MaxParallel: 0 } }, async ({ allocations, ask, held, connection, world }) => {
    for (const each of allocations) assert.equal((await ask(each)).answer?.Granted, true);
    assert.deepEqual(held(), []);
    await assert.rejects(connection.takeTurn("unknown" as AllocationId), isCode("TURN_FOREIGN"));
    await connection.giveTurnBack("unknown" as AllocationId);
    const stranger = nodeOf(world.random, { name: "n2" });
    const other = await world.link.connect(stranger, END, () => undefined);
    await other.register(stranger);
    const mine = allocations[0].ID;
    await assert.rejects(other.takeTurn(mine), isCode("TURN_FOREIGN"));
    await assert.rejects(other.giveTurnBack(mine), isCode("TURN_FOREIGN"));
  });
  await playing({ type: "batch" }, async ({ allocations: [a], ask }) => assert.equal((await ask(a)).answer?.Granted, true));
});
