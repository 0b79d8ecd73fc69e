import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCHEDULER_CONFIGURATION, type Job } from "#model";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside } from "../inside.ts";

const nothing = { Payload: "", Meta: {}, IdempotencyToken: "", IdPrefixTemplate: "", Priority: 0 };
const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function registerParent(world: World, rules: Record<string, unknown> = {}): Promise<void> {
  await world.server.registerJob({
    Job: {
      ...jobOf({ id: "work", type: "batch", count: 1, behaviour: "ends" }),
      Meta: { color: "red" },
      ParameterizedJob: { Payload: "optional", MetaRequired: [], MetaOptional: ["color", "size"], ...rules },
    },
  });
}

const children = (world: World): Job[] => [...world.cluster.state.snapshot().childJobs("default", "work")];

test("dispatchJob() makes a child with the payload and meta, which runs to its end; the parent counts it", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await registerParent(world);
    const second = Math.floor(world.clock.nowMs() / 1_000);
    const answer = await world.server.dispatchJob("default", "work", {
      ...nothing,
      Payload: base64("hello"),
      Meta: { size: "5" },
      Priority: 70,
    });
    assert.match(answer.DispatchedJobID, new RegExp(`^work/dispatch-${second}-[0-9a-f]{8}$`));
    assert.equal(answer.EvalCreateIndex, answer.Index);
    assert.equal(answer.JobCreateIndex, answer.Index);
    await world.clock.advance(1_000);
    const running = world.cluster.state.snapshot();
    const child = running.job("default", answer.DispatchedJobID);
    assert.deepEqual(
      [child?.ParentID, child?.Name, child?.Dispatched, child?.Status, child?.Priority, child?.Payload],
      ["work", answer.DispatchedJobID, true, "running", 70, base64("hello")],
    );
    assert.deepEqual(child?.Meta, { color: "red", size: "5" });
    assert.deepEqual(running.jobSummary("default", "work")?.Children, { Pending: 0, Running: 1, Dead: 0 });
    await world.clock.advance(10_000);
    const after = world.cluster.state.snapshot();
    assert.equal(after.job("default", answer.DispatchedJobID)?.Status, "dead");
    assert.deepEqual(after.jobSummary("default", "work")?.Children, { Pending: 0, Running: 0, Dead: 1 });
    assert.equal(after.job("default", "work")?.Status, "running");
    assert.deepEqual([...after.evaluationsByJob("default", "work")], [], "the parent itself is never evaluated");
    assert.deepEqual(world.errors, []);
  }));

test("dispatchJob() puts the prefix into the child's id", () =>
  inside({}, async (world) => {
    await registerParent(world);
    const { DispatchedJobID } = await world.server.dispatchJob("default", "work", { ...nothing, IdPrefixTemplate: "nightly" });
    assert.match(DispatchedJobID, /^work\/dispatch-nightly-\d+-[0-9a-f]{8}$/);
    await assert.rejects(world.server.dispatchJob("default", "work", { ...nothing, IdPrefixTemplate: "two words" }), /contains a space/);
  }));

test("what the parent does not allow is refused, and says what", () =>
  inside({}, async (world) => {
    const refused = async (rules: Record<string, unknown>, request: Partial<typeof nothing>, words: RegExp): Promise<void> => {
      await registerParent(world, rules);
      await assert.rejects(world.server.dispatchJob("default", "work", { ...nothing, ...request }), (thrown: unknown) => {
        assert.match((thrown as Error).message, words);
        assert.equal((thrown as { statusCode?: number }).statusCode, 400);
        return true;
      });
    };
    await refused({ Payload: "required" }, {}, /Payload is not provided but required by parameterized job/);
    await refused({ Payload: "forbidden" }, { Payload: base64("x") }, /Payload provided but forbidden by parameterized job/);
    await refused({}, { Payload: base64("x".repeat(16 * 1024 + 1)) }, /Payload exceeds maximum size; 16385 > 16384/);
    await refused({}, { Meta: { taste: "sweet", age: "1" } }, /unpermitted metadata keys: \[age, taste\]/);
    await refused({ MetaRequired: ["who", "why"] }, { Meta: { who: "me" } }, /did not provide required meta keys: \[why\]/);
    await refused({}, { Priority: 101 }, /priority is 101/);
    assert.deepEqual(children(world), []);
    await registerParent(world);
    await world.server.dispatchJob("default", "work", { ...nothing, Payload: base64("x".repeat(16 * 1024)) });
    assert.equal(children(world).length, 1);
  }));

test("a job that is not parameterized, is stopped, or does not exist cannot be dispatched; nor any while registration is closed", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: jobOf({ id: "plain", count: 1 }) });
    await assert.rejects(world.server.dispatchJob("default", "plain", nothing), /it is not a parameterized job/);
    await assert.rejects(world.server.dispatchJob("default", "none", nothing), /job not found/);
    await registerParent(world);
    const { DispatchedJobID } = await world.server.dispatchJob("default", "work", nothing);
    await assert.rejects(world.server.dispatchJob("default", DispatchedJobID, nothing), /it is not a parameterized job/);
    await world.server.deregisterJob("default", "work", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    await assert.rejects(world.server.dispatchJob("default", "work", nothing), /it is stopped/);
    await registerParent(world);
    await world.server.setSchedulerConfiguration({ ...DEFAULT_SCHEDULER_CONFIGURATION, RejectJobRegistration: true }, null);
    await assert.rejects(world.server.dispatchJob("default", "work", nothing), /are disabled by the scheduler configuration/);
  }));

test("a token dispatches once: again, at the same time, and after a restart it answers with the same child", () =>
  inside({}, async (world) => {
    await registerParent(world);
    const request = { ...nothing, IdempotencyToken: "order-17" };
    const together = await Promise.all(Array.from({ length: 20 }, () => world.server.dispatchJob("default", "work", request)));
    const ids = new Set(together.map((answer) => answer.DispatchedJobID));
    assert.equal(ids.size, 1);
    assert.equal(together.filter((answer) => answer.EvalID !== "").length, 1);
    await world.restartServer();
    const later = await world.server.dispatchJob("default", "work", request);
    assert.ok(ids.has(later.DispatchedJobID));
    assert.equal(children(world).length, 1);
    const other = await world.server.dispatchJob("default", "work", { ...request, IdempotencyToken: "order-18" });
    assert.ok(!ids.has(other.DispatchedJobID));
  }));

test("a job that is parameterized and periodic is launched by time only once it is dispatched", () =>
  inside({}, async (world) => {
    await world.server.registerJob({
      Job: {
        ...jobOf({ id: "work", type: "batch", count: 1 }),
        ParameterizedJob: { Payload: "optional" },
        Periodic: { Enabled: true, Specs: ["* * * * *"], SpecType: "cron" },
      },
    });
    await world.clock.advance(3 * 60_000);
    assert.deepEqual(children(world), []);
    await assert.rejects(world.server.forcePeriodic("default", "work"), /it is parameterized, dispatch it first/);
    const { DispatchedJobID, EvalID } = await world.server.dispatchJob("default", "work", { ...nothing, IdempotencyToken: "once" });
    assert.equal(EvalID, "");
    await world.clock.advance(3 * 60_000);
    const launched = [...world.cluster.state.snapshot().childJobs("default", DispatchedJobID)];
    assert.equal(launched.length, 3);
    await world.server.forcePeriodic("default", DispatchedJobID);
    assert.equal([...world.cluster.state.snapshot().childJobs("default", DispatchedJobID)].length, 4);
    assert.deepEqual(world.errors, []);
  }));
