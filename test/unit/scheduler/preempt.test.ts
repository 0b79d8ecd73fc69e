/** Preemption on random clusters: who goes is fit to go, nobody goes for nothing, and nobody waits who need not. nomad.md §6.4. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Allocation, Evaluation } from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { crowdPenalty, distanceTo } from "../../../src/scheduler/preempt/distance.ts";
import { preemptionScore } from "../../../src/scheduler/preempt/score.ts";
import { testScale } from "../../scale.ts";
import { anyJob, anyNode, withSeeds } from "./chance.ts";
import { assertSound } from "./invariants.ts";
import { aGroup, aJob, aNode, anEvaluation, idsFrom } from "./nouns.ts";
import { presentIn, verdicts } from "./slow.ts";
import { World } from "./world.ts";

const EVERYBODY = {
  SystemSchedulerEnabled: true,
  SysBatchSchedulerEnabled: true,
  BatchSchedulerEnabled: true,
  ServiceSchedulerEnabled: true,
};

test("only those ten below go, none for a node that had room, and who waits could not be helped by anybody's going", () => {
  let evictions = 0;
  withSeeds(Math.ceil(800 * testScale()), (chance, seed) => {
    const world = new World();
    world.configuration = { ...world.configuration, PreemptionConfig: EVERYBODY };
    for (let i = 0; i < 1 + chance.below(4); i++) world.addNode(anyNode(chance, `n${i}`));
    for (const id of ["a", "b", "c"]) {
      const job = world.addJob(anyJob(chance, id));
      const snapshot = world.snapshot();
      const evaluation = anEvaluation(job, { ID: `e-${seed}-${id}` as Evaluation["ID"] });
      const { Plan: plan, Evaluation: done } = schedule(snapshot, evaluation, { placementsMax: 500, newId: idsFrom(id), nowNs: 0 });
      const gone = new Set<string>();
      for (const placement of plan?.Placements ?? []) {
        const victims = (plan?.Stops ?? []).filter((stop) => stop.PreemptedByAllocation === placement.ID);
        assert.deepEqual([...placement.PreemptedAllocations].sort(), victims.map((stop) => stop.ID).sort());
        const group = job.TaskGroups.find((each) => each.Name === placement.TaskGroup) ?? assert.fail();
        const placed = (plan?.Placements ?? []).slice(0, plan?.Placements.indexOf(placement));
        const fits = () =>
          verdicts(snapshot, job, group, presentIn(snapshot, gone, placed)).filter((each) => each.filtered + each.dimension === "");
        if (victims.length > 0) assert.deepEqual(fits(), [], "nobody goes where there is room somewhere");
        for (const victim of victims) {
          const allocation = snapshot.allocation(victim.ID) as Allocation;
          assert.equal(victim.DesiredStatus, "evict");
          assert(allocation.JobID !== job.ID && job.Priority - allocation.Job.Priority >= 10, "only those ten below, of other jobs");
          assert.equal(allocation.NodeID, placement.NodeID);
          gone.add(victim.ID);
          evictions++;
        }
        assert(
          fits().some((each) => each.node.ID === placement.NodeID),
          "with them gone it fits",
        );
      }
      for (const group of job.TaskGroups) {
        if ((done.QueuedAllocations[group.Name] ?? 0) === 0 || group.Networks.length > 0) continue;
        const all = new Set(gone);
        for (const each of snapshot.allocations()) {
          // Who was told to go already has room that is given away.
          if (each.JobID !== job.ID && each.DesiredStatus === "run" && job.Priority - each.Job.Priority >= 10) all.add(each.ID);
        }
        const helped = verdicts(snapshot, job, group, presentIn(snapshot, all, plan?.Placements ?? []));
        assert.deepEqual(
          helped.filter((each) => each.filtered + each.dimension === "").map((each) => each.node.Name),
          [],
          `${group.Name} waits, though others could make room`,
        );
      }
      if (plan === null) continue;
      assert(verifyPlan(snapshot, plan).Full, "the plan check agrees (F6)");
      world.commit(plan);
      assertSound(world.snapshot());
    }
  });
  assert(evictions > 20 || process.env["DROVER_TEST_SEED"] !== undefined, `only ${evictions} evictions: nothing was told`);
});

test("the formulas: distance to what is needed, the penalty of a group at its limit, the score of who has to go", () => {
  const needed = { cpu: 1000, memory: 500, disk: 0 };
  assert.equal(distanceTo(needed, needed), 0);
  assert.equal(distanceTo(needed, { cpu: 0, memory: 500, disk: 900 }), 1, "what is not needed does not count");
  assert.equal(distanceTo(needed, { cpu: 500, memory: 250, disk: 0 }), Math.sqrt(0.5));
  assert.deepEqual([crowdPenalty(5, 0), crowdPenalty(0, 1), crowdPenalty(1, 1), crowdPenalty(3, 1)], [0, 0, 50, 150]);
  assert.equal(preemptionScore([2047]), 0.5, "net 2048 is the middle");
  assert(preemptionScore([10]) > preemptionScore([10, 10]) && preemptionScore([10, 10]) > preemptionScore([90]));
});

test("an allocation that is to be preempted and is gone by then refuses the placement only if its room is missing", () => {
  const world = new World();
  world.configuration = { ...world.configuration, PreemptionConfig: EVERYBODY };
  world.addNode(aNode("m1", { memory: 300 }));
  const newId = idsFrom();
  const low = world.addJob(aJob({ ID: "low", Priority: 10, TaskGroups: [aGroup({ memory: 200 })] }));
  world.commit(schedule(world.snapshot(), anEvaluation(low), { placementsMax: 500, newId, nowNs: 0 }).Plan ?? assert.fail());
  const high = world.addJob(aJob({ ID: "high", Priority: 60, TaskGroups: [aGroup({ memory: 200 })] }));
  const plan = schedule(world.snapshot(), anEvaluation(high), { placementsMax: 500, newId, nowNs: 0 }).Plan ?? assert.fail();
  const victim = plan.Stops[0]?.ID ?? assert.fail();
  assert(verifyPlan(world.snapshot(), plan).Full);
  assert.equal(plan.Annotations?.PreemptedAllocs[0]?.ID, victim);
  assert.equal(plan.Annotations?.DesiredTGUpdates["web"]?.Preemptions, 1);

  // It ended by itself: its room is free all the same.
  const before = world.allocations.get(victim) as Allocation;
  world.change(victim, { ClientStatus: "complete" });
  assert(verifyPlan(world.snapshot(), plan).Full);
  // Another plan stopped it, and may have given its room away.
  world.change(victim, { ClientStatus: "running", DesiredStatus: "stop" });
  assert.deepEqual(verifyPlan(world.snapshot(), plan).Rejected, { "node-m1": "memory" });
  // Its job has become as important.
  world.change(victim, { ...before, Job: { ...before.Job, Priority: 55 } });
  const refused = verifyPlan(world.snapshot(), plan);
  assert.deepEqual(refused.Rejected, { "node-m1": `allocation "${victim}" may not be preempted by a job of priority 60` });
  assert.deepEqual([refused.Plan.Stops, refused.Plan.Placements], [[], []], "nobody goes for a placement that is refused");
});
