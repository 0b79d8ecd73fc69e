import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { newEvaluation, type Evaluation, type EvaluationId, type JobId, type Namespace } from "#model";
import { createEvaluationQueue, DELIVERIES_MAX } from "../../../../src/server/broker/queue.ts";
import { testScale } from "../../../scale.ts";

function evaluation(id: string, more: Partial<Evaluation> = {}): Evaluation {
  return newEvaluation({
    ID: id as EvaluationId,
    Namespace: "default" as Namespace,
    Priority: 50,
    Type: "service",
    TriggeredBy: "job-register",
    JobID: `job-of-${id}` as JobId,
    ...more,
  });
}
const ofJob = (job: string) => ({ JobID: job as JobId });

test("the queue hands out higher priorities first and older ones first within a priority", () => {
  const queue = createEvaluationQueue();
  queue.offer(evaluation("young", { CreateIndex: 9 }), 0);
  queue.offer(evaluation("old", { CreateIndex: 3 }), 0);
  queue.offer(evaluation("urgent", { CreateIndex: 12, Priority: 80 }), 0);
  const order = [queue.take(0), queue.take(0), queue.take(0), queue.take(0)].map((delivery) => delivery?.evaluation.ID);
  assert.deepEqual(order, ["urgent", "old", "young", undefined]);
});

test("a second evaluation of a job waits until the first is accepted, and only the newest of those that wait runs", () => {
  const queue = createEvaluationQueue();
  for (const [id, index] of [
    ["a", 1],
    ["b", 2],
    ["c", 3],
    ["d", 4],
  ] as const) {
    queue.offer(evaluation(id, { ...ofJob("web"), CreateIndex: index, ModifyIndex: index }), 0);
  }
  assert.equal(queue.take(0)?.evaluation.ID, "a");
  assert.equal(queue.take(0), undefined);
  queue.accept("a", 0);
  assert.equal(queue.take(0)?.evaluation.ID, "d");
  assert.deepEqual(
    queue
      .takeSuperseded()
      .map((each) => each.ID)
      .sort(),
    ["b", "c"],
  );
  assert.deepEqual(queue.takeSuperseded(), []);
});

test("a refused evaluation comes back after 1 s, then 20 s, and is failed the third time, keeping its job all along", () => {
  const queue = createEvaluationQueue();
  queue.offer(evaluation("a", ofJob("web")), 0);
  queue.offer(evaluation("b", ofJob("web")), 0);
  assert.equal(queue.take(0)?.attempt, 1);
  queue.refuse("a", 0);
  assert.equal(queue.take(999), undefined);
  assert.equal(queue.nextDueMs(), 1_000);
  assert.equal(queue.take(1_000)?.attempt, 2);
  queue.refuse("a", 1_000);
  assert.equal(queue.take(20_999), undefined);
  assert.equal(queue.take(21_000)?.attempt, DELIVERIES_MAX);
  queue.refuse("a", 21_000);
  assert.equal(queue.take(1e9), undefined);
  assert.deepEqual(
    queue.failed().map((each) => each.ID),
    ["a"],
  );
  queue.accept("a", 1e9);
  assert.equal(queue.take(1e9)?.evaluation.ID, "b");
});

test("an evaluation with WaitUntil is not ready before its time and does not hold up others of its job", () => {
  const queue = createEvaluationQueue();
  queue.offer(evaluation("later", { ...ofJob("web"), WaitUntil: new Date(5_000).toISOString() }), 0);
  queue.offer(evaluation("now", ofJob("web")), 0);
  assert.equal(queue.take(0)?.evaluation.ID, "now");
  queue.accept("now", 0);
  assert.equal(queue.take(4_999), undefined);
  assert.equal(queue.take(5_000)?.evaluation.ID, "later");
});

test("an evaluation offered again while it is in hand runs once more afterwards", () => {
  const queue = createEvaluationQueue();
  queue.offer(evaluation("a"), 0);
  queue.take(0);
  queue.offer(evaluation("a", { Status: "blocked" }), 0);
  queue.accept("a", 0);
  assert.equal(queue.take(0)?.evaluation.Status, "blocked");
});

test("a withdrawn evaluation is not handed out, and its job's next one is", () => {
  const queue = createEvaluationQueue();
  queue.offer(evaluation("a", { ...ofJob("web"), CreateIndex: 1 }), 0);
  queue.offer(evaluation("b", { ...ofJob("web"), CreateIndex: 2 }), 0);
  queue.withdraw("a", 0);
  assert.equal(queue.take(0)?.evaluation.ID, "b");
});

type Act =
  | { readonly do: "offer"; readonly id: number; readonly job: number; readonly wait: number; readonly priority: number }
  | { readonly do: "take" }
  | { readonly do: "accept"; readonly which: number }
  | { readonly do: "refuse"; readonly which: number }
  | { readonly do: "withdraw"; readonly id: number }
  | { readonly do: "reap" }
  | { readonly do: "wait"; readonly ms: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: fc.constant("offer" as const), id: fc.nat(30), job: fc.nat(5), wait: fc.nat(3), priority: fc.nat(3) }),
  fc.record({ do: fc.constant("take" as const) }),
  fc.record({ do: fc.constant("accept" as const), which: fc.nat() }),
  fc.record({ do: fc.constant("refuse" as const), which: fc.nat() }),
  fc.record({ do: fc.constant("withdraw" as const), id: fc.nat(30) }),
  fc.record({ do: fc.constant("reap" as const) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(30_000) }),
);

test("whatever happens, no job has two evaluations in hand and every evaluation offered ends or is still to come", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const queue = createEvaluationQueue();
      const jobOf = new Map<string, string>();
      const open = new Set<string>();
      const inHand: string[] = [];
      let nowMs = 0;
      const take = () => {
        const delivery = queue.take(nowMs);
        if (delivery === undefined) return false;
        const { ID, JobID } = delivery.evaluation;
        assert.ok(open.has(ID), `${ID} was handed out although it had ended`);
        for (const other of inHand) assert.notEqual(jobOf.get(other), JobID, `two evaluations of ${JobID} are in hand`);
        inHand.push(ID);
        return true;
      };
      const settleSuperseded = () => {
        for (const each of queue.takeSuperseded()) {
          assert.ok(!inHand.includes(each.ID), "one in hand cannot be superseded");
          open.delete(each.ID);
        }
      };
      for (const each of acts) {
        if (each.do === "offer") {
          const id = `e${each.id}`;
          if (!jobOf.has(id)) jobOf.set(id, `job${each.job}`);
          // An id that ended is never used again.
          if (jobOf.has(id) && !open.has(id) && queue.knows(id) === false && jobOf.get(id) !== `job${each.job}`) continue;
          const waitUntil = each.wait === 0 ? null : new Date(nowMs + each.wait * 1_000).toISOString();
          queue.offer(evaluation(id, { JobID: jobOf.get(id) as JobId, WaitUntil: waitUntil, Priority: 50 + each.priority }), nowMs);
          open.add(id);
        } else if (each.do === "take") {
          take();
        } else if (each.do === "accept" || each.do === "refuse") {
          const id = inHand.splice(each.which % Math.max(1, inHand.length), 1)[0];
          if (id === undefined) continue;
          queue[each.do](id, nowMs);
          if (!queue.knows(id)) open.delete(id);
        } else if (each.do === "withdraw") {
          queue.withdraw(`e${each.id}`, nowMs);
          if (!queue.knows(`e${each.id}`)) open.delete(`e${each.id}`);
        } else if (each.do === "reap") {
          for (const failed of queue.failed()) {
            queue.accept(failed.ID, nowMs);
            if (!queue.knows(failed.ID)) open.delete(failed.ID);
          }
        } else {
          nowMs += each.ms;
        }
        settleSuperseded();
        for (const id of open) assert.ok(queue.knows(id), `${id} was lost after ${each.do}`);
      }
      // Let everything end: it does, all of it.
      for (let rounds = 0; open.size > 0; rounds++) {
        assert.ok(rounds < 1_000, `never ends: ${[...open].join(" ")}`);
        nowMs += 60_000;
        while (take());
        for (const id of inHand.splice(0)) {
          queue.accept(id, nowMs);
          if (!queue.knows(id)) open.delete(id);
        }
        for (const failed of queue.failed()) {
          queue.accept(failed.ID, nowMs);
          open.delete(failed.ID);
        }
        settleSuperseded();
      }
      assert.deepEqual(queue.counts(), { ready: 0, inHand: 0, pending: 0, delayed: 0, failed: 0 });
    }),
    { numRuns: Math.round(300 * testScale()) },
  );
});

test("an evaluation can be asked how many come before it", () => {
  const queue = createEvaluationQueue();
  queue.offer(evaluation("old", { CreateIndex: 1 }), 0);
  queue.offer(evaluation("young", { CreateIndex: 2 }), 0);
  queue.offer(evaluation("urgent", { CreateIndex: 3, Priority: 90 }), 0);
  queue.offer(evaluation("second of young", { ...ofJob("job-of-young"), CreateIndex: 4 }), 0);
  queue.offer(evaluation("later", { WaitUntil: new Date(5_000).toISOString() }), 0);
  assert.deepEqual(queue.position("young"), { place: "ready", ahead: 2, dueMs: null });
  assert.deepEqual(queue.position("second of young"), { place: "pending", ahead: 3, dueMs: null });
  assert.deepEqual(queue.position("later"), { place: "delayed", ahead: 0, dueMs: 5_000 });
  assert.equal(queue.position("unknown"), undefined);
  queue.take(0);
  assert.deepEqual(queue.position("urgent"), { place: "in hand", ahead: 0, dueMs: null });
  assert.deepEqual(queue.position("young"), { place: "ready", ahead: 1, dueMs: null });
});
