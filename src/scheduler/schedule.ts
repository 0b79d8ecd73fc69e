/**
 * One pass over one evaluation: snapshot in, plan out. Pure and synchronous; it ends within milliseconds because it changes at most
 * `placementsMax` allocations: the caller commits the plan and, while `More` is true, calls again with a newer snapshot, which finds
 * what is left to do by comparing anew. nomad.md §6.
 */
import type { Allocation, Evaluation, Plan, PlannedAllocation, ScheduleResult } from "#model";
import type { Snapshot } from "#state";
import { annotationsOf, outcomeOf } from "./outcome.ts";
import { Pass, type ScheduleOptions } from "./pass.ts";
import { GroupPlacer } from "./place.ts";
import type { GroupDecision } from "./reconcile/decision.ts";
import { reconcileJob } from "./reconcile/job.ts";

/** The job types it places. */
const TYPES: readonly string[] = ["service", "batch"];

export function schedule(snapshot: Snapshot, evaluation: Evaluation, options: ScheduleOptions): ScheduleResult {
  // 1. What is there, and what takes how much.
  const pass = new Pass(snapshot, evaluation, options);
  const type = pass.job?.Type ?? evaluation.Type;
  if (!TYPES.includes(type) && pass.job?.Stop === false) return refuse(evaluation, type, options.nowNs);

  // 2. What should be there instead, group by group, without looking at room.
  const decisions = reconcileJob({
    job: pass.job,
    allocations: pass.allocations,
    nodeOf: pass.nodeOf,
    mayStay: pass.mayStay,
    limit: Infinity,
  });

  // 3. Stop what is not wanted: its room is free for what follows.
  for (const stop of decisions.flatMap((decision) => decision.stops)) if (pass.hasBudget()) pass.stop(stop);

  // 4. Update in place what may stay where it is.
  for (const allocation of decisions.flatMap((decision) => decision.inPlace)) {
    if (pass.hasBudget()) pass.inPlace.push(updateInPlace(pass, allocation));
  }

  // 5. Find nodes for the rest, best first, each group until one fits nowhere.
  const placers = placeAll(pass, decisions);

  // 6. Say what it came to.
  const plan = planOf(pass, decisions);
  if (pass.more) return { Plan: plan, Evaluation: evaluation, Created: [], More: true };
  const { evaluation: done, created } = outcomeOf(pass, decisions, placers);
  return { Plan: plan, Evaluation: done, Created: created, More: false };
}

function placeAll(pass: Pass, decisions: readonly GroupDecision[]): ReadonlyMap<string, GroupPlacer> {
  const placers = new Map<string, GroupPlacer>();
  for (const decision of decisions) {
    let placer: GroupPlacer | undefined;
    for (const place of decision.places) {
      if (pass.job === undefined || !pass.hasBudget()) return placers;
      if (placer === undefined) placers.set(decision.name, (placer = new GroupPlacer(pass, pass.job, place.group)));
      placer.place(place);
    }
  }
  return placers;
}

/** Same id, node and resources, new version. */
function updateInPlace(pass: Pass, allocation: Allocation): PlannedAllocation {
  const { Job, CreateIndex: _c, ModifyIndex: _m, AllocModifyIndex: _a, CreateTime: _ct, ModifyTime: _mt, ...kept } = allocation;
  return { ...kept, EvalID: pass.evaluation.ID, JobVersion: pass.job?.Version ?? Job.Version };
}

function planOf(pass: Pass, decisions: readonly GroupDecision[]): Plan | null {
  const { evaluation, snapshot, stops, placements, inPlace } = pass;
  if (stops.length + placements.length + inPlace.length === 0) return null;
  return {
    EvalID: evaluation.ID,
    Priority: evaluation.Priority,
    Job: pass.job ?? null,
    AllAtOnce: pass.job?.AllAtOnce ?? false,
    Stops: stops,
    Placements: placements,
    InPlaceUpdates: inPlace,
    Notes: [],
    Deployment: null,
    DeploymentUpdates: [],
    Annotations: annotationsOf(decisions),
    SnapshotIndex: snapshot.index,
  };
}

function refuse(evaluation: Evaluation, type: string, nowNs: number): ScheduleResult {
  const StatusDescription = `Cannot schedule job "${evaluation.JobID}": its type is "${type}", only service and batch are scheduled yet`;
  return { Plan: null, Evaluation: { ...evaluation, Status: "failed", StatusDescription, ModifyTime: nowNs }, Created: [], More: false };
}
