/** A flood of batch work, and what helps against it (F21). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCHEDULER_CONFIGURATION, type EvaluationId } from "#model";
import { jobOf } from "../../../simulation/fixtures.ts";
import { testScale } from "../../../scale.ts";
import { inside } from "../inside.ts";

const nothing = { Payload: "", Meta: {}, IdempotencyToken: "", IdPrefixTemplate: "", Priority: 0 };
const ENTRY_BYTES_MAX = 1_000_000;

test("evaluations are deleted only while the broker is paused, those that wait too, and only if nothing they placed lives", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const runs = await world.server.registerJob({ Job: jobOf({ id: "runs", count: 1, update: { MaxParallel: 0 } }) });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.deleteEvaluations([runs.EvalID as EvaluationId]), /the eval broker is enabled/);
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PauseEvalBroker: true }, null);
    const waits = await world.server.registerJob({ Job: jobOf({ id: "waits", count: 1 }) });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.deleteEvaluations([runs.EvalID as EvaluationId]), /that it placed is not over/);
    await assert.rejects(world.server.deleteEvaluations(["00000000-0000-0000-0000-000000000000" as EvaluationId]), /eval not found/);
    const answer = await world.server.deleteEvaluations([waits.EvalID as EvaluationId]);
    assert.equal(answer.Count, 1);
    assert.equal(world.cluster.state.snapshot().evaluation(waits.EvalID), undefined);
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PauseEvalBroker: false }, null);
    await world.clock.advance(60_000);
    assert.deepEqual([...world.cluster.state.snapshot().allocationsByJob("default", "waits")], []);
    await world.server.evaluateJob("default", "waits", { ForceReschedule: false });
    await world.clock.advance(1_000);
    assert.equal([...world.cluster.state.snapshot().allocationsByJob("default", "waits")].length, 1);
  }));

test(
  "while a flood of dispatches waits, a service job is placed at once and no entry is large (F21)",
  { timeout: 600_000 * Math.max(1, testScale() / 3) },
  async () => {
    const flood = 20_000 * testScale();
    let largest = 0;
    await inside(
      {
        snapshotEveryEntries: 1_000_000,
        onChange: (change) => {
          // A command's JSON is larger than its bytes in the log.
          if (change.command.type !== "job-register") largest = Math.max(largest, JSON.stringify(change.command).length);
        },
      },
      async (world) => {
        // Room for a few only: the rest has to wait.
        await world.addNode({ name: "n1", cpuMHz: 1_000 });
        await world.server.registerJob({
          Job: { ...jobOf({ id: "work", type: "batch", count: 1, cpu: 90 }), ParameterizedJob: { Payload: "optional" } },
        });
        for (let sent = 0; sent < flood; sent += 200) {
          await Promise.all(Array.from({ length: 200 }, () => world.server.dispatchJob("default", "work", nothing)));
        }
        const counts = world.server.statistics();
        const waiting = (counts["broker.total_ready"] ?? 0) + (counts["blocked_evals.total_blocked"] ?? 0);
        assert.ok(waiting > flood * 0.9, `${waiting} wait`);
        const { EvalID } = await world.server.registerJob({
          Job: jobOf({ id: "web", count: 1, cpu: 5, priority: 60, update: { MaxParallel: 0 } }),
        });
        const before = world.clock.nowMs();
        for (let turn = 0; turn < 50 && world.cluster.state.snapshot().evaluation(EvalID)?.Status === "pending"; turn++)
          await world.clock.advance(10);
        assert.equal(world.cluster.state.snapshot().evaluation(EvalID)?.Status, "complete");
        assert.ok(world.clock.nowMs() - before <= 500);
        assert.equal([...world.cluster.state.snapshot().allocationsByJob("default", "web")].length, 1);

        // An operator clears the way, once all have found no room.
        while ((world.server.statistics()["broker.total_ready"] ?? 0) > 0) await world.clock.advance(10);
        await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, PauseEvalBroker: true }, null);
        const blocked = [...world.cluster.state.snapshot().evaluations()].filter((evaluation) => evaluation.Status === "blocked");
        await world.server.deleteEvaluations(blocked.map((evaluation) => evaluation.ID));
        assert.ok([...world.cluster.state.snapshot().evaluations()].every((evaluation) => evaluation.Status !== "blocked"));
        await world.server.collectGarbage();
      },
    );
    assert.ok(largest < ENTRY_BYTES_MAX, `${largest} bytes`);
  },
);
