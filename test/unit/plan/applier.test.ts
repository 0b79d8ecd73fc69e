import assert from "node:assert/strict";
import { test } from "node:test";
import type { Evaluation, Job, Plan } from "#model";
import { createPlanApplier } from "#plan";
import { schedule } from "#scheduler";
import type { Command, Outcome, State } from "#state";
import { aGroup, aJob, aNode, anEvaluation, idsFrom } from "../scheduler/nouns.ts";
import { World } from "../scheduler/world.ts";

type PlanApply = Extract<Command, { type: "plan-apply" }>;
interface Proposed {
  readonly command: PlanApply;
  answer(outcome: Outcome): void;
  fail(error: Error): void;
}

/** A log that takes entries in and answers when the test says so. */
function stage(world: World, inFlightMax?: number) {
  const proposed: Proposed[] = [];
  const applier = createPlanApplier({
    ...(inFlightMax === undefined ? {} : { inFlightMax }),
    cluster: {
      state: { snapshot: () => world.snapshot() } as State,
      propose: (command) =>
        new Promise((answer, fail) =>
          proposed.push({
            command: command as PlanApply,
            fail,
            answer: (outcome) => {
              if (outcome.ok) world.commit((command as PlanApply).Plan);
              answer(outcome);
            },
          }),
        ),
    },
  });
  return { applier, proposed };
}

const newId = idsFrom("p");
function planFor(world: World, job: Job): Plan {
  return schedule(world.snapshot(), anEvaluation(job), { placementsMax: 500, newId, nowNs: 0 }).Plan ?? assert.fail("no plan");
}
function jobOf(world: World, id: string, memory: number, priority = 50): Job {
  return world.addJob(aJob({ ID: id, Priority: priority, TaskGroups: [aGroup({ memory })] }));
}
function aWorld(memory = 1000): World {
  const world = new World();
  world.addNode(aNode("m1", { memory }));
  return world;
}
const done = (job: Job): Evaluation[] => [{ ...anEvaluation(job), Status: "complete" }];
/** Lets everything that can go on go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a plan that holds is proposed with its evaluations and answered with its index", async () => {
  const world = aWorld();
  const { applier, proposed } = stage(world);
  const job = jobOf(world, "a", 100);
  const result = applier.submit(planFor(world, job), done(job));
  assert.deepEqual(
    proposed[0]?.command.Evaluations.map((each) => each.Status),
    ["complete"],
  );
  assert.equal(applier.inFlight, 1);
  proposed[0]?.answer({ ok: true, index: 42 });
  assert.deepEqual(await result, { Index: 42, Rejected: {}, Full: true });
  assert.equal(applier.inFlight, 0);
});

test("plans follow one another into the log without waiting, and the later sees what the earlier takes", async () => {
  const world = aWorld(300);
  const { applier, proposed } = stage(world);
  const [a, b, c] = [jobOf(world, "a", 200), jobOf(world, "b", 200), jobOf(world, "c", 100)];
  const plans = [a, b, c].map((job) => ({ job, plan: planFor(world, job) }));
  const results = plans.map(({ job, plan }) => applier.submit(plan, done(job)));
  assert.deepEqual(
    proposed.map((each) => each.command.Plan.Job?.ID),
    ["a", "c"],
    "b found no room beside a and never reached the log",
  );
  assert.deepEqual(await results[1], { Index: 0, Rejected: { "node-m1": "memory" }, Full: false });
  for (const each of proposed) each.answer({ ok: true, index: 7 });
  assert.deepEqual(
    (await Promise.all([results[0], results[2]])).map((result) => result?.Full),
    [true, true],
  );
});

test("evaluations are left out of the entry when something was refused", async () => {
  const world = aWorld();
  world.addNode(aNode("m2"));
  const job = world.addJob(aJob({ TaskGroups: [aGroup({ Count: 4 })] }));
  const plan = planFor(world, job);
  world.nodes.delete("node-m2");
  const { applier, proposed } = stage(world);
  const result = applier.submit(plan, done(job));
  assert.deepEqual(proposed[0]?.command.Evaluations, []);
  assert.deepEqual(
    proposed[0]?.command.Plan.Placements,
    plan.Placements.filter((placement) => placement.NodeName === "m1"),
  );
  proposed[0]?.answer({ ok: true, index: 9 });
  assert.deepEqual(await result, { Index: 9, Rejected: { "node-m2": "node does not exist" }, Full: false });
});

test("while the log is full the most important plan waits first in line", async () => {
  const world = aWorld();
  const { applier, proposed } = stage(world, 1);
  const jobs = [jobOf(world, "a", 10), jobOf(world, "low", 10, 10), jobOf(world, "high", 10, 90), jobOf(world, "high2", 10, 90)];
  const results = jobs.map((job) => applier.submit(planFor(world, job), []));
  assert.equal(applier.waiting, 3);
  for (let next = 0; next < jobs.length; next++) {
    proposed[next]?.answer({ ok: true, index: next });
    await settled();
  }
  assert.deepEqual(
    proposed.map((each) => each.command.Plan.Job?.ID),
    ["a", "high", "high2", "low"],
  );
  await Promise.all(results);
});

test("a plan that could not be written is out of the way of the next", async () => {
  const world = aWorld(300);
  const { applier, proposed } = stage(world);
  const a = jobOf(world, "a", 200);
  const b = jobOf(world, "b", 200);
  const first = applier.submit(planFor(world, a), []);
  proposed[0]?.fail(new Error("disk full"));
  await assert.rejects(first, /disk full/);
  const second = applier.submit(planFor(world, b), []);
  proposed[1]?.answer({ ok: true, index: 3 });
  assert.equal((await second).Full, true);
});

test("what the state refuses is a named error, and a closed applier takes nothing", async () => {
  const world = aWorld();
  const { applier, proposed } = stage(world, 1);
  const a = jobOf(world, "a", 10);
  const b = jobOf(world, "b", 10);
  const first = applier.submit(planFor(world, a), []);
  const waiting = applier.submit(planFor(world, b), []);
  applier.close();
  await assert.rejects(waiting, { code: "PLAN_APPLIER_CLOSED" });
  await assert.rejects(applier.submit(planFor(world, b), []), { code: "PLAN_APPLIER_CLOSED" });
  proposed[0]?.answer({ ok: false, index: 5, code: "invalid", reason: "no such node" });
  await assert.rejects(first, { code: "PLAN_REFUSED", message: /no such node/ });
});
