import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "#integrations/memory";
import type { SharedHead, SharedLog } from "#ports";
import { NamedError } from "#std";
import { barrier } from "../../../../src/cluster/shared/barrier.ts";
import { Waiting } from "../../../../src/cluster/shared/requests.ts";

/** A reader of cluster "c-1" that has applied up to index 5, and what it asks. */
function reader() {
  const clock = createVirtualClock();
  const waiting = new Waiting();
  const ending = new AbortController();
  const world = {
    clusterId: "c-1",
    problem: undefined as NamedError | undefined,
    head: async (): Promise<SharedHead | null> => headOf("c-1", 5),
    asked: 0,
    logIndex: 5,
  };
  const shared = { head: () => (world.asked++, world.head()) } as unknown as SharedLog;
  let outcome = "waits";
  const begin = (limitMs = 5_000): void => {
    const standing = {
      waiting,
      clock,
      state: world,
      shared: () => shared,
      clusterId: () => world.clusterId,
      problem: () => world.problem,
      signal: ending.signal,
    };
    barrier(standing, limitMs).then(
      () => (outcome = "reads"),
      (thrown: NamedError) => (outcome = `${thrown.code}: ${thrown.message}`),
    );
  };
  /** As the tail does it: applied, then told. */
  const apply = (index: number): void => {
    world.logIndex = index;
    waiting.reached(index);
  };
  return { clock, waiting, world, ending, begin, apply, outcome: () => outcome };
}

const headOf = (ClusterId: string, LastIndex: number): SharedHead => ({ ClusterId, LastIndex, Epoch: 1, EpochId: "e", Floor: 1 });

test("A reader waits until what the head says is applied here, and no longer", async () => {
  const { clock, apply, world, begin, outcome } = reader();
  world.head = async () => headOf("c-1", 7);
  begin();
  await clock.advance(1_000);
  apply(6);
  await clock.settle();
  assert.equal(outcome(), "waits");
  apply(7);
  await clock.settle();
  assert.equal(outcome(), "reads");
});

test("A state that is found wrong while a reader waits is not read, though the last of what had come is applied to it", async () => {
  const { clock, waiting, apply, world, begin, outcome } = reader();
  world.head = async () => headOf("c-1", 7);
  begin();
  await clock.settle();
  world.logIndex = -1;
  waiting.reached(7);
  await clock.settle();
  assert.equal(outcome(), "waits");
  apply(8);
  await clock.settle();
  assert.equal(outcome(), "reads");
});

test("A reader that has given up is waited for no more: a server that is behind for long keeps none of them", async () => {
  const { clock, waiting, world, begin, outcome } = reader();
  world.head = async () => headOf("c-1", 7);
  begin();
  await clock.settle();
  assert.equal(waiting.readers, 1);
  await clock.advance(5_000);
  assert.match(outcome(), /^CLUSTER_NO_LEADER: .*did not catch up within 5 s/);
  assert.equal(waiting.readers, 0);
});

test("The head of another cluster answers no reader, whatever its index is: what was read here might be anything", async () => {
  for (const LastIndex of [0, 5, 9]) {
    const { clock, apply, world, begin, outcome } = reader();
    world.head = async () => headOf("c-2", LastIndex);
    begin();
    await clock.settle();
    apply(9);
    await clock.settle();
    assert.match(outcome(), /^CLUSTER_NO_LEADER: No cluster leader: the shared log is not this cluster's/);
    assert.equal(world.asked, 1);
  }
  const { clock, world, begin, outcome } = reader();
  world.head = async () => null;
  begin();
  await clock.settle();
  assert.match(outcome(), /not this cluster's/, "a log that was wiped neither");
});

test("A server that has just come reads nothing before it belongs to the cluster it found", async () => {
  const { clock, world, begin, outcome } = reader();
  world.clusterId = "";
  begin();
  await clock.advance(1_000);
  assert.equal(outcome(), "waits");
  world.clusterId = "c-1";
  await clock.advance(200);
  assert.equal(outcome(), "reads");
});

test("Silence of the shared log is waited out, within the reader's time; the agent's end ends it", async () => {
  const silent = () => Promise.reject(new NamedError("SHARED_LOG_UNREACHABLE", "Consul is silent", { statusCode: 503 }));
  const one = reader();
  one.world.head = silent;
  one.begin();
  await one.clock.advance(1_000);
  one.world.head = async () => headOf("c-1", 5);
  await one.clock.advance(200);
  assert.equal(one.outcome(), "reads");
  const two = reader();
  two.world.head = silent;
  two.begin(1_000);
  await two.clock.advance(1_100);
  assert.match(two.outcome(), /^CLUSTER_NO_LEADER: .*Consul is silent/);
  const three = reader();
  three.world.head = silent;
  three.begin();
  await three.clock.advance(100);
  three.ending.abort();
  await three.clock.settle();
  assert.match(three.outcome(), /^CLUSTER_NO_LEADER/);
});
