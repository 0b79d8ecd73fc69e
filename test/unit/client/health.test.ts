import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Allocation, DeploymentId, TaskState } from "#model";
import { clientUpdate, groupOf, newProgress } from "../../../src/client/allocation/progress.ts";
import { beginWatch, judgeHealth } from "../../../src/client/health/health.ts";
import { aTask } from "../scheduler/nouns.ts";
import { allocationId, anAllocation, createStage, NANOSECONDS, SECOND, type AllocationShape, type Stage } from "./stage.ts";

const A = allocationId("a");
const D1 = "d1" as DeploymentId;
const D2 = "d2" as DeploymentId;

const update = (more: Record<string, unknown> = {}) => ({
  Stagger: null,
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * NANOSECONDS,
  HealthyDeadline: 60 * NANOSECONDS,
  ProgressDeadline: 600 * NANOSECONDS,
  Canary: 0,
  AutoRevert: false,
  AutoPromote: false,
  ...more,
});

function deployed(shape: AllocationShape = {}, policy: Record<string, unknown> = {}): Allocation {
  return anAllocation("a", { DeploymentID: D1, group: { Update: update(policy) as never }, ...shape });
}

/** Every verdict the servers were told, and when. */
function verdicts(stage: Stage): { healthy: boolean; second: number }[] {
  const start = Date.UTC(2026, 0, 1);
  return stage.server.updates.flatMap(({ atMs, update: { DeploymentStatus } }) =>
    DeploymentStatus === undefined || DeploymentStatus === null
      ? []
      : [{ healthy: DeploymentStatus.Healthy, second: Math.floor((atMs - start) / SECOND) }],
  );
}

describe("the health of an allocation", () => {
  test("is good when its tasks have run for min_healthy_time, told once and at once", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(deployed());
    await stage.clock.advance(9 * SECOND);
    assert.deepEqual(verdicts(stage), []);
    await stage.clock.advance(100 * SECOND);
    assert.deepEqual(verdicts(stage), [{ healthy: true, second: 10 }]);
    const told = stage.server.updates.find(({ update: { DeploymentStatus } }) => DeploymentStatus !== undefined);
    const startedAt = Date.parse(told?.update.TaskStates["main"]?.StartedAt ?? "");
    assert.ok((told?.atMs ?? 0) - startedAt - 10 * SECOND <= 200, "the verdict does not wait for a batch");
  });

  test("a restart resets the clock; a task that fails for good is unhealthy at once, and says so", async () => {
    const stage = createStage();
    await stage.agent();
    const RestartPolicy = { Attempts: 1, Interval: 300 * NANOSECONDS, Delay: 5 * NANOSECONDS, Mode: "fail", RenderTemplates: false };
    stage.server.put(deployed({ tasks: [{ RestartPolicy, Config: { run_for: 8 * SECOND, exit_code: 1 } }] }));
    await stage.clock.advance(120 * SECOND);
    const seen = verdicts(stage);
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.healthy, false);
    assert.ok((seen[0]?.second ?? 99) < 25, "long before the deadline");
    assert.ok(stage.events(A).includes("Alloc Unhealthy"));
  });

  test("a main task that ends is unhealthy, a prestart that ends is not", async () => {
    const stage = createStage();
    await stage.agent();
    const Lifecycle = { Hook: "prestart", Sidecar: false };
    stage.server.put(deployed({ tasks: [{ Name: "before", Lifecycle, Config: { run_for: 2 * SECOND } }, { Name: "main" }] }));
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(verdicts(stage), [{ healthy: true, second: 12 }]);
    const other = createStage();
    await other.agent();
    other.server.put(deployed({ type: "batch", tasks: [{ Config: { run_for: 2 * SECOND } }] }));
    await other.clock.advance(60 * SECOND);
    assert.deepEqual(verdicts(other), [{ healthy: false, second: 2 }]);
  });

  test("what never runs long enough is unhealthy when healthy_deadline has passed", async () => {
    const stage = createStage();
    await stage.agent();
    const RestartPolicy = { Attempts: 100, Interval: 3600 * NANOSECONDS, Delay: NANOSECONDS, Mode: "delay", RenderTemplates: false };
    stage.server.put(deployed({ tasks: [{ RestartPolicy, Config: { run_for: 3 * SECOND, exit_code: 1 } }] }));
    await stage.clock.advance(59 * SECOND);
    assert.deepEqual(verdicts(stage), []);
    await stage.clock.advance(10 * SECOND);
    assert.deepEqual(verdicts(stage), [{ healthy: false, second: 60 }]);
    assert.match(JSON.stringify(stage.told(A)?.TaskStates), /healthy_deadline of 1m/);
  });

  test("by hand it is never the node that says so", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(deployed({}, { HealthCheck: "manual" }));
    await stage.clock.advance(300 * SECOND);
    assert.deepEqual(verdicts(stage), []);
  });

  test("an allocation without a deployment is watched by its migrate block, a batch one not at all", async () => {
    const stage = createStage();
    await stage.agent();
    const Migrate = { MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 3 * NANOSECONDS, HealthyDeadline: 60 * NANOSECONDS };
    stage.server.put(anAllocation("a", { group: { Migrate } }), anAllocation("b", { type: "batch", group: { Migrate } }));
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual(verdicts(stage), [{ healthy: true, second: 3 }]);
  });

  test("a new deployment in place begins anew; the same one is not asked twice", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(deployed());
    await stage.clock.advance(30 * SECOND);
    stage.server.put(deployed({ DeploymentID: D1 }));
    await stage.clock.advance(30 * SECOND);
    stage.server.put(deployed({ DeploymentID: D2 }));
    await stage.clock.advance(30 * SECOND);
    assert.deepEqual(verdicts(stage), [
      { healthy: true, second: 10 },
      { healthy: true, second: 70 },
    ]);
    assert.deepEqual(stage.machine.everStarted.length, 1, "nothing was restarted for it");
  });

  test("survives a restart of the agent: the clock goes on, and a verdict the servers did not take is told again", async () => {
    const stage = createStage();
    const first = await stage.agent();
    stage.server.put(deployed());
    await stage.clock.advance(5 * SECOND);
    first.kill();
    await stage.clock.advance(3 * SECOND);
    const second = await stage.agent();
    stage.server.refuseUpdates = true;
    await stage.clock.advance(4 * SECOND);
    assert.deepEqual(verdicts(stage), []);
    second.kill();
    stage.server.refuseUpdates = false;
    await stage.agent();
    await stage.clock.advance(2 * SECOND);
    assert.deepEqual(
      verdicts(stage).map((each) => each.healthy),
      [true],
    );
    const { DeploymentStatus } = stage.server.updates.find(({ update: each }) => each.DeploymentStatus !== undefined)?.update ?? {};
    assert.equal(Math.floor((Date.parse(DeploymentStatus?.Timestamp ?? "") - Date.UTC(2026, 0, 1)) / SECOND), 10, "said when it was found");
    await stage.clock.advance(60 * SECOND);
    assert.equal(verdicts(stage).length, 1);
  });

  test("what the servers have decided is not contradicted", async () => {
    const stage = createStage();
    await stage.agent();
    stage.server.put(deployed({ DeploymentStatus: { Healthy: false, Canary: false, Timestamp: "", ModifyIndex: 1 } }));
    await stage.clock.advance(60 * SECOND);
    assert.deepEqual(verdicts(stage), []);
  });

  test("a verdict is never told for another deployment than it was found for", () => {
    const allocation = deployed();
    const fresh = newProgress(groupOf(allocation) as never, 0);
    const told = (deployment: string) =>
      clientUpdate(allocation, { ...fresh, health: { deployment, since: 0, healthy: true, timestamp: "t", told: false } }).DeploymentStatus;
    assert.deepEqual(told(D1), { Healthy: true, Timestamp: "t" });
    assert.equal(told(D2), undefined);
  });

  test("every rule by itself", () => {
    const tasks = [aTask({ Name: "main" }), aTask({ Name: "after", Lifecycle: { Hook: "poststop", Sidecar: false } })];
    const rules = { checks: true, minHealthyNs: 10e9, deadlineNs: 60e9 };
    const state = (fields: Partial<TaskState>): Record<string, TaskState> => ({
      main: { State: "pending", Failed: false, Restarts: 0, LastRestart: null, StartedAt: null, FinishedAt: null, Events: [], ...fields },
    });
    const at = (second: number) => new Date(second * 1000).toISOString();
    const judge = (fields: Partial<TaskState>, second: number) =>
      judgeHealth(rules, beginWatch("d", 100e9), tasks, state(fields), second * 1e9);
    assert.deepEqual(judge({}, 101), { what: "wait", atNs: 160e9 });
    assert.deepEqual(judge({ State: "running", StartedAt: at(105) }, 106), { what: "wait", atNs: 115e9 });
    assert.deepEqual(judge({ State: "running", StartedAt: at(105) }, 115), { what: "healthy" });
    assert.deepEqual(judge({ State: "running", StartedAt: at(5) }, 101), { what: "wait", atNs: 110e9 }, "from when somebody asked");
    assert.equal(judge({ State: "running", StartedAt: at(155) }, 160).what, "unhealthy");
    assert.deepEqual(judge({ State: "running", StartedAt: at(55) }, 400), { what: "healthy" }, "an agent that was away does not blame it");
    assert.equal(judge({ State: "dead", StartedAt: at(105) }, 106).what, "unhealthy");
    assert.equal(judge({ State: "dead", Failed: true }, 106).what, "unhealthy");
  });
});
