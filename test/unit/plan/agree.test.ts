/**
 * F6: scheduler and plan check never disagree for good. Two evaluations are planned from one snapshot; whatever the check keeps of the
 * second beside the first over-commits nothing, and planned again from the newest snapshot the second is kept whole.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plan } from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { testScale } from "../../scale.ts";
import { anyJob, anyNode, type Chance, withSeeds } from "../scheduler/chance.ts";
import { assertSound } from "../scheduler/invariants.ts";
import { anEvaluation, idsFrom } from "../scheduler/nouns.ts";
import { World } from "../scheduler/world.ts";

const CLUSTERS = 10_000;

test("over random clusters a plan is refused only for what another took, and never twice", () => {
  let conflicts = 0;
  withSeeds(Math.ceil(CLUSTERS * testScale()), (chance) => {
    const world = new World();
    for (let i = 0; i < 1 + chance.below(4); i++) world.addNode(anyNode(chance, `n${i}`));
    if (chance.once(2)) world.configuration = { ...world.configuration, PreemptionConfig: EVERYBODY };
    const newId = idsFrom();
    if (chance.once(2)) commit(world, plan(world, chance, "old", newId));
    const first = plan(world, chance, "a", newId);
    if (first !== null) assert(verifyPlan(world.snapshot(), first).Full, "a fresh plan holds");
    const second = plan(world, chance, chance.once(4) ? "a" : "b", newId);
    const beside = second === null ? undefined : verifyPlan(world.snapshot(), second, first === null ? [] : [first]);
    if (beside?.Full === false) conflicts++;
    commit(world, first);
    commit(world, beside?.Plan ?? null);
    assertSound(world.snapshot());
    const again = second === null ? null : replan(world, second, newId);
    if (again !== null) {
      assert.deepEqual(verifyPlan(world.snapshot(), again).Rejected, {}, "planned from the newest state it holds");
      commit(world, again);
      assertSound(world.snapshot());
    }
  });
  assert(
    conflicts > 10 || process.env["DROVER_TEST_SEED"] !== undefined,
    `only ${conflicts} conflicts: the clusters are too large to tell anything`,
  );
});

const TYPES = ["service", "service", "batch", "system", "sysbatch"];
const EVERYBODY = {
  SystemSchedulerEnabled: true,
  SysBatchSchedulerEnabled: true,
  BatchSchedulerEnabled: true,
  ServiceSchedulerEnabled: true,
};

function plan(world: World, chance: Chance, id: string, newId: () => string): Plan | null {
  const job = world.addJob(anyJob(chance, id, TYPES));
  return schedule(world.snapshot(), anEvaluation(job), { placementsMax: 500, newId, nowNs: 0 }).Plan;
}

function replan(world: World, before: Plan, newId: () => string): Plan | null {
  const job = before.Job ?? assert.fail("the job is there");
  return schedule(world.snapshot(), anEvaluation(job), { placementsMax: 500, newId, nowNs: 0 }).Plan;
}

function commit(world: World, wanted: Plan | null): void {
  if (wanted !== null) world.commit(verifyPlan(world.snapshot(), wanted).Plan);
}
