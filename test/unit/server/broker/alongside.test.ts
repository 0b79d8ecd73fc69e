import assert from "node:assert/strict";
import { test } from "node:test";
import { newEvaluation, newPlan, type EvaluationId, type PlannedNote } from "#model";
import { alongside } from "../../../../src/server/broker/alongside.ts";
import { admitted } from "../records.ts";
import { inside } from "../inside.ts";

test("a follow-up that what is kept of a plan names is stored with it: once, and only if it is named", () =>
  inside({}, async (world) => {
    const job = admitted({ id: "web", count: 1 });
    const followUp = newEvaluation({
      ID: "f" as EvaluationId,
      Namespace: job.Namespace,
      Priority: 50,
      Type: "service",
      TriggeredBy: "alloc-reschedule",
      JobID: job.ID,
    });
    const { clock, random, cluster } = world;
    const context = { cluster, clock, random, admission: {} as never, report: () => undefined };
    const kept = (FollowupEvalID: string) =>
      newPlan({ EvalID: "e" as EvaluationId, Priority: 50, Job: job, Notes: [{ FollowupEvalID } as PlannedNote] });
    const stored = (plan: ReturnType<typeof kept>, already: readonly string[]) =>
      alongside(context, plan, [followUp], new Set(already)).map(({ ID }) => ID);
    assert.deepEqual(stored(kept("f"), []), ["f"]);
    assert.deepEqual(stored(kept("f"), ["f"]), []);
    assert.deepEqual(stored(kept(""), []), []);
  }));
