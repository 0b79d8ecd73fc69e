import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { newEvaluation, type Evaluation, type EvaluationId, type JobId, type Namespace, type NodeId } from "#model";
import { createBlocked } from "../../../../src/server/broker/blocked.ts";
import { testScale } from "../../../scale.ts";

function blockedEvaluation(id: string, more: Partial<Evaluation> = {}): Evaluation {
  return newEvaluation({
    ID: id as EvaluationId,
    Namespace: "default" as Namespace,
    Priority: 50,
    Type: "service",
    TriggeredBy: "queued-allocs",
    JobID: `job-of-${id}` as JobId,
    Status: "blocked",
    SnapshotIndex: 10,
    CreateIndex: 10,
    ...more,
  });
}
const room = (index: number, ...classes: string[]) => ({ classes: new Set(classes), nodes: new Set<string>(), index });
const ids = (evaluations: readonly Evaluation[]) => evaluations.map((evaluation) => evaluation.ID).sort();

test("room in a class wakes those it may fit: known to fit, unknown, or escaped; not those known unfit", () => {
  const blocked = createBlocked();
  blocked.block(blockedEvaluation("fits", { ClassEligibility: { large: true } }));
  blocked.block(blockedEvaluation("unfit", { ClassEligibility: { large: false } }));
  blocked.block(blockedEvaluation("unknown", { ClassEligibility: { small: false } }));
  blocked.block(blockedEvaluation("escaped", { ClassEligibility: { large: false }, EscapedComputedClass: true }));
  assert.deepEqual(ids(blocked.capacity(room(11, "large"))), ["escaped", "fits", "unknown"]);
  assert.equal(blocked.counts().total, 1);
});

test("an evaluation that was planned before room appeared is tried again at once (missed unblock)", () => {
  const blocked = createBlocked();
  blocked.capacity(room(12, "large"));
  assert.equal(blocked.block(blockedEvaluation("late", { SnapshotIndex: 11 })).missed, true);
  assert.equal(blocked.block(blockedEvaluation("unfit", { SnapshotIndex: 11, ClassEligibility: { large: false } })).missed, false);
  assert.equal(blocked.block(blockedEvaluation("saw it", { SnapshotIndex: 12 })).missed, false);
});

test("one evaluation waits per job: the older one is the duplicate, whichever comes first", () => {
  const blocked = createBlocked();
  const [old, young] = [
    blockedEvaluation("old", { JobID: "web" as JobId, CreateIndex: 1 }),
    blockedEvaluation("young", { JobID: "web" as JobId, CreateIndex: 2 }),
  ];
  blocked.block(old);
  assert.equal(blocked.block(young).duplicate?.ID, "old");
  assert.equal(blocked.block(old).duplicate?.ID, "old");
  assert.deepEqual(ids(blocked.ofJob("default", "web")), ["young"]);
});

test("one that waits for a node is woken by that node alone", () => {
  const blocked = createBlocked();
  blocked.block(blockedEvaluation("system", { NodeID: "n1" as NodeId }));
  assert.deepEqual(blocked.capacity({ classes: new Set(["large"]), nodes: new Set(["n2"]), index: 11 }), []);
  assert.deepEqual(ids(blocked.capacity({ classes: new Set(["large"]), nodes: new Set(["n1"]), index: 12 })), ["system"]);
});

test("those that lost too many races are handed out for another try, the others stay", () => {
  const blocked = createBlocked();
  blocked.block(blockedEvaluation("raced", { TriggeredBy: "max-plan-attempts" }));
  blocked.block(blockedEvaluation("no room"));
  assert.deepEqual(ids(blocked.takePlanConflicts()), ["raced"]);
  assert.deepEqual(ids(blocked.takePlanConflicts()), []);
  assert.equal(blocked.counts().total, 1);
});

test("whatever the order of blocking and room, an evaluation never waits through room it could use", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("block" as const), job: fc.nat(8), lag: fc.nat(6), unfit: fc.subarray(["a", "b", "c"]) }),
    fc.record({ do: fc.constant("room" as const), of: fc.constantFrom("a", "b", "c") }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const blocked = createBlocked();
      const rooms: { readonly of: string; readonly index: number }[] = [];
      const waiting = new Map<string, Evaluation>();
      let index = 10;
      for (const each of steps) {
        index++;
        if (each.do === "room") {
          rooms.push({ of: each.of, index });
          for (const woken of blocked.capacity(room(index, each.of))) waiting.delete(woken.ID);
        } else {
          const eligibility = Object.fromEntries(each.unfit.map((name) => [name, false]));
          const evaluation = blockedEvaluation(`e${index}`, {
            JobID: `job${each.job}` as JobId,
            CreateIndex: index,
            SnapshotIndex: index - each.lag,
            ClassEligibility: eligibility,
          });
          const { missed, duplicate } = blocked.block(evaluation);
          if (duplicate !== undefined) waiting.delete(duplicate.ID);
          if (!missed && duplicate !== evaluation) waiting.set(evaluation.ID, evaluation);
        }
      }
      assert.equal(blocked.counts().total, waiting.size);
      for (const evaluation of waiting.values()) {
        const missed = rooms.filter((each) => each.index > evaluation.SnapshotIndex && evaluation.ClassEligibility[each.of] !== false);
        assert.deepEqual(missed, [], `${evaluation.ID} waits though there was room`);
      }
    }),
    { numRuns: Math.round(300 * testScale()) },
  );
});
