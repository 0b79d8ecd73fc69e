import assert from "node:assert/strict";
import { test } from "node:test";
import { NamedError } from "#std";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { inside, statuses } from "../inside.ts";

const ask = { Count: null, Group: "group", Message: "", Error: false, Meta: {}, JobModifyIndex: null } as const;

function scalable(count: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  const job = jobOf({ id: "web", count, update: { MaxParallel: 0 }, ...more }) as { TaskGroups: Record<string, unknown>[] };
  return {
    ...job,
    TaskGroups: job.TaskGroups.map((group) => ({ ...group, Scaling: { Type: "horizontal", Min: 1, Max: 5, Enabled: true, Policy: {} } })),
  };
}

const events = (world: World) => world.cluster.state.snapshot().scalingEvents("default", "web")["group"] ?? [];

test("scaleJob() changes the count and what runs, and notes who wanted what", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({
      Job: scalable(2),
      Submission: { Source: "job {}", Format: "hcl2", VariableFlags: {}, Variables: "" },
    });
    await world.clock.advance(1_000);
    const answer = await world.server.scaleJob("default", "web", { ...ask, Count: 4, Message: "more people", Meta: { rps: 17 } });
    assert.equal(answer.JobModifyIndex, answer.Index);
    await world.clock.advance(1_000);
    assert.equal(statuses(world, "web"), "running running running running");
    const snapshot = world.cluster.state.snapshot();
    assert.equal(snapshot.evaluation(answer.EvalID)?.TriggeredBy, "job-scaling");
    assert.equal(snapshot.submission("default", "web", 1)?.Source, "job {}");
    const [event] = events(world);
    assert.deepEqual(
      [event?.Count, event?.PreviousCount, event?.Message, event?.Error, event?.Meta, event?.EvalID, event?.CreateIndex],
      [4, 2, "more people", false, { rps: 17 }, answer.EvalID, answer.Index],
    );
    const status = world.server.scaleStatus("default", "web");
    assert.deepEqual(
      { ...status.TaskGroups["group"], Events: status.TaskGroups["group"]?.Events.length },
      {
        Desired: 4,
        Placed: 4,
        Running: 4,
        Healthy: 0,
        Unhealthy: 0,
        Events: 1,
      },
    );
    assert.deepEqual([status.JobModifyIndex, status.JobStopped], [answer.JobModifyIndex, false]);
  }));

test("the scaling policy's bounds hold, with the words clients know", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: scalable(2) });
    const refused = (request: Partial<typeof ask> | { Count: number }, words: RegExp) =>
      assert.rejects(world.server.scaleJob("default", "web", { ...ask, ...request }), words);
    await refused({ Count: 6 }, /group count was greater than scaling policy maximum: 6 > 5/);
    await refused({ Count: 0 }, /group count was less than scaling policy minimum: 0 < 1/);
    await refused({ Count: -1 }, /scaling action count can't be negative/);
    await assert.rejects(
      world.server.scaleJob("default", "web", { ...ask, Count: 3, Group: "other" }),
      /task group "other" .* does not exist/,
    );
    await assert.rejects(
      world.server.scaleJob("default", "web", { ...ask, Count: 3, Error: true }),
      /should not contain count if error is true/,
    );
    await assert.rejects(
      world.server.scaleJob("default", "web", { ...ask, Count: 3, JobModifyIndex: 1 }),
      (thrown: unknown) => thrown instanceof NamedError && thrown.statusCode === 409,
    );
    await assert.rejects(world.server.scaleJob("default", "none", { ...ask, Count: 3 }), /job not found/);
    assert.deepEqual(events(world), []);
    assert.equal(world.cluster.state.snapshot().job("default", "web")?.Version, 0);
  }));

test("an event alone changes nothing else; the newest twenty are kept, newest first", () =>
  inside({}, async (world) => {
    await world.server.registerJob({ Job: scalable(2) });
    for (let time = 0; time < 23; time++) {
      const answer = await world.server.scaleJob("default", "web", { ...ask, Message: `look ${time}`, Error: time % 2 === 0 });
      assert.equal(answer.EvalID, "");
    }
    assert.equal(events(world).length, 20);
    assert.deepEqual([events(world)[0]?.Message, events(world)[0]?.Count, events(world)[0]?.Error], ["look 22", null, true]);
    assert.equal(events(world).at(-1)?.Message, "look 3");
    assert.equal(world.cluster.state.snapshot().job("default", "web")?.Version, 0);
  }));

test("a job is not scaled while a deployment of it goes on, nor when it is stopped", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    const deployed = { ...scalable(2, { update: { MaxParallel: 1, MinHealthyTime: 60e9 } }) };
    await world.server.registerJob({ Job: deployed });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.scaleJob("default", "web", { ...ask, Count: 3 }), /job scaling blocked due to active deployment/);
    await world.server.scaleJob("default", "web", { ...ask, Message: "waiting" });
    await world.clock.advance(120_000);
    await world.server.scaleJob("default", "web", { ...ask, Count: 3 });
    await world.server.deregisterJob("default", "web", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    await assert.rejects(world.server.scaleJob("default", "web", { ...ask, Count: 2 }), /it is stopped/);
  }));

test("a system group is scaled between none and one for each node", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await world.server.registerJob({ Job: jobOf({ id: "web", type: "system", count: 1, update: { MaxParallel: 0 } }) });
    await world.clock.advance(1_000);
    await assert.rejects(world.server.scaleJob("default", "web", { ...ask, Count: 2 }), /its count is 0 or 1/);
    await world.server.scaleJob("default", "web", { ...ask, Count: 0 });
    await world.clock.advance(1_000);
    assert.equal(statuses(world, "web"), "");
  }));

test("of two people who scale two groups at once both get what they want", () =>
  inside({}, async (world) => {
    const one = scalable(1) as { TaskGroups: Record<string, unknown>[] };
    const second = { ...one.TaskGroups[0], Name: "second" };
    await world.server.registerJob({ Job: { ...one, TaskGroups: [...one.TaskGroups, second] } });
    await Promise.all([
      world.server.scaleJob("default", "web", { ...ask, Count: 3 }),
      world.server.scaleJob("default", "web", { ...ask, Group: "second", Count: 4 }),
    ]);
    const counts = world.cluster.state
      .snapshot()
      .job("default", "web")
      ?.TaskGroups.map((group) => group.Count);
    assert.deepEqual(counts, [3, 4]);
  }));

test("all groups' counts together may be what a job may have, and no more", () => {
  const admission = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 4 };
  return inside({ server: { admission } }, async (world) => {
    await world.server.registerJob({ Job: scalable(2) });
    await world.server.scaleJob("default", "web", { ...ask, Count: 4 });
    await assert.rejects(world.server.scaleJob("default", "web", { ...ask, Count: 5 }), /would add up to 5, must be at most 4/);
  });
});
