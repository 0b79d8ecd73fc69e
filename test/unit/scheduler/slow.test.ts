/** The quick scheduler against the slow and obvious one, on small random clusters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllocMetric, Evaluation, Job, PlannedAllocation, ScheduleResult, TaskGroup } from "#model";
import { schedule } from "#scheduler";
import type { Snapshot } from "#state";
import { drawFor } from "../../../src/scheduler/seed.ts";
import { testScale } from "../../scale.ts";
import { anyJob, anyNode, type Chance, withSeeds } from "./chance.ts";
import { assertSound } from "./invariants.ts";
import { anEvaluation, idsFrom } from "./nouns.ts";
import { presentIn, type Verdict, verdicts } from "./slow.ts";
import { World } from "./world.ts";

const options = (newId: () => string) => ({ placementsMax: 500, newId, nowNs: 0 });
const CLOSE = 1e-9;

function anyWorld(chance: Chance): World {
  const world = new World();
  for (let i = 0; i < 1 + chance.below(9); i++) world.addNode(anyNode(chance, `n${i}`));
  if (chance.once(3)) world.configuration = { ...world.configuration, SchedulerAlgorithm: "spread" };
  if (chance.once(4)) {
    const SchedulerConfiguration = {
      SchedulerAlgorithm: chance.pick(["", "binpack", "spread"] as const),
      MemoryOversubscriptionEnabled: null,
    };
    world.pools.set("default", { Name: "default", Description: "", Meta: {}, SchedulerConfiguration, CreateIndex: 1, ModifyIndex: 1 });
  }
  return world;
}

test("the same nodes, the same scores, the same choice; where nothing fits, the same reasons", () => {
  withSeeds(Math.ceil(1_500 * testScale()), (chance, seed) => {
    const world = anyWorld(chance);
    // Twice the same id: what is there is updated, and gives its room to what comes after it.
    for (const id of ["a", "b", chance.pick(["a", "c"])]) {
      const job = world.addJob(anyJob(chance, id));
      const snapshot = world.snapshot();
      const evaluation = anEvaluation(job, { ID: `e-${seed}-${world.index}` as Evaluation["ID"] });
      const result = schedule(snapshot, evaluation, options(idsFrom(`${id}${world.index}`)));
      compare(snapshot, job, evaluation, result);
      if (result.Plan === null) continue;
      world.commit(result.Plan);
      assertSound(world.snapshot());
    }
  });
});

/** Walks through the plan in its order, asking the slow one before every placement. */
function compare(snapshot: Snapshot, job: Job, evaluation: Evaluation, result: ScheduleResult): void {
  const { Placements = [], Stops = [] } = result.Plan ?? {};
  const successors = new Set<string>(Placements.map((placement) => placement.PreviousAllocation));
  const gone = new Set<string>(Stops.map((stop) => stop.ID).filter((id) => !successors.has(id)));
  const before: PlannedAllocation[] = [];
  for (const group of job.TaskGroups) {
    let made = 0;
    for (const placement of Placements.filter((each) => each.TaskGroup === group.Name)) {
      if (placement.PreviousAllocation !== "") gone.add(placement.PreviousAllocation);
      const slow = verdicts(snapshot, job, group, presentIn(snapshot, gone, before));
      assertChosen(slow, placement, snapshot, evaluation);
      const hasDynamicPorts = group.Networks.some((network) => network.DynamicPorts.length > 0);
      if (made++ < 8 && !hasDynamicPorts) assertScores(slow, placement.Metrics);
      before.push(placement);
    }
    const failed = result.Evaluation.FailedTGAllocs[group.Name];
    const now = verdicts(snapshot, job, group, presentIn(snapshot, gone, before));
    if (failed === undefined) continue;
    assert.deepEqual(
      now.filter((each) => each.filtered === "" && each.dimension === "").map((each) => each.node.Name),
      [],
      `${group.Name}: what is queued could have been placed`,
    );
    // With updates, the first failure may have seen room that was given back later.
    if ([...snapshot.allocationsByJob(job.Namespace, job.ID)].length === 0) assertReasons(now, failed);
  }
}

/** Highest score; of nodes that are alike in all parts the one the draw ranks first. */
function assertChosen(slow: readonly Verdict[], placement: PlannedAllocation, snapshot: Snapshot, evaluation: Evaluation): void {
  const chosen = slow.find((each) => each.node.ID === placement.NodeID);
  assert(chosen !== undefined, `${placement.NodeName} is no candidate`);
  assert.deepEqual([chosen.filtered, chosen.dimension], ["", ""], `${placement.Name} cannot be on ${placement.NodeName}`);
  const best = Math.max(...slow.map((each) => each.score));
  assert(chosen.score >= best - CLOSE, `${placement.Name}: ${chosen.score} on ${placement.NodeName}, but ${best} is to be had`);
  const draw = drawFor(evaluation.ID, snapshot.index);
  const rank = (each: Verdict) => draw.rank(snapshot.columns().slotOf(each.node.ID) as number);
  const alike = slow.filter((each) => each.score === chosen.score && JSON.stringify(each.parts) === JSON.stringify(chosen.parts));
  assert.equal(Math.min(...alike.map(rank)), rank(chosen), `${placement.Name}: another node alike is ranked before ${placement.NodeName}`);
}

function assertScores(slow: readonly Verdict[], metrics: AllocMetric | null): void {
  const shown = metrics?.ScoreMetaData ?? [];
  const fitting = slow.filter((each) => each.filtered === "" && each.dimension === "").toSorted((a, b) => b.score - a.score);
  assert.equal(shown.length, Math.min(5, fitting.length));
  shown.forEach((score, place) => {
    const counted = fitting.find((each) => each.node.ID === score.NodeID);
    assert(counted !== undefined, `${score.NodeID} is shown but does not fit`);
    assertClose(score.NormScore, counted.score, "normalized score");
    assertClose(score.NormScore, fitting[place]?.score as number, "the best five, best first");
    for (const [name, value] of Object.entries(score.Scores)) assertClose(value, counted.parts[name] ?? 0, name);
    for (const name of Object.keys(counted.parts)) assert(Object.hasOwn(score.Scores, name), `${name} is not shown`);
  });
}

function assertClose(quick: number, slow: number, what: string): void {
  assert(Math.abs(quick - slow) < CLOSE, `${what}: ${quick} is not ${slow}`);
}

function assertReasons(slow: readonly Verdict[], metric: AllocMetric): void {
  assert.equal(metric.NodesEvaluated, slow.length);
  assert.deepEqual(metric.ConstraintFiltered, counted(slow.map((each) => each.filtered)));
  assert.deepEqual(metric.DimensionExhausted, counted(slow.map((each) => each.dimension)));
  assert.deepEqual(metric.ClassFiltered, counted(slow.filter((each) => each.filtered !== "").map((each) => each.node.NodeClass)));
  assert.deepEqual(metric.ClassExhausted, counted(slow.filter((each) => each.dimension !== "").map((each) => each.node.NodeClass)));
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) if (word !== "") counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

test("a system job is on every node the slow one finds fit, and on no other", () => {
  withSeeds(Math.ceil(700 * testScale()), (chance) => {
    const world = anyWorld(chance);
    world.configuration = { ...world.configuration, PreemptionConfig: NOBODY };
    const service = world.addJob(anyJob(chance, "old"));
    world.commit(schedule(world.snapshot(), anEvaluation(service), options(idsFrom("old"))).Plan ?? { ...NOTHING, Job: service });
    const job = world.addJob(anyJob(chance, "a", ["system", "sysbatch"]));
    const snapshot = world.snapshot();
    const result = schedule(snapshot, anEvaluation(job), options(idsFrom("a")));
    const before: PlannedAllocation[] = [];
    for (const group of job.TaskGroups) {
      const placed = (result.Plan?.Placements ?? []).filter((each) => each.TaskGroup === group.Name);
      assertEverywhere(snapshot, job, group, before, placed);
      const queued = result.Evaluation.QueuedAllocations[group.Name] ?? 0;
      const isTold = result.Evaluation.FailedTGAllocs[group.Name] !== undefined;
      assert(isTold || queued === 0, `${group.Name}: ${queued} queued, and nobody says why`);
      assert(!isTold || queued > 0 || placed.length === 0, `${group.Name}: a failure, though only constraints are against other nodes`);
      before.push(...placed);
    }
    if (result.Plan !== null) world.commit(result.Plan);
    assertSound(world.snapshot());
    const again = schedule(world.snapshot(), anEvaluation(job), options(idsFrom("again")));
    assert.equal(again.Plan, null, "nothing is left to do");
  });
});

const NOBODY = {
  SystemSchedulerEnabled: false,
  SysBatchSchedulerEnabled: false,
  BatchSchedulerEnabled: false,
  ServiceSchedulerEnabled: false,
};
const NOTHING = {
  EvalID: "e" as Evaluation["ID"],
  Priority: 50,
  AllAtOnce: false,
  Stops: [],
  Placements: [],
  InPlaceUpdates: [],
  Notes: [],
  Deployment: null,
  DeploymentUpdates: [],
  Annotations: null,
  SnapshotIndex: 0,
};

/** Node after node, in the order they were placed on; then those without. */
function assertEverywhere(
  snapshot: Snapshot,
  job: Job,
  group: TaskGroup,
  before: readonly PlannedAllocation[],
  placed: readonly PlannedAllocation[],
): void {
  const so: PlannedAllocation[] = [...before];
  for (const placement of placed) {
    const verdict = verdicts(snapshot, job, group, presentIn(snapshot, new Set(), so)).find((each) => each.node.ID === placement.NodeID);
    assert.deepEqual([verdict?.filtered, verdict?.dimension], ["", ""], `${placement.Name} cannot be on ${placement.NodeName}`);
    assertClose(placement.Metrics?.ScoreMetaData[0]?.NormScore ?? Number.NaN, verdict?.score as number, "score");
    so.push(placement);
  }
  for (const { node, filtered, dimension } of verdicts(snapshot, job, group, presentIn(snapshot, new Set(), so))) {
    const has = placed.some((each) => each.NodeID === node.ID);
    assert(has || filtered !== "" || dimension !== "", `${group.Name} could have been on ${node.Name}`);
  }
}
