import assert from "node:assert/strict";
import { test } from "node:test";
import { newEvaluation, type Deployment, type DeploymentId, type EvaluationId } from "#model";
import { NamedError } from "#std";
import { jobOf, type JobShape } from "../../../../simulation/fixtures.ts";
import type { World } from "../../../../simulation/world.ts";
import { inside, statuses } from "../../inside.ts";

const SECOND = 1e9;
const stop = { Purge: false, EvalPriority: 0, NoShutdownDelay: false };
const UPDATE = { MaxParallel: 1, MinHealthyTime: 5 * SECOND, HealthyDeadline: 30 * SECOND, ProgressDeadline: 60 * SECOND };
const RESCHEDULE = { Delay: 5 * SECOND, DelayFunction: "constant", Unlimited: true, MaxDelay: 3600 * SECOND };

type Shape = Partial<JobShape> & { readonly version: string };
const register = (world: World, { version, ...more }: Shape) =>
  world.server.registerJob({
    Job: jobOf({ id: "web", count: 3, update: UPDATE, reschedule: RESCHEDULE, environment: { version }, ...more }),
  });

/** Newest first. */
function deployments(world: World): readonly Deployment[] {
  return world.cluster.state.snapshot().deploymentsByJob("default", "web");
}
const ends = (world: World) => deployments(world).map((each) => `v${each.JobVersion} ${each.Status}: ${each.StatusDescription}`);
const newest = (world: World): Deployment => {
  const [deployment] = deployments(world);
  assert.ok(deployment !== undefined, "the job has a deployment");
  return deployment;
};
function versionsRunning(world: World): string {
  return [...world.cluster.state.snapshot().allocationsByJob("default", "web")]
    .filter((each) => each.DesiredStatus === "run" && each.ClientStatus === "running")
    .map((each) => `v${each.JobVersion}`)
    .sort()
    .join(" ");
}
async function withNodes(play: (world: World) => Promise<void>): Promise<void> {
  await inside({}, async (world) => {
    for (const name of ["a", "b", "c"]) await world.addNode({ name });
    await play(world);
  });
}

test("a first version and a good change each end successful, and are stable then", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2" });
    await world.clock.advance(120_000);
    assert.deepEqual(ends(world), ["v1 successful: Deployment completed successfully", "v0 successful: Deployment completed successfully"]);
    assert.deepEqual(
      world.cluster.state
        .snapshot()
        .jobVersions("default", "web")
        .map((job) => job.Stable),
      [true, true],
    );
    assert.equal(versionsRunning(world), "v1 v1 v1");
  }));

test("during a rolling update never fewer than count − max_parallel of the healthy are left, and unhealthy ones count for nothing (F17)", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    let least = Infinity;
    world.cluster.state.watch.subscribe(() => {
      const healthy = [...world.cluster.state.snapshot().allocationsByJob("default", "web")].filter(
        (each) => each.DesiredStatus === "run" && each.ClientStatus === "running" && each.DeploymentStatus?.Healthy === true,
      );
      least = Math.min(least, healthy.length);
    });
    await register(world, { version: "2", behaviour: "unhealthy" });
    await world.clock.advance(300_000);
    assert.equal(least, 2);
    assert.equal(newest(world).Status, "failed");
    assert.equal(versionsRunning(world), "v0 v0 v1");
  }));

test("a version that never gets healthy is failed at its deadline and rolled back by itself", () =>
  withNodes(async (world) => {
    const update = { ...UPDATE, AutoRevert: true };
    await register(world, { version: "1", update });
    await world.clock.advance(60_000);
    await register(world, { version: "2", update, behaviour: "unhealthy" });
    await world.clock.advance(200_000);
    assert.deepEqual(ends(world), [
      "v2 successful: Deployment completed successfully",
      "v1 failed: Failed due to progress deadline - rolling back to job version 0",
      "v0 successful: Deployment completed successfully",
    ]);
    assert.equal(versionsRunning(world).replaceAll("v0", "v2"), "v2 v2 v2");
  }));

test("tasks that fail are placed again until the deadline, then the deployment fails (F11)", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2", behaviour: "fails" });
    await world.clock.advance(300_000);
    assert.match(newest(world).StatusDescription, /^Failed due to progress deadline/);
    const tried = [...world.cluster.state.snapshot().allocationsByJob("default", "web")].filter((each) => each.JobVersion === 1);
    assert.ok(tried.length > 1, `${tried.length} allocations of the failing version were tried`);
    assert.equal(versionsRunning(world), "v0 v0");
  }));

test("with progress_deadline 0 the first unhealthy allocation fails the deployment", () =>
  withNodes(async (world) => {
    await register(world, { version: "1", update: { ...UPDATE, ProgressDeadline: 0 }, behaviour: "fails" });
    await world.clock.advance(20_000);
    assert.deepEqual(ends(world), ["v0 failed: Failed due to unhealthy allocations"]);
  }));

test("a canary waits for its promotion as long as it takes, and promoting late fails nothing (F12)", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2", update: { ...UPDATE, Canary: 1 } });
    await world.clock.advance(3_600_000);
    const waiting = newest(world);
    assert.deepEqual([waiting.Status, waiting.TaskGroups["group"]?.Promoted], ["running", false]);
    assert.equal(versionsRunning(world), "v0 v0 v0 v1");
    const answer = await world.server.promoteDeployment(waiting.ID, null);
    assert.notEqual(answer.EvalID, "");
    await world.clock.advance(120_000);
    assert.equal(newest(world).Status, "successful");
    assert.equal(versionsRunning(world), "v1 v1 v1");
  }));

test("healthy canaries are promoted by themselves when the job wants that", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2", update: { ...UPDATE, Canary: 2, AutoPromote: true } });
    await world.clock.advance(120_000);
    assert.equal(newest(world).Status, "successful");
    assert.equal(versionsRunning(world), "v1 v1 v1");
  }));

test("canaries that are not healthy yet cannot be promoted", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2", update: { ...UPDATE, Canary: 1 } });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.promoteDeployment(newest(world).ID, null), /healthy/);
  }));

test("a paused deployment goes nowhere and does not fail; resumed, it has its time again", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2" });
    await world.clock.advance(1_000);
    await world.server.pauseDeployment(newest(world).ID, true);
    await world.clock.advance(3_600_000);
    assert.deepEqual(ends(world)[0], "v1 paused: Deployment is paused");
    assert.equal(versionsRunning(world), "v0 v0 v1");
    await world.server.pauseDeployment(newest(world).ID, false);
    await world.clock.advance(120_000);
    assert.equal(newest(world).Status, "successful");
  }));

test("a person can fail a deployment; with auto_revert the job goes back, and the answer names the version", () =>
  withNodes(async (world) => {
    const update = { ...UPDATE, AutoRevert: true };
    await register(world, { version: "1", update });
    await world.clock.advance(60_000);
    await register(world, { version: "2", update });
    await world.clock.advance(1_000);
    const answer = await world.server.failDeployment(newest(world).ID);
    assert.equal(answer.RevertedJobVersion, 0);
    await world.clock.advance(120_000);
    assert.deepEqual(ends(world).slice(0, 2), [
      "v2 successful: Deployment completed successfully",
      "v1 failed: Deployment marked as failed - rolling back to job version 0",
    ]);
  }));

test("health_check manual: a person's verdicts move the deployment on, an unhealthy one fails it", () =>
  withNodes(async (world) => {
    const update = { ...UPDATE, HealthCheck: "manual" };
    await register(world, { version: "1", update, count: 2 });
    await world.clock.advance(20_000);
    const ids = () => [...world.cluster.state.snapshot().allocationsByDeployment(newest(world).ID)].map(({ ID }) => ID);
    assert.equal(newest(world).Status, "running");
    await world.server.setDeploymentHealth(newest(world).ID, ids(), []);
    await world.clock.advance(5_000);
    assert.equal(newest(world).Status, "successful");
    await register(world, { version: "2", update, count: 2 });
    await world.clock.advance(5_000);
    await world.server.setDeploymentHealth(newest(world).ID, [], ids());
    assert.equal(ends(world)[0], "v1 failed: Failed due to unhealthy allocations");
  }));

test("the deployment of a job that is stopped or purged ends with it", () =>
  withNodes(async (world) => {
    for (const Purge of [false, true]) {
      await register(world, { version: String(Purge) });
      await world.clock.advance(1_000);
      const { ID } = newest(world);
      await world.server.deregisterJob("default", "web", { ...stop, Purge });
      await world.clock.advance(10_000);
      const ended = world.cluster.state.snapshot().deployment(ID);
      assert.deepEqual([ended?.Status, ended?.StatusDescription], ["cancelled", "Cancelled because job is stopped"]);
    }
  }));

test("a deployment whose server dies goes on, and its deadline holds", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    await register(world, { version: "2", behaviour: "unhealthy" });
    await world.clock.advance(30_000);
    await world.restartServer();
    await world.clock.advance(20_000);
    assert.equal(newest(world).Status, "running");
    await world.clock.advance(30_000);
    assert.match(ends(world)[0] ?? "", /^v1 failed: Failed due to progress deadline/);
    await register(world, { version: "3" });
    await world.clock.advance(3_000);
    await world.restartServer();
    await world.clock.advance(120_000);
    assert.equal(newest(world).Status, "successful");
    assert.equal(versionsRunning(world), "v2 v2 v2");
  }));

test("a job that is broken again and again is rolled back three times in an hour at most, then left for somebody to look at (F16)", () =>
  withNodes(async (world) => {
    const update = { ...UPDATE, ProgressDeadline: 0, AutoRevert: true };
    await register(world, { version: "good", update });
    await world.clock.advance(60_000);
    for (let index = 0; index < 5; index++) {
      await register(world, { version: `bad ${index}`, update, behaviour: "fails" });
      await world.clock.advance(60_000);
    }
    const failed = deployments(world).filter((each) => each.Status === "failed");
    const rolledBack = failed.filter((each) => each.StatusDescription.includes(" - rolling back to job version "));
    assert.equal(rolledBack.length, 3);
    assert.match(
      failed[0]?.StatusDescription ?? "",
      /not rolling back to stable job version \d+: the job was rolled back 3 times within an hour/,
    );
  }));

test("what is over cannot be moved, what does not exist is not found", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(60_000);
    const { ID } = newest(world);
    const terminal = (verb: RegExp) => (thrown: unknown) =>
      thrown instanceof NamedError && thrown.statusCode === 400 && verb.test(thrown.message);
    await assert.rejects(world.server.promoteDeployment(ID, null), terminal(/^can't promote terminal deployment/));
    await assert.rejects(world.server.pauseDeployment(ID, true), terminal(/^can't pause terminal deployment/));
    await assert.rejects(world.server.pauseDeployment(ID, false), terminal(/^can't resume terminal deployment/));
    await assert.rejects(world.server.failDeployment(ID), terminal(/^can't fail terminal deployment/));
    const [allocation] = [...world.cluster.state.snapshot().allocationsByDeployment(ID)];
    assert.ok(allocation !== undefined);
    await assert.rejects(
      world.server.setDeploymentHealth(ID, [allocation.ID], []),
      terminal(/^can't set health of allocations for a terminal deployment/),
    );
    await assert.rejects(world.server.setDeploymentHealth(ID, [], []), /must specify at least one healthy\/unhealthy allocation ID/);
    const missing = (thrown: unknown) => thrown instanceof NamedError && thrown.statusCode === 404;
    await assert.rejects(world.server.failDeployment("nope" as DeploymentId), missing);
    assert.equal(statuses(world, "web"), "running running running");
  }));

test("a deployment of an older version ends though the look at the newer one is only due later", () =>
  withNodes(async (world) => {
    await register(world, { version: "1" });
    await world.clock.advance(1_000);
    const stored = world.cluster.state.snapshot().job("default", "web");
    assert.ok(stored !== undefined && newest(world).Status === "running");
    const later = { Priority: 50, Type: "service", TriggeredBy: "job-register", Namespace: stored.Namespace, JobID: stored.ID } as const;
    const WaitUntil = new Date(world.clock.nowMs() + 3_600_000).toISOString();
    await world.cluster.propose({
      type: "job-register",
      Job: { ...stored, Priority: 51 },
      Submission: null,
      Evaluation: newEvaluation({ ...later, ID: world.random.uuid() as EvaluationId, WaitUntil }),
      EnforceIndex: null,
      PreserveCounts: false,
    });
    await world.clock.advance(1_000);
    assert.equal(ends(world).at(-1), "v0 cancelled: Cancelled due to newer version of job");
  }));
