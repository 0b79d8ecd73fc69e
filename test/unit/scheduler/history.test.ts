/** Long random histories on the real state: whatever happens, the plans are sound and the plan check finds nothing against them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { terminal } from "#model";
import type { Allocation, ClientStatus, Evaluation, Job, ScheduleResult } from "#model";
import { verifyPlan } from "#plan";
import { schedule } from "#scheduler";
import { testScale } from "../../scale.ts";
import type { Snapshot } from "#state";
import { Book } from "./book.ts";
import { anyGroup, anyJob, anyNode, type Chance, withSeeds } from "./chance.ts";
import { assertSound, living } from "./invariants.ts";
import { anEvaluation, idsFrom } from "./nouns.ts";
import { presentIn, verdicts } from "./slow.ts";

const STEPS = 25;

test("after every commit nothing is over-committed, no port or name is given out twice, and counts are reached or queued", () => {
  withSeeds(Math.ceil(80 * testScale()), (chance, seed) => {
    const book = new Book();
    const newId = idsFrom(`s${seed}`);
    for (let i = 0; i < 2 + chance.below(7); i++) book.addNode(anyNode(chance, `n${i}`));
    if (chance.once(2)) book.configure(EVERYBODY);
    for (let step = 0; step < STEPS; step++) {
      disturb(book, chance);
      for (const job of book.snapshot().jobs("*")) if (!chance.once(3)) evaluate(book, job, chance, newId);
    }
  });
});

const TYPES = ["service", "service", "batch", "system", "sysbatch"];
const EVERYBODY = {
  SystemSchedulerEnabled: true,
  SysBatchSchedulerEnabled: true,
  BatchSchedulerEnabled: true,
  ServiceSchedulerEnabled: true,
};

function disturb(book: Book, chance: Chance): void {
  const snapshot = book.snapshot();
  const jobs = [...snapshot.jobs("*")];
  const nodes = [...snapshot.nodes()];
  const allocations = [...snapshot.allocations()].filter((allocation) => !terminal(allocation));
  const stopping = [...snapshot.allocations()].filter((allocation) => allocation.DesiredStatus === "stop");
  const acts: readonly (() => void)[] = [
    () => void anyOther(book, chance),
    () => {
      const job = jobs.length === 0 ? undefined : chance.pick(jobs);
      if (job !== undefined)
        book.addJob({ ...job, TaskGroups: job.TaskGroups.map((group) => (chance.once(2) ? group : anyGroup(chance, group.Name))) });
    },
    () => jobs.length > 0 && book.stopJob(chance.pick(jobs)),
    () => book.nodeStatus(chance.pick(nodes), chance.pick(["ready", "ready", "down"])),
    () => book.nodeEligibility(chance.pick(nodes), chance.pick(["eligible", "ineligible"])),
    () => book.addNode(anyNode(chance, `n${nodes.length}`)),
    () => {
      const node = chance.pick(nodes);
      const rack = `r${chance.below(3)}`;
      book.addNode({ ...node, Meta: { rack }, ComputedClass: `${node.ID} in ${rack}` });
    },
    () => allocations.length > 0 && report(book, chance.pick(allocations), chance.pick(["running", "complete", "failed"])),
    () => allocations.length > 0 && book.ask(chance.pick(allocations).ID, chance.once(2) ? { Migrate: true } : { ForceReschedule: true }),
    () => stopping.length > 0 && report(book, chance.pick(stopping), "complete"),
  ];
  chance.pick(acts)();
}

/** A job keeps its type: registering another type under the id is refused. */
function anyOther(book: Book, chance: Chance): void {
  const id = `job${chance.below(4)}`;
  const known = [...book.snapshot().jobs("*")].find((job) => job.ID === id);
  book.addJob(anyJob(chance, id, known === undefined ? TYPES : [known.Type]));
}

function report(book: Book, allocation: Allocation, status: ClientStatus): void {
  const over = status === "complete" || status === "failed";
  book.report({
    ID: allocation.ID,
    NodeID: allocation.NodeID,
    ClientStatus: status,
    ClientDescription: "",
    TaskStates: {
      main: {
        State: over ? "dead" : "running",
        Failed: status === "failed",
        Restarts: 0,
        LastRestart: null,
        StartedAt: null,
        FinishedAt: null,
        Events: [],
      },
    },
  });
}

function evaluate(book: Book, job: Job, chance: Chance, newId: () => string): void {
  const placementsMax = chance.pick([1, 2, 3, 500]);
  const evaluation = anEvaluation(job, { ID: newId() as Evaluation["ID"] });
  for (let passes = 0; ; passes++) {
    assert(passes < 200, "it comes to an end");
    const snapshot = book.snapshot();
    const result = twice(() => schedule(snapshot, evaluation, { placementsMax, newId: idsFrom(`${evaluation.ID}-${passes}`), nowNs: 0 }));
    if (result.Plan !== null) {
      const { Plan: kept, Rejected, Full } = verifyPlan(snapshot, result.Plan);
      assert.deepEqual(Rejected, {}, "the plan check finds nothing against a fresh plan (F6)");
      assert(Full);
      book.commit(kept);
      assertSound(book.snapshot());
    }
    if (!result.More) return assertReached(book, job, result);
    assert(result.Plan !== null, "a pass that has more to do did something");
  }
}

function twice(act: () => ScheduleResult): ScheduleResult {
  const first = act();
  assert.deepEqual(act(), first, "the same input gives the same plan");
  return first;
}

/** Every group has what it should, or says how many are missing and why. */
function assertReached(book: Book, { Namespace, ID }: Job, result: ScheduleResult): void {
  const snapshot = book.snapshot();
  const job = snapshot.job(Namespace, ID) as Job;
  const allocations = [...snapshot.allocationsByJob(Namespace, ID)];
  if (job.Stop) {
    assert.deepEqual(living(allocations), []);
    return;
  }
  if (job.Type === "system" || job.Type === "sysbatch") return assertEverywhere(snapshot, job, result);
  for (const group of job.TaskGroups) {
    const own = allocations.filter((allocation) => allocation.TaskGroup === group.Name);
    const current = own.filter((allocation) => !terminal(allocation) || countsThoughOver(allocation, job));
    const queued = result.Evaluation.QueuedAllocations[group.Name] ?? 0;
    const missing = Math.max(0, (group.Count ?? 1) - current.length);
    const replaceable = current.filter((allocation) => waitsForSuccessor(allocation, job)).length;
    assert(current.filter((allocation) => !terminal(allocation)).length <= (group.Count ?? 1), `${group.Name}: too many`);
    assert(
      queued >= missing && queued <= missing + replaceable,
      `${group.Name}: ${missing} missing, ${replaceable} to be replaced, ${queued} queued`,
    );
    assert.equal(queued > 0, result.Evaluation.FailedTGAllocs[group.Name] !== undefined);
  }
}

/** On every candidate node one, or the node is counted among those without room, or the constraints are against it. */
function assertEverywhere(snapshot: Snapshot, job: Job, result: ScheduleResult): void {
  for (const group of job.TaskGroups.filter((each) => each.Count !== 0)) {
    const own = [...snapshot.allocationsByJob(job.Namespace, job.ID)].filter((each) => each.TaskGroup === group.Name);
    let without = 0;
    // No room first, and later barred by what was placed elsewhere; or just left.
    let spared = 0;
    for (const { node, filtered } of verdicts(snapshot, job, group, presentIn(snapshot, new Set(), []))) {
      const here = own.filter((each) => each.NodeID === node.ID);
      const had = job.Type === "sysbatch" && here.some((each) => hadItsTurn(each, job));
      const isLeaving = here.some((each) => each.DesiredTransition.Migrate === true && each.DesiredStatus === "stop");
      if (had || here.some((each) => !terminal(each))) continue;
      if (filtered === "" && !isLeaving) without++;
      if (filtered.startsWith("distinct") || isLeaving) spared++;
    }
    const queued = result.Evaluation.QueuedAllocations[group.Name] ?? 0;
    const outdated = own.filter((each) => !terminal(each) && each.Job.JobModifyIndex !== job.JobModifyIndex).length;
    assert(
      queued >= without && queued <= without + outdated + spared,
      `${group.Name}: ${without} nodes without, ${outdated} outdated, ${queued} queued`,
    );
  }
}

/** Sysbatch runs once in a version, unless it was pushed away. */
function hadItsTurn(allocation: Allocation, job: Job): boolean {
  return terminal(allocation) && allocation.DesiredStatus !== "evict" && allocation.Job.JobModifyIndex === job.JobModifyIndex;
}

/** Failed ones, and finished batch of this version. */
function countsThoughOver(allocation: Allocation, job: Job): boolean {
  const { ClientStatus, DesiredStatus, NextAllocation } = allocation;
  if (job.Type === "batch" && allocation.Job.Version < job.Version) return false;
  if (ClientStatus === "failed") return DesiredStatus === "run";
  return ClientStatus === "complete" && job.Type === "batch" && (DesiredStatus === "run" || NextAllocation === "");
}

/** May still be there because what should take over from it fitted nowhere: an older version, or a failed one to be tried again. */
function waitsForSuccessor(allocation: Allocation, job: Job): boolean {
  return (
    allocation.Job.JobModifyIndex !== job.JobModifyIndex ||
    (allocation.ClientStatus === "failed" && allocation.DesiredTransition.ForceReschedule === true)
  );
}
