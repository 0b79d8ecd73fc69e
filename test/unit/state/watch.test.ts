import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "#integrations/memory";
import type { DeploymentId, Event, NodeId } from "#model";
import type { Change, EventStream } from "#state";
import { testScale } from "../../scale.ts";
import { DEFAULT, deployment, deploymentGroup, evaluation, Hand, job, node, nodePool, placement, plan } from "./nouns.ts";

test("A wait answers at once when the table has moved, waits when not, and ends at its limit or abort", async () => {
  const hand = new Hand();
  const { watch } = hand.state;
  hand.register(job("a"));
  assert.equal(await watch.changed(["jobs"], 1, 1000), true);
  const ended: string[] = [];
  const waits = [
    watch.changed(["nodes", "jobs"], 2, 10_000).then((moved) => ended.push(`either ${moved}`)),
    watch.changed(["nodes"], 2, 500).then((moved) => ended.push(`nodes ${moved}`)),
  ];
  const controller = new AbortController();
  waits.push(watch.changed(["nodes"], 2, 10_000, controller.signal).then((moved) => ended.push(`aborted ${moved}`)));
  await hand.clock.advance(499);
  assert.deepEqual(ended, []);
  hand.register(job("b"), "e2");
  await hand.clock.advance(0);
  assert.deepEqual(ended, ["either true"]);
  await hand.clock.advance(1);
  controller.abort();
  await Promise.all(waits);
  assert.deepEqual(ended, ["either true", "nodes false", "aborted false"]);
  assert.equal(hand.clock.pending, 0);
  assert.equal(await watch.changed(["nodes"], 2, 0), false);
  assert.equal(await watch.changed(["nodes"], 2, 1000, AbortSignal.abort()), false);
});

test("Tables are watched apart, and no table's index is below 1 (F3)", () => {
  const hand = new Hand();
  assert.equal(hand.state.index, 1);
  assert.equal(hand.state.snapshot().tableIndex("jobs"), 1);
  hand.node(node("n1"));
  hand.register(job("a"), null);
  hand.evaluations(evaluation("e1", "a"));
  const snapshot = hand.state.snapshot();
  assert.deepEqual(
    [snapshot.tableIndex("nodes"), snapshot.tableIndex("jobs"), snapshot.tableIndex("evaluations"), snapshot.tableIndex("allocations")],
    [2, 3, 4, 1],
  );
  assert.equal(snapshot.tableIndex("nodes", "jobs"), 3);
});

test("However reads and writes interleave, no reader misses a change (F2)", async () => {
  const hand = new Hand();
  const random = createSeededRandom(7);
  const writes = 20_000 * testScale();
  const turn = () => (random.integer(2) === 0 ? Promise.resolve() : new Promise<void>((resolve) => queueMicrotask(resolve)));
  const reader = async () => {
    let seen = 1;
    while (seen < writes) {
      // As every blocking endpoint does: read, remember the index, maybe dawdle, then wait for more.
      seen = hand.state.snapshot().tableIndex("nodes");
      for (let n = random.integer(3); n > 0; n--) await turn();
      if (seen < writes) assert.equal(await hand.state.watch.changed(["nodes"], seen, 1e9), true);
    }
  };
  const writer = async () => {
    while (hand.state.index < writes) {
      hand.write({ type: "node-register", Node: node("n1"), Evaluations: [] });
      for (let n = random.integer(3); n > 0; n--) await turn();
    }
  };
  await Promise.all([reader(), reader(), reader(), writer()]);
  assert.equal(hand.clock.pending, 0);
});

test("Listeners hear what was written and what is gone, in order, and can leave", () => {
  const hand = new Hand();
  const changes: Change[] = [];
  const leave = hand.state.watch.subscribe((change) => changes.push(change));
  hand.node(node("n1"));
  hand.register(job("a"));
  hand.place("a", "n1", ["a1"]);
  assert.deepEqual(
    changes.map((change) => [change.index, change.command.type]),
    [
      [2, "node-register"],
      [3, "job-register"],
      [4, "plan-apply"],
    ],
  );
  assert.deepEqual(
    changes[2]?.allocations.map((each) => each.ID),
    ["a1"],
  );
  assert.deepEqual(
    changes[2]?.jobs.map((each) => each.Status),
    ["running"],
  );
  hand.report("a1", "complete");
  hand.write({ type: "reap", Jobs: [], Evaluations: [], Allocations: ["a1" as never] });
  assert.deepEqual(
    changes[4]?.goneAllocations.map((each) => each.ID),
    ["a1"],
  );
  hand.write({ type: "node-purge", NodeIDs: ["n1" as NodeId], Evaluations: [] });
  assert.deepEqual(changes[5]?.goneNodes, ["n1"]);
  leave();
  hand.register(job("b"), "e2");
  assert.equal(changes.length, 6);
});

const everything = (fromIndex: number): Parameters<EventStream["read"]>[0] => ({
  topics: new Map([["*", ["*"]]]),
  namespace: "*",
  fromIndex,
});

async function take(
  stream: AsyncIterable<{ Index: number; Events: readonly Event[] }>,
  count: number,
): Promise<{ Index: number; Events: readonly Event[] }[]> {
  const taken: { Index: number; Events: readonly Event[] }[] = [];
  for await (const batch of stream) {
    taken.push(batch);
    if (taken.length === count) break;
  }
  return taken;
}

test("Events carry the record under its topic; an allocation without its job, a node without its secret", async () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"));
  hand.place("a", "n1", ["a1"]);
  hand.report("a1", "running");
  const batches = await take(hand.state.events.read(everything(1), new AbortController().signal), 4);
  assert.deepEqual(
    batches.map(({ Index, Events }) => [Index, ...Events.map((each) => `${each.Topic} ${each.Type} ${each.Key}`)]),
    [
      [2, "Node NodeRegistration n1"],
      [3, "Job JobRegistered a", "Evaluation JobRegistered e1"],
      [4, "Job PlanResult a", "Allocation PlanResult a1"],
      [5, "Allocation AllocationUpdated a1"],
    ],
  );
  const [registered, , placed] = batches;
  assert.partialDeepStrictEqual(registered?.Events[0]?.Payload["Node"], { ID: "n1", SecretID: "" });
  const allocation = placed?.Events[1]?.Payload["Allocation"] as Record<string, unknown>;
  assert.equal(allocation["ID"], "a1");
  assert.equal("Job" in allocation, false);
  assert.deepEqual(placed?.Events[1]?.FilterKeys, ["a"]);
});

test("Every kind of change has the type Nomad's clients know, on the topics it touches", async () => {
  const hand = new Hand();
  hand.node(node("n1", { NodePool: "gpu" }));
  hand.register(job("a"));
  const of = hand.job("a");
  const DeploymentID = "d1" as DeploymentId;
  const groups = { web: deploymentGroup({ DesiredCanaries: 1 }) };
  const canary = { DeploymentID, DeploymentStatus: { Healthy: null, Canary: true, Timestamp: "", ModifyIndex: 0 } };
  hand.plan(plan(of, { Deployment: deployment("d1", of, { TaskGroups: groups }), Placements: [placement("a1", "a", "n1", canary)] }), [
    evaluation("e1", "a", { Status: "complete" }),
  ]);
  hand.write({ type: "deployment-allocation-health", DeploymentID, Healthy: ["a1" as never], Unhealthy: [], Evaluations: [] });
  hand.write({ type: "deployment-promote", DeploymentID, Groups: null, Evaluations: [] });
  const Update = { DeploymentID, Status: "successful" as const, StatusDescription: "" };
  hand.write({ type: "deployment-status", Update, Rollback: null, Evaluations: [] });
  hand.write({
    type: "node-drain",
    NodeID: "n1" as NodeId,
    DrainStrategy: null,
    MarkEligible: true,
    LastDrain: null,
    Event: null,
    Evaluations: [],
  });
  hand.write({ type: "allocations-desired-transition", Transitions: { a1: { Migrate: true } }, Evaluations: [] });
  hand.write({ type: "node-pools-upsert", NodePools: [nodePool("arm")] });
  hand.write({ type: "node-pools-delete", Names: ["arm"] });
  hand.evaluations(evaluation("e1", "a", { Status: "complete" }));
  hand.write({ type: "node-purge", NodeIDs: ["n1" as NodeId], Evaluations: [] });
  hand.write({ type: "job-deregister", Namespace: DEFAULT, JobID: "a" as never, Purge: false, NoShutdownDelay: false, Evaluation: null });
  hand.report("a1", "complete");
  hand.write({ type: "reap", Jobs: [{ Namespace: DEFAULT, ID: "a" as never }], Evaluations: [], Allocations: [] });
  const batches = await take(hand.state.events.read(everything(1), new AbortController().signal), hand.index - 1);
  assert.deepEqual(
    batches.map(({ Events }) => Events.map((each) => `${each.Topic} ${each.Type} ${each.Key}`)),
    [
      ["Node NodeRegistration n1", "NodePool NodePoolUpserted gpu"],
      ["Job JobRegistered a", "Evaluation JobRegistered e1"],
      ["Job PlanResult a", "Evaluation EvaluationUpdated e1", "Deployment PlanResult d1", "Allocation PlanResult a1"],
      ["Deployment DeploymentAllocHealth d1", "Allocation DeploymentAllocHealth a1"],
      ["Deployment DeploymentPromotion d1", "Allocation DeploymentPromotion a1"],
      ["Job DeploymentStatusUpdate a", "Deployment DeploymentStatusUpdate d1"],
      ["Node NodeDrain n1"],
      ["Allocation AllocationUpdateDesiredStatus a1"],
      ["NodePool NodePoolUpserted arm"],
      ["NodePool NodePoolDeleted arm"],
      ["Evaluation EvaluationUpdated e1"],
      ["Node NodeDeregistration n1"],
      ["Job JobDeregistered a"],
      ["Job AllocationUpdated a", "Allocation AllocationUpdated a1"],
      ["Job JobBatchDeregistered a"],
    ],
  );
  const placed = batches[2]?.Events;
  assert.deepEqual(placed?.[2]?.Payload, { Deployment: placed?.[2]?.Payload["Deployment"] });
  assert.deepEqual([placed?.[2]?.FilterKeys, placed?.[3]?.FilterKeys], [["a"], ["a", "d1"]]);
});

test("Events are filtered by topic, key, filter key and namespace, and start from now unless told otherwise", async () => {
  const hand = new Hand();
  hand.node(node("n1"));
  hand.register(job("a"), "e1");
  hand.namespace("prod");
  hand.register(job("b", { Namespace: "prod" as never }), "e2");
  const keys = async (topics: [string, string[]][], namespace: string, count: number) =>
    (await take(hand.state.events.read({ topics: new Map(topics), namespace, fromIndex: 1 }, new AbortController().signal), count)).flatMap(
      ({ Events }) => Events.map((each) => each.Key),
    );
  assert.deepEqual(await keys([["Job", ["*"]]], "*", 2), ["a", "b"]);
  assert.deepEqual(
    await keys(
      [
        ["Job", ["*"]],
        ["Node", ["*"]],
      ],
      DEFAULT,
      2,
    ),
    ["n1", "a"],
  );
  assert.deepEqual(await keys([["Evaluation", ["a"]]], "*", 1), ["e1"]);
  assert.deepEqual(await keys([["*", ["e2"]]], "*", 1), ["e2"]);
  const fromNow = take(hand.state.events.read(everything(0), new AbortController().signal), 1);
  await new Promise((resolve) => setImmediate(resolve));
  hand.register(job("c"), "e3");
  assert.equal((await fromNow)[0]?.Events[0]?.Key, "c");
});

test("A reader that fell behind the buffer is told where to resume; a slow one within it misses nothing (F22)", async () => {
  const hand = new Hand();
  hand.node(node("n0"));
  const stream = hand.state.events.read(everything(1), new AbortController().signal)[Symbol.asyncIterator]();
  assert.equal((await stream.next()).value?.Index, 2);
  for (let n = 0; n < 99; n++) hand.node(node("n1"));
  assert.equal((await stream.next()).value?.Index, 3);
  for (let n = 0; n < 150; n++) hand.node(node("n1"));
  const { firstIndex } = hand.state.events;
  assert.equal(firstIndex, hand.index - 99);
  await assert.rejects(stream.next(), { code: "EVENT_STREAM_LAGGED", message: new RegExp(`index ${firstIndex}`) });
  const again = hand.state.events.read(everything(firstIndex), new AbortController().signal)[Symbol.asyncIterator]();
  assert.equal((await again.next()).value?.Index, firstIndex);
});

test("The end of a subscription ends the stream", async () => {
  const hand = new Hand();
  const controller = new AbortController();
  const rest = take(hand.state.events.read(everything(0), controller.signal), 1);
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  assert.deepEqual(await rest, []);
});
