import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "node:test";
import { startCluster, type Cluster } from "#cluster";
import { createMemoryDisk, createSeededRandom, openMemoryLog, openMemorySnapshots } from "#integrations/memory";
import type { Job, JobId, Namespace } from "#model";
import type { Snapshot } from "#state";
import { NamedError } from "#std";
import { registerJob } from "../../../../src/server/operations/register-job.ts";
import { createPeriodicLauncher } from "../../../../src/server/reconcilers/periodic.ts";
import { decide, scheduleOf } from "../../../../src/server/reconcilers/periodic-rules.ts";
import { createSimulatedClock } from "../../../simulation/clock.ts";
import { jobOf } from "../../../simulation/fixtures.ts";
import type { World } from "../../../simulation/world.ts";
import { testScale } from "../../../scale.ts";
import { ZONES } from "../../../tools/cron-oracle/questions.ts";
import { inside } from "../inside.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface PeriodicShape {
  readonly id: string;
  readonly crons: readonly string[];
  readonly overlap?: boolean;
  readonly zone?: string;
  readonly behaviour?: "ends" | "well" | "fails";
  readonly enabled?: boolean;
}

function periodicJob(shape: PeriodicShape): Record<string, unknown> {
  return {
    ...jobOf({ id: shape.id, type: "batch", count: 1, cpu: 1, memoryMB: 10, behaviour: shape.behaviour ?? "ends" }),
    Periodic: {
      Enabled: shape.enabled ?? true,
      Specs: shape.crons,
      SpecType: "cron",
      ProhibitOverlap: !(shape.overlap ?? false),
      TimeZone: shape.zone ?? "UTC",
    },
  };
}

/** Times of the children there are, "HH:MM:SS", and " alive" for those that are not over. */
function children(world: World, id: string): string[] {
  return [...world.cluster.state.snapshot().childJobs("default", id)].map((child) => {
    const [, second] = /\/periodic-(\d+)$/.exec(child.ID) ?? [];
    return `${new Date(Number(second) * 1_000).toISOString().slice(11, 19)}${child.Status === "dead" ? "" : " alive"}`;
  });
}

function livingChildren(cluster: Cluster, id: string): number {
  return [...cluster.state.snapshot().childJobs("default", id)].filter((child) => child.Status !== "dead").length;
}

/** Moves to a whole hour. */
async function toTheHour(world: World): Promise<void> {
  await world.clock.advance(HOUR_MS - (world.clock.nowMs() % HOUR_MS));
}

test("a periodic job gets no evaluation of its own and one child a tick, which inherits all but the schedule", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    const answer = await world.server.registerJob({ Job: periodicJob({ id: "report", crons: ["*/10 * * * *"] }) });
    assert.deepEqual([answer.EvalID, answer.EvalCreateIndex], ["", 0]);
    await world.clock.advance(35 * MINUTE_MS);
    const start = Math.floor((world.clock.nowMs() - 35 * MINUTE_MS) / 1_000);
    const snapshot = world.cluster.state.snapshot();
    assert.deepEqual(
      [...snapshot.childJobs("default", "report")].map((child) => child.ID),
      [600, 1_200, 1_800].map((after) => `report/periodic-${start + after}`),
    );
    const child = snapshot.job("default", `report/periodic-${start + 600}`);
    assert.deepEqual([child?.ParentID, child?.Name, child?.Periodic, child?.Status], ["report", child?.ID, null, "dead"]);
    assert.deepEqual(child?.TaskGroups, snapshot.job("default", "report")?.TaskGroups);
    assert.equal([...snapshot.evaluationsByJob("default", child?.ID ?? "")][0]?.TriggeredBy, "periodic-job");
    assert.equal(snapshot.periodicLaunch("default", "report"), start + 1_800);
    assert.deepEqual(world.errors, []);
  }));

test("several crons are one schedule: a time that two of them name is one tick", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "both", crons: ["*/20 * * * *", "0,40,50 * * * *"] }) });
    await world.clock.advance(59 * MINUTE_MS);
    assert.deepEqual(
      children(world, "both").map((time) => time.slice(3)),
      ["20:00", "40:00", "50:00"],
    );
  }));

test("prohibit_overlap passes over ticks while a child runs, and a restart does not make up for them (F19)", () =>
  inside({}, async (world) => {
    const node = await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "long", crons: ["*/10 * * * *"], behaviour: "well" }) });
    await world.clock.advance(35 * MINUTE_MS);
    assert.deepEqual(
      children(world, "long").map((time) => time.slice(3)),
      ["10:00 alive"],
    );
    for (const id of node.allocations.keys()) node.finish(id, "complete");
    await world.clock.advance(MINUTE_MS);
    await world.restartServer();
    await world.clock.advance(MINUTE_MS);
    assert.deepEqual(
      children(world, "long").map((time) => time.slice(3)),
      ["10:00"],
    );
    await world.clock.advance(5 * MINUTE_MS);
    assert.deepEqual(
      children(world, "long").map((time) => time.slice(3)),
      ["10:00", "40:00 alive"],
    );
  }));

test("without prohibit_overlap every tick has its child", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "many", crons: ["*/10 * * * *"], overlap: true, behaviour: "well" }) });
    await world.clock.advance(35 * MINUTE_MS);
    assert.deepEqual(
      children(world, "many").map((time) => time.slice(3)),
      ["10:00 alive", "20:00 alive", "30:00 alive"],
    );
  }));

test("a server that dies at any moment around a tick never makes two children of it, and never loses it (F19)", async () => {
  for (let turns = 0; turns < 24; turns += testScale() > 1 ? 1 : 2) {
    const most = { alive: 0 };
    await inside(
      {
        seed: turns + 1,
        onChange: (_change, cluster) => {
          most.alive = Math.max(most.alive, livingChildren(cluster, "job"));
        },
      },
      async (world) => {
        await world.addNode({ name: "n1" });
        await toTheHour(world);
        await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["*/10 * * * *"], behaviour: "well" }) });
        await world.clock.advance(10 * MINUTE_MS - 1);
        const passing = world.clock.advance(1);
        for (let turn = 0; turn < turns; turn++) await nextTurn();
        await world.restartServer();
        await passing;
        await world.restartServer();
        await world.clock.advance(MINUTE_MS);
        assert.deepEqual(
          children(world, "job").map((time) => time.slice(3)),
          ["10:00 alive"],
          `killed after ${turns} turns`,
        );
        assert.equal(most.alive, 1);
      },
    );
  }
});

test("ticks missed while no server ran are made up for by one launch, that of the latest", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "hourly", crons: ["0 * * * *"], overlap: true }) });
    await world.clock.advance(HOUR_MS + MINUTE_MS);
    assert.equal(children(world, "hourly").length, 1);
    const before = world.clock.nowMs();
    await world.server.close();
    await world.clock.advance(5 * HOUR_MS + 20 * MINUTE_MS);
    await world.restartServer();
    await world.clock.advance(MINUTE_MS);
    const times = [...world.cluster.state.snapshot().childJobs("default", "hourly")].map(
      (child) => Number(/-(\d+)$/.exec(child.ID)?.[1]) * 1_000,
    );
    assert.deepEqual(
      times.map((time) => (time - before + MINUTE_MS) / HOUR_MS),
      [0, 5],
    );
    await world.clock.advance(40 * MINUTE_MS);
    const [last] = [...world.cluster.state.snapshot().childJobs("default", "hourly")].slice(-1);
    assert.equal((Number(/-(\d+)$/.exec(last?.ID ?? "")?.[1]) * 1_000 - before + MINUTE_MS) / HOUR_MS, 6);
  }));

test("a job that changed its schedule makes up for nothing of the new one", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["0 0 1 1 *"] }) });
    await world.clock.advance(3 * HOUR_MS);
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["30 * * * *"] }) });
    await world.clock.advance(20 * MINUTE_MS);
    assert.deepEqual(children(world, "job"), []);
    await world.clock.advance(20 * MINUTE_MS);
    assert.deepEqual(
      children(world, "job").map((time) => time.slice(3)),
      ["30:00"],
    );
  }));

test("a disabled or stopped job is not launched, and is again once enabled or started", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["*/10 * * * *"], enabled: false }) });
    await world.clock.advance(25 * MINUTE_MS);
    assert.deepEqual(children(world, "job"), []);
    assert.deepEqual(world.server.nextLaunches(world.cluster.state.snapshot().job("default", "job") as never, 5), []);
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["*/10 * * * *"] }) });
    await world.clock.advance(10 * MINUTE_MS);
    await world.server.deregisterJob("default", "job", { Purge: false, EvalPriority: 0, NoShutdownDelay: false });
    await world.clock.advance(20 * MINUTE_MS);
    assert.deepEqual(
      children(world, "job").map((time) => time.slice(3)),
      ["30:00"],
    );
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["*/10 * * * *"] }) });
    await world.clock.advance(10 * MINUTE_MS);
    assert.deepEqual(
      children(world, "job").map((time) => time.slice(3)),
      ["30:00", "00:00"],
    );
  }));

test("forcePeriodic() launches now, even beside a running child, and any number of times in one second", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["0 0 1 1 *"], behaviour: "well" }) });
    const answers = await Promise.all([1, 2, 3].map(() => world.server.forcePeriodic("default", "job")));
    await world.clock.advance(1_000);
    assert.equal(new Set(answers.map((answer) => answer.EvalID)).size, 3);
    assert.equal(livingChildren(world.cluster, "job"), 3);
    assert.equal(world.cluster.state.snapshot().periodicLaunch("default", "job"), undefined, "a forced launch is no tick");
    const refusal = (code: string) => (thrown: unknown) => thrown instanceof NamedError && thrown.code === code;
    await assert.rejects(world.server.forcePeriodic("default", "nothing"), refusal("JOB_NOT_FOUND"));
    await world.server.registerJob({ Job: jobOf({ id: "plain", count: 1 }) });
    await assert.rejects(world.server.forcePeriodic("default", "plain"), /it is not periodic/);
  }));

test("a launch forced in the very second of a tick is that tick's child: there is one", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "job", crons: ["*/10 * * * *"], overlap: true, behaviour: "well" }) });
    await world.clock.advance(10 * MINUTE_MS - 1);
    // The launcher and the operator in the same moment.
    world.clock.after(1, () => void world.server.forcePeriodic("default", "job"));
    await world.clock.advance(10);
    const times = children(world, "job").map((time) => time.slice(3));
    assert.equal(times.filter((time) => time === "10:00 alive").length, 1);
    await world.clock.advance(10 * MINUTE_MS);
    assert.equal(children(world, "job").filter((time) => time.slice(3) === "20:00 alive").length, 1);
  }));

test("a job whose schedule cannot be read blocks neither the others nor a server's start (F20)", () =>
  inside({}, async (world) => {
    await world.addNode({ name: "n1" });
    await toTheHour(world);
    await world.server.registerJob({ Job: periodicJob({ id: "good", crons: ["*/10 * * * *"] }) });
    const good = world.cluster.state.snapshot().job("default", "good");
    assert.ok(good?.Periodic !== null && good !== undefined);
    // As a log written by something else would hold it.
    await world.cluster.propose({
      type: "job-register",
      Job: {
        ...good,
        ID: "a-bad-one" as JobId,
        Namespace: "default" as Namespace,
        Periodic: { ...good.Periodic, Specs: ["no cron at all"] },
      },
      Submission: null,
      Evaluation: null,
      EnforceIndex: null,
      PreserveCounts: false,
    });
    await world.restartServer();
    await world.clock.advance(11 * MINUTE_MS);
    assert.deepEqual(
      children(world, "good").map((time) => time.slice(3)),
      ["10:00"],
    );
    assert.match(JSON.stringify(world.errors), /cannot read the schedule of periodic job.*a-bad-one/);
    assert.deepEqual(world.server.statistics()["periodic.tracked"], 1);
  }));

test("planJob() says when a periodic job would be launched next, nextLaunches() the next of them", () =>
  inside({}, async (world) => {
    await toTheHour(world);
    const wanted = periodicJob({ id: "job", crons: ["30 4 * * *"], zone: "Europe/Berlin" });
    const plan = await world.server.planJob({ Job: wanted, Diff: false });
    assert.match(plan.NextPeriodicLaunch ?? "", /T0[23]:30:00.000Z$/);
    await world.server.registerJob({ Job: wanted });
    const job = world.cluster.state.snapshot().job("default", "job");
    assert.ok(job !== undefined);
    const launches = world.server.nextLaunches(job, 5);
    assert.equal(launches.length, 5);
    assert.equal(new Date((launches[0] as number) * 1_000).toISOString(), plan.NextPeriodicLaunch);
    assert.deepEqual(
      launches.slice(1).map((launch, index) => Math.round((launch - (launches[index] as number)) / 3_600)),
      [24, 24, 24, 24],
    );
  }));

test("through changes of clocks in twenty zones every job has one child a tick (F18)", { timeout: 600_000 }, async () => {
  // The gate lives through one spring (and autumn); the soak through five years.
  const days = testScale() < 10 ? 60 : 1_826;
  const clock = createSimulatedClock(Date.UTC(2026, 2, 1));
  const random = createSeededRandom(18);
  const disk = createMemoryDisk();
  const cluster = await startCluster({ log: openMemoryLog(disk), snapshots: openMemorySnapshots(disk), clock, random });
  const ticks = new Map<string, number[]>();
  cluster.state.watch.subscribe((change) => {
    for (const job of change.jobs) {
      const [, parent, second] = /^(.+)\/periodic-(\d+)$/.exec(job.ID) ?? [];
      if (parent !== undefined && job.CreateIndex === change.index) ticks.get(parent)?.push(Number(second));
    }
  });
  const admission = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
  const errors: unknown[] = [];
  const context = {
    cluster,
    clock,
    random,
    admission,
    report: (entry: { level: string }) => void (entry.level === "error" && errors.push(entry)),
  };
  const launcher = createPeriodicLauncher(context);
  try {
    const from = Temporal.Instant.fromEpochMilliseconds(clock.nowMs());
    for (const [index, zone] of ZONES.entries()) {
      ticks.set(`z${index}`, []);
      await registerJob(context, { Job: periodicJob({ id: `z${index}`, crons: ["30 2 * * *"], zone, overlap: true }) });
    }
    await clock.advance(days * DAY_MS);
    for (const [index, zone] of ZONES.entries()) {
      const dates = (ticks.get(`z${index}`) ?? []).map((tick) => dateIn(zone, Temporal.Instant.fromEpochMilliseconds(tick * 1_000)));
      assert.equal(new Set(dates).size, dates.length, `${zone}: no day has two`);
      assert.ok(Math.abs(dates.length - days) <= 1, `${zone}: ${dates.length} in ${days} days`);
      const known = new Set(dates);
      const first = Temporal.PlainDate.from(dateIn(zone, from));
      for (let day = 1; day < days - 1; day++)
        assert.ok(known.has(first.add({ days: day }).toString()), `${zone}: ${first.add({ days: day })} has one`);
    }
    assert.deepEqual(errors, []);
  } finally {
    launcher.close();
    await cluster.close();
  }
});

function dateIn(zone: string, instant: Temporal.Instant): string {
  return instant.toZonedDateTimeISO(zone).toPlainDate().toString();
}

test("ticks that are late by less than a minute are each launched; of those missed for longer only the latest", () => {
  const job = { ...periodicJob({ id: "report", crons: ["*/20 * * * * * *"] }), SubmitTime: 0 } as unknown as Job;
  const snapshot = { periodicLaunch: () => 1_000, childJobs: () => [] } as unknown as Snapshot;
  const at = (nowMs: number) =>
    decide(snapshot, { ...job, Periodic: { ...job.Periodic, ProhibitOverlap: false } } as Job, scheduleOf(job), nowMs);
  assert.deepEqual(at(1_019_999), { kind: "wait", untilMs: 1_020_000 });
  assert.deepEqual(at(1_020_000), { kind: "launch", tick: 1_020 });
  assert.deepEqual(at(1_080_000), { kind: "launch", tick: 1_020 });
  assert.deepEqual(at(1_080_001), { kind: "launch", tick: 1_080 });
});
