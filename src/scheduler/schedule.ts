/**
 * One pass over one evaluation: snapshot in, plan out. Pure and synchronous; it ends within milliseconds because it changes at most
 * `placementsMax` allocations: the caller commits the plan and, while `More` is true, calls again with a newer snapshot, which finds
 * what is left to do by comparing anew. nomad.md §6.
 */
import type { Evaluation, Job, Plan, ScheduleResult } from "#model";
import type { Snapshot } from "#state";
import { annotationsOf, outcomeOf } from "./outcome.ts";
import { Pass, type ScheduleOptions } from "./pass.ts";
import { GroupPlacer } from "./place.ts";
import { updatedInPlace } from "./planned.ts";
import type { GroupDecision, JobDecision, Wake } from "./reconcile/decision.ts";
import { type JobInput, reconcileJob } from "./reconcile/job.ts";
import { isSystem, scheduleSystem } from "./system/schedule.ts";

export function schedule(snapshot: Snapshot, evaluation: Evaluation, options: ScheduleOptions): ScheduleResult {
  // 1. What is there, and what takes how much.
  const pass = new Pass(snapshot, evaluation, options);
  // System jobs are looked at node by node: another question, another answer.
  if (isSystem(pass.job?.Type ?? evaluation.Type)) return scheduleSystem(pass);

  // 2. What should be there instead, group by group, without looking at room.
  const decision = reconcileJob(questionOf(pass));
  const { groups } = decision;

  // 3. Stop what is not wanted: its room is free for what follows. Note what is to be known of others.
  pass.foresee(groups.flatMap(wakesOf));
  for (const stop of groups.flatMap((group) => group.stops)) if (pass.hasBudget()) pass.stop(stop);
  for (const note of groups.flatMap((group) => group.notes ?? [])) if (pass.hasBudget()) pass.note(note);

  // 4. Update in place what may stay where it is.
  for (const group of groups) {
    for (const allocation of group.inPlace) {
      if (pass.hasBudget()) pass.inPlace.push(updatedInPlace(pass, pass.job as Job, allocation, group.deploymentId ?? ""));
    }
  }

  // 5. Find nodes for the rest, best first, each group until one fits nowhere.
  const placers = placeAll(pass, groups);

  // 6. Say what it came to.
  const plan = planOf(pass, decision);
  if (pass.more) return { Plan: plan, Evaluation: evaluation, Created: pass.followups, More: true };
  const { evaluation: done, created } = outcomeOf(pass, decision, placers);
  return { Plan: plan, Evaluation: done, Created: created, More: false };
}

function questionOf({ snapshot, evaluation, options, job, allocations, nodeOf, mayStay }: Pass): JobInput {
  const { Namespace, JobID } = evaluation;
  return {
    job,
    allocations,
    nodeOf,
    mayStay,
    restartingIn: (TaskGroup) => new Set(Array.from(snapshot.restartTurns({ Namespace, JobID, TaskGroup }), (turn) => turn.AllocationID)),
    evaluation,
    deployments: snapshot.deploymentsByJob(Namespace, JobID),
    jobVersion: (version) => snapshot.jobVersion(Namespace, JobID, version),
    evaluationOf: (id) => snapshot.evaluation(id),
    newId: options.newId,
    nowNs: options.nowNs,
  };
}

function wakesOf({ stops, notes = [] }: GroupDecision): readonly Wake[] {
  return [...stops.flatMap((stop) => stop.wake ?? []), ...notes.flatMap((note) => note.wakes)];
}

function placeAll(pass: Pass, groups: readonly GroupDecision[]): ReadonlyMap<string, GroupPlacer> {
  const placers = new Map<string, GroupPlacer>();
  for (const group of groups) {
    let placer: GroupPlacer | undefined;
    for (const place of group.places) {
      if (pass.job === undefined || !pass.hasBudget()) return placers;
      if (placer === undefined) placers.set(group.name, (placer = new GroupPlacer(pass, pass.job, place.group)));
      placer.place(place);
    }
  }
  return placers;
}

function planOf(pass: Pass, { groups, deployment, deploymentUpdates }: JobDecision): Plan | null {
  const { evaluation, snapshot, stops, placements, inPlace, notes } = pass;
  const changes = stops.length + placements.length + inPlace.length + notes.length + deploymentUpdates.length;
  if (changes === 0 && deployment === null) return null;
  return {
    EvalID: evaluation.ID,
    Priority: evaluation.Priority,
    Job: pass.job ?? null,
    AllAtOnce: pass.job?.AllAtOnce ?? false,
    Stops: stops,
    Placements: placements,
    InPlaceUpdates: inPlace,
    Notes: notes,
    Deployment: deployment,
    DeploymentUpdates: deploymentUpdates,
    Annotations: annotationsOf(groups, pass.evictions),
    SnapshotIndex: snapshot.index,
  };
}
