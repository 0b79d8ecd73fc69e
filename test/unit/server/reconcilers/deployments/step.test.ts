import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation, Job } from "#model";
import { stepDeployment, type DeploymentView } from "../../../../../src/server/reconcilers/deployments/step.ts";
import { admitted, allocationOf, at, deploymentOf, groupOf, SECOND, verdict } from "../../records.ts";

const job = admitted({ id: "web", count: 2 });
const NOW = 1_000_000;

function step(view: Partial<DeploymentView>) {
  return stepDeployment({
    deployment: deploymentOf({ group: groupOf() }),
    job,
    allocations: [],
    evaluationWaits: false,
    answeredIndex: 0,
    nowMs: NOW,
    ...view,
  });
}
const failed = (id: string, more: Partial<Allocation> = {}, of: Job = job) =>
  allocationOf(id, of, { ClientStatus: "failed", DeploymentStatus: verdict(false), ...more });

test("a deployment with nothing new waits for its earliest deadline", () => {
  const deployment = deploymentOf({
    a: groupOf({ RequireProgressBy: at(NOW + 9_000) }),
    b: groupOf({ RequireProgressBy: at(NOW + 4_000) }),
    done: groupOf({ RequireProgressBy: at(NOW + 1_000), HealthyAllocs: 2 }),
    unplaced: groupOf(),
  });
  assert.deepEqual(step({ deployment }), { decision: null, wakeAtMs: NOW + 4_000 });
});

test("a healthy allocation is answered with one evaluation, and not again", () => {
  const allocations = [allocationOf("a", job, { DeploymentStatus: verdict(true, 33) })];
  assert.deepEqual(step({ allocations }).decision, { kind: "evaluate", reschedule: [], answeredIndex: 33 });
  assert.equal(step({ allocations, answeredIndex: 33 }).decision, null);
});

test("a failed allocation of the deployment may be placed again, once its mark is set it is the scheduler's", () => {
  const decision = step({ allocations: [failed("a")], answeredIndex: 20 }).decision;
  assert.deepEqual(decision, { kind: "evaluate", reschedule: ["a"], answeredIndex: 20 });
  for (const settled of [
    { DesiredTransition: { Reschedule: true } },
    { NextAllocation: "b" as Allocation["NextAllocation"] },
    { DesiredStatus: "stop" },
  ] satisfies Partial<Allocation>[]) {
    assert.equal(step({ allocations: [failed("a", settled)], answeredIndex: 20 }).decision, null);
  }
});

test("one that failed without a verdict (health_check manual) may be placed again too", () => {
  const decision = step({ allocations: [failed("a", { DeploymentStatus: null })] }).decision;
  assert.deepEqual(decision, { kind: "evaluate", reschedule: ["a"], answeredIndex: 0 });
});

test("with progress_deadline 0 the first unhealthy allocation fails the deployment, even one that was replaced", () => {
  const deployment = deploymentOf({ group: groupOf({ ProgressDeadline: 0, AutoRevert: true }) });
  const allocations = [failed("a", { DesiredStatus: "stop" })];
  assert.deepEqual(step({ deployment, allocations }).decision, {
    kind: "end",
    status: "failed",
    description: "Failed due to unhealthy allocations",
    rollback: true,
  });
});

test("an unhealthy allocation that no reschedule is left for fails the deployment at once (F11)", () => {
  const never = admitted({ id: "web", count: 2, reschedule: { Attempts: 0, Unlimited: false } });
  assert.equal(step({ job: never, allocations: [failed("a", {}, never)] }).decision?.kind, "end");
  const once = admitted({ id: "web", count: 2, reschedule: { Attempts: 1, Interval: 3600 * SECOND, Delay: 5 * SECOND, Unlimited: false } });
  assert.equal(step({ job: once, allocations: [failed("a", {}, once)] }).decision?.kind, "evaluate");
  const event = { RescheduleTime: NOW * 1e6 - 60 * SECOND, PrevAllocID: "x", PrevNodeID: "n", Delay: 0 };
  const tracker = { RescheduleTracker: { Events: [event] } } as unknown as Partial<Allocation>;
  assert.equal(step({ job: once, allocations: [failed("a", tracker, once)] }).decision?.kind, "end");
});

test("one that gets healthy and fails again and again ends the deployment: health alone would move its deadline on for ever", () => {
  const relapsed = (id: string, previous: string, more: Partial<Allocation> = {}) =>
    failed(id, { DeploymentStatus: verdict(true, 5), PreviousAllocation: previous as Allocation["PreviousAllocation"], ...more });
  const replaced = { DesiredStatus: "stop" } as const;
  const twice = [relapsed("a", "", replaced), relapsed("b", "a")];
  assert.deepEqual(step({ allocations: twice }).decision, { kind: "evaluate", reschedule: ["b"], answeredIndex: 5 });
  const thrice = [relapsed("a", "", replaced), relapsed("b", "a", replaced), relapsed("c", "b")];
  assert.equal(step({ allocations: thrice }).decision?.kind, "end");
  // A system job's successor is there before anybody looks.
  const next = { NextAllocation: "x" } as unknown as Partial<Allocation>;
  const atOnce = [relapsed("a", "", next), relapsed("b", "a", next), relapsed("c", "b", next)];
  assert.equal(step({ allocations: atOnce }).decision?.kind, "end");
});

test("a group that has not got on by its deadline fails the deployment; one that has reached its count has no deadline", () => {
  const late = groupOf({ RequireProgressBy: at(NOW), HealthyAllocs: 1 });
  assert.deepEqual(step({ deployment: deploymentOf({ group: late }) }).decision, {
    kind: "end",
    status: "failed",
    description: "Failed due to progress deadline",
    rollback: false,
  });
  assert.equal(step({ deployment: deploymentOf({ group: { ...late, HealthyAllocs: 2 } }) }).decision, null);
});

test("with two groups a late promotion fails nothing: who waits for it with healthy canaries has no deadline (F12)", () => {
  const canary = allocationOf("c", job, { DeploymentStatus: verdict(true, 5, true) });
  const waiting = groupOf({ RequireProgressBy: at(1), DesiredCanaries: 1, HealthyAllocs: 1, PlacedCanaries: [canary.ID] });
  const done = groupOf({ RequireProgressBy: at(1), HealthyAllocs: 2 });
  const deployment = deploymentOf({ group: waiting, other: done });
  assert.deepEqual(step({ deployment, allocations: [canary], answeredIndex: 5 }), { decision: null, wakeAtMs: null });
});

test("a canary that a drain moved gives its group a new deadline, and is no proof for a promotion any more (F15)", () => {
  const moved = allocationOf("c", job, {
    DeploymentStatus: verdict(true, 5, true),
    DesiredStatus: "stop",
    ClientStatus: "complete",
    ModifyTime: (NOW - 60_000) * 1e6,
  });
  const next = allocationOf("d", job, { DeploymentStatus: verdict(null, 0, true) });
  const group = groupOf({ RequireProgressBy: at(1), DesiredCanaries: 1, HealthyAllocs: 1, AutoPromote: true });
  const deployment = deploymentOf({ group });
  assert.deepEqual(step({ deployment, allocations: [moved, next], answeredIndex: 5 }), {
    decision: null,
    wakeAtMs: NOW - 60_000 + 600_000,
  });
  const later = step({ deployment, allocations: [moved, next], answeredIndex: 5, nowMs: NOW + 540_000 });
  assert.equal(later.decision?.kind, "end");
});

test("canaries are promoted by themselves when all groups that have some want that and all of them are healthy", () => {
  const canaries = (healthy: boolean) => [
    allocationOf("a", job, { DeploymentStatus: verdict(true, 5, true) }),
    allocationOf("b", job, { TaskGroup: "other", DeploymentStatus: verdict(healthy ? true : null, 5, true) }),
  ];
  const group = groupOf({ DesiredCanaries: 1, AutoPromote: true });
  const deployment = deploymentOf({ group, other: group, plain: groupOf() });
  assert.equal(step({ deployment, allocations: canaries(true), answeredIndex: 5 }).decision?.kind, "promote");
  assert.equal(step({ deployment, allocations: canaries(false), answeredIndex: 5 }).decision, null);
  const manual = deploymentOf({ group, other: { ...group, AutoPromote: false } });
  assert.equal(step({ deployment: manual, allocations: canaries(true), answeredIndex: 5 }).decision, null);
});

test("paused, it waits: no deadline passes, nothing is promoted", () => {
  const deployment = deploymentOf({ group: groupOf({ RequireProgressBy: at(1) }) }, { Status: "paused" });
  assert.deepEqual(step({ deployment, allocations: [failed("a")] }), { decision: null, wakeAtMs: null });
});

test("the deployment of a stopped, purged or replaced job is cancelled with its reason, paused or not", () => {
  for (const Status of ["running", "paused"] as const) {
    const deployment = deploymentOf({ group: groupOf() }, { Status });
    for (const [gone, description] of [
      [undefined, "Cancelled because job is stopped"],
      [{ ...job, Stop: true }, "Cancelled because job is stopped"],
      [{ ...job, CreateIndex: 99 }, "Cancelled because job is stopped"],
      [{ ...job, Version: 1 }, "Cancelled due to newer version of job"],
    ] as const) {
      const decision = step({ deployment, job: gone }).decision;
      assert.deepEqual(decision, { kind: "end", status: "cancelled", description, rollback: false });
    }
  }
});

test("while the scheduler is about to look at the newer version, it is left to it", () => {
  const { decision, wakeAtMs } = step({ job: { ...job, Version: 1 }, evaluationWaits: true });
  assert.equal(decision, null);
  assert.ok(wakeAtMs !== null && wakeAtMs > NOW);
});

test("one that has ended is left alone", () => {
  for (const Status of ["successful", "failed", "cancelled"] as const) {
    const deployment = deploymentOf({ group: groupOf({ RequireProgressBy: at(1) }) }, { Status });
    assert.deepEqual(step({ deployment, job: undefined }), { decision: null, wakeAtMs: null });
  }
});

test("canaries that fit nowhere fail the deployment a progress_deadline after it began; a first version waits for room (F11)", () => {
  const unplaced = deploymentOf({ group: groupOf({ DesiredCanaries: 1, AutoRevert: true }) });
  const deadlineMs = unplaced.CreateTime / 1e6 + (unplaced.TaskGroups["group"]?.ProgressDeadline ?? 0) / 1e6;
  assert.deepEqual(step({ deployment: unplaced, nowMs: deadlineMs - 1 }), { decision: null, wakeAtMs: deadlineMs });
  assert.deepEqual(step({ deployment: unplaced, nowMs: deadlineMs }).decision, {
    kind: "end",
    status: "failed",
    description: "Failed due to progress deadline",
    rollback: true,
  });
  assert.deepEqual(step({ deployment: deploymentOf({ group: groupOf() }), nowMs: deadlineMs * 10 }), { decision: null, wakeAtMs: null });
});
