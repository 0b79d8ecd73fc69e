import assert from "node:assert/strict";
import { test } from "node:test";
import { NamedError } from "#std";
import { DEFAULT_SCHEDULER_CONFIGURATION } from "#model";
import { jobOf } from "../../../simulation/fixtures.ts";
import { inside, statuses } from "../inside.ts";

const code = (wanted: string, statusCode: number) => (thrown: unknown) =>
  thrown instanceof NamedError && thrown.code === wanted && thrown.statusCode === statusCode;

test("registerJob() answers with the evaluation, which places the job until all of it runs", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.addNode({ name: "n2" });
    const answer = await world.server.registerJob({ Job: jobOf({ id: "web", count: 5 }) });
    assert.equal(answer.JobModifyIndex, answer.Index);
    assert.equal(answer.EvalCreateIndex, answer.Index);
    await world.clock.advance(1_000);
    const snapshot = world.cluster.state.snapshot();
    const evaluation = snapshot.evaluation(answer.EvalID);
    assert.equal(evaluation?.Status, "complete");
    assert.equal(evaluation?.JobModifyIndex, answer.JobModifyIndex);
    assert.equal(statuses(world, "web"), "running running running running running");
    assert.equal(snapshot.job("default", "web")?.Status, "running");
    assert.deepEqual(world.errors, []);
  }));

test("registerJob() of an unchanged job makes no new version and touches no allocation", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const first = await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    const before = [...world.cluster.state.snapshot().allocationsByJob("default", "web")];
    const second = await world.server.registerJob({ Job: jobOf({ id: "web", count: 2 }) });
    await world.clock.advance(1_000);
    assert.equal(second.JobModifyIndex, first.JobModifyIndex);
    assert.ok(second.Index > first.Index);
    assert.deepEqual([...world.cluster.state.snapshot().allocationsByJob("default", "web")], before);
  }));

test("a stale check-index is refused with the words clients look for, and nothing changes", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const { JobModifyIndex } = await world.server.registerJob({
      Job: jobOf({ id: "web", count: 1 }),
      EnforceIndex: true,
      JobModifyIndex: 0,
    });
    await world.clock.advance(1_000);
    const before = world.cluster.state.snapshot();
    const changed = jobOf({ id: "web", count: 3 });
    for (const [stale, words] of [
      [0, "Enforcing job modify index 0: job already exists"],
      [
        JobModifyIndex + 7,
        `Enforcing job modify index ${JobModifyIndex + 7}: job exists with conflicting job modify index: ${JobModifyIndex}`,
      ],
    ] as const) {
      await assert.rejects(world.server.registerJob({ Job: changed, EnforceIndex: true, JobModifyIndex: stale }), (thrown: unknown) => {
        assert.ok(code("JOB_INDEX_CONFLICT", 409)(thrown));
        assert.equal((thrown as Error).message, words);
        return true;
      });
    }
    await assert.rejects(
      world.server.registerJob({ Job: jobOf({ id: "other", count: 1 }), EnforceIndex: true, JobModifyIndex: 5 }),
      /Enforcing job modify index 5: job does not exist/,
    );
    await world.clock.advance(1_000);
    const after = world.cluster.state.snapshot();
    assert.deepEqual(after.job("default", "web"), before.job("default", "web"));
    assert.equal(after.job("default", "other"), undefined);
    assert.deepEqual([...after.evaluations()], [...before.evaluations()]);
    assert.deepEqual([...after.allocations()], [...before.allocations()]);
  }));

test("of a hundred concurrent registrations that enforce the same index exactly one wins (F24)", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const { JobModifyIndex } = await world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) });
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) =>
        world.server.registerJob({
          Job: jobOf({ id: "web", count: 1, environment: { try: String(index) } }),
          EnforceIndex: true,
          JobModifyIndex,
        }),
      ),
    );
    const won = results.flatMap((result, index) => (result.status === "fulfilled" ? [index] : []));
    assert.equal(won.length, 1);
    for (const result of results) if (result.status === "rejected") assert.ok(code("JOB_INDEX_CONFLICT", 409)(result.reason));
    const stored = world.cluster.state.snapshot().job("default", "web");
    assert.deepEqual(stored?.TaskGroups[0]?.Tasks[0]?.Env, { try: String(won[0]) });
    assert.equal(stored?.Version, 1);
  }));

test("a job that cannot be admitted, or is meant for another namespace, is refused and leaves nothing", () =>
  inside({}, async (world) => {
    const before = world.cluster.state.index;
    await assert.rejects(world.server.registerJob({ Job: { ID: "bad job" } }), code("JOB_INVALID", 400));
    await assert.rejects(world.server.registerJob({ Job: "not a job" }), code("JOB_INVALID", 400));
    await assert.rejects(
      world.server.registerJob({ Job: { ...jobOf({ id: "web", count: 1 }), Namespace: "default" }, namespace: "other" }),
      code("REQUEST_INVALID", 400),
    );
    assert.equal(world.cluster.state.index, before);
  }));

test("while the scheduler configuration rejects registrations nobody registers", () =>
  inside({}, async (world) => {
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, RejectJobRegistration: true }, null);
    await assert.rejects(world.server.registerJob({ Job: jobOf({ id: "web", count: 1 }) }), code("JOB_REGISTRATION_CLOSED", 403));
  }));

test("an update without deployments (max_parallel 0) replaces all at once and leaves the group at its count in the new version", () =>
  inside({}, async (world) => {
    for (const name of ["n1", "n2"]) await world.addNode({ name });
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 4, environment: { version: "1" }, update: { MaxParallel: 0 } }) });
    await world.clock.advance(1_000);
    await world.server.registerJob({ Job: jobOf({ id: "web", count: 4, environment: { version: "2" }, update: { MaxParallel: 0 } }) });
    await world.clock.advance(2_000);
    const all = [...world.cluster.state.snapshot().allocationsByJob("default", "web")];
    assert.deepEqual(all.map((each) => `v${each.JobVersion} ${each.DesiredStatus} ${each.ClientStatus}`).sort(), [
      ...Array(4).fill("v0 stop complete"),
      ...Array(4).fill("v1 run running"),
    ]);
  }));

test("validateJob() lists every problem and refuses nothing", () =>
  inside({}, async (world) => {
    const good = await world.server.validateJob({ Job: jobOf({ id: "web", count: 1 }) });
    assert.deepEqual([good.ValidationErrors, good.Error], [[], ""]);
    const bad = await world.server.validateJob({ Job: { ID: "web", TaskGroups: [{ Name: "g", Count: -1, Tasks: [{ Name: "t" }] }] } });
    assert.ok(bad.ValidationErrors.length >= 2, bad.Error);
    assert.match(bad.Error, /web/);
  }));

test("a very large source is not kept, and says so; the job runs all the same", () =>
  inside({}, async (world) => {
    const Submission = { Source: "#".repeat(1024 * 1024), Format: "hcl2", VariableFlags: {}, Variables: "" };
    const kept = await world.server.registerJob({ Job: jobOf({ id: "kept", count: 1 }), Submission });
    assert.equal(kept.Warnings, "");
    const large = await world.server.registerJob({
      Job: jobOf({ id: "large", count: 1 }),
      Submission: { ...Submission, Variables: "a = 1" },
    });
    assert.match(large.Warnings, /source has 1048581 bytes and is not kept: job_max_source_size is 1048576/);
    const snapshot = world.cluster.state.snapshot();
    assert.equal(snapshot.submission("default", "kept", 0)?.Source.length, 1024 * 1024);
    assert.equal(snapshot.submission("default", "large", 0), undefined);
  }));
