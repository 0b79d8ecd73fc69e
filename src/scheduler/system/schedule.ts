/**
 * System and sysbatch jobs: one allocation of every group on every node that can have one. nomad.md §6.6.
 *
 *   decide.ts     what each allocation is to its node: stop, note, update, place
 *   room.ts       how many may change at once, by the deployment
 *   fill.ts       is there room on each node (or who makes it), and what to say where there is none
 *   deploy.ts     the deployment that goes with it
 *
 * Bounded as any pass: at most `placementsMax` changes, then More.
 */
import type { Allocation, DeploymentId, DesiredUpdates, Job, Plan, ScheduleResult, TaskGroup } from "#model";
import { annotationsOf } from "../outcome.ts";
import type { Pass } from "../pass.ts";
import { NO_UPDATES } from "../reconcile/decision.ts";
import { standpointOf } from "../reconcile/deployment.ts";
import { abandonGroup, decideGroup, type SystemDecision, updatesOf } from "./decide.ts";
import { type Deploying, deployingOf } from "./deploy.ts";
import { NodeFiller } from "./fill.ts";
import { systemOutcome } from "./outcome.ts";
import { mayRun, targetsOf } from "./targets.ts";

const TYPES: readonly string[] = ["system", "sysbatch"];

export function isSystem(type: string): boolean {
  return TYPES.includes(type);
}

export function scheduleSystem(pass: Pass): ScheduleResult {
  const { evaluation, snapshot } = pass;
  const job = pass.job === undefined || pass.job.Stop ? undefined : pass.job;
  const standpoint = standpointOf(pass.job, snapshot.deploymentsByJob(evaluation.Namespace, evaluation.JobID));

  // 1. What each group has, and what is to happen to it.
  const groups = (job?.TaskGroups ?? []).filter((group) => (group.Count ?? 1) > 0);
  const byGroup = Map.groupBy(pass.allocations, (allocation) => allocation.TaskGroup);
  const decisions = job === undefined ? [] : groups.map((group) => decide(pass, job, group, byGroup.get(group.Name) ?? []));

  // 2. How much of it now.
  const deploying = deployingOf(pass, job, decisions, standpoint.current);

  // 3. Stop what is not wanted: its room is free for what follows.
  const wanted = new Set(groups.map((group) => group.Name));
  const updates = new Map<string, DesiredUpdates>();
  for (const [name, allocations] of byGroup) {
    if (wanted.has(name)) continue;
    const stops = abandonGroup(allocations, pass.nodeOf);
    if (stops.length > 0) updates.set(name, { ...NO_UPDATES, Stop: stops.length });
    for (const stop of stops) if (pass.hasBudget()) pass.stop(stop);
  }
  pass.foresee(decisions.flatMap((decision) => decision.notes.flatMap((note) => note.wakes)));
  for (const stop of decisions.flatMap((decision) => decision.stops)) if (pass.hasBudget()) pass.stop(stop);
  for (const note of decisions.flatMap((decision) => decision.notes)) if (pass.hasBudget()) pass.note(note);

  // 4. Update in place, then node by node what is new or renewed.
  const fillers = new Map<string, NodeFiller>();
  for (const decision of decisions) {
    const { canaries, updates: renewed } = deploying.roomOf(decision.group);
    fillers.set(decision.group.Name, fill(pass, job as Job, decision, deploying));
    const placeable = decision.places.filter((spot) => mayRun(pass, job, decision.group, spot)).length;
    updates.set(decision.group.Name, updatesOf(decision, renewed, canaries, placeable));
  }

  // 5. Say what it came to, also if that is nothing: `job plan` counts what it leaves alone.
  const counted = [...updates].map(([name, each]) => ({ name, updates: each }));
  const annotations = annotationsOf(counted, pass.evictions);
  const plan = planOf(pass, {
    Deployment: deploying.deployment,
    DeploymentUpdates: [...standpoint.ended, ...(pass.more ? [] : deploying.finished(fillers))],
    Annotations: annotations,
  });
  if (pass.more) return { Plan: plan, Evaluation: evaluation, Created: pass.followups, More: true };
  const outcome = systemOutcome(pass, fillers, annotations, deploying.deploymentId);
  return { Plan: plan, Evaluation: outcome.evaluation, Created: [...outcome.created, ...pass.followups], More: false };
}

function decide(pass: Pass, job: Job, group: TaskGroup, allocations: readonly Allocation[]): SystemDecision {
  return decideGroup({ job, group, allocations, nodeOf: pass.nodeOf, nowNs: pass.options.nowNs, ...targetsOf(pass, job, group) });
}

function fill(pass: Pass, job: Job, decision: SystemDecision, deploying: Deploying): NodeFiller {
  const { group, inPlace, destructive, places } = decision;
  const { canaries, updates } = deploying.roomOf(group);
  const id = deploying.idFor(group);
  const join = id === "" ? undefined : { id: id as DeploymentId };
  const filler = new NodeFiller(pass, job, group, { kept: decision.kept, slots: [...destructive, ...places].map((spot) => spot.slot) });
  for (const allocation of inPlace) if (pass.hasBudget()) filler.update(allocation, id);
  const now = destructive.slice(0, canaries + updates);
  for (const spot of now) {
    if (!pass.hasBudget()) return filler;
    filler.renew(spot, join === undefined ? undefined : { ...join, canary: canaries > 0 });
  }
  for (const spot of places) {
    if (!pass.hasBudget()) return filler;
    filler.place(spot, join === undefined ? undefined : { ...join, canary: deploying.isCanaryAfter(group, spot.previous) });
  }
  return filler;
}

function planOf(pass: Pass, rest: Pick<Plan, "Deployment" | "DeploymentUpdates" | "Annotations">): Plan | null {
  const { evaluation, snapshot, stops, placements, inPlace, notes } = pass;
  const changes = stops.length + placements.length + inPlace.length + notes.length + rest.DeploymentUpdates.length;
  if (changes === 0 && rest.Deployment === null) return null;
  return {
    EvalID: evaluation.ID,
    Priority: evaluation.Priority,
    Job: pass.job ?? null,
    AllAtOnce: pass.job?.AllAtOnce ?? false,
    Stops: stops,
    Placements: placements,
    InPlaceUpdates: inPlace,
    Notes: notes,
    SnapshotIndex: snapshot.index,
    ...rest,
  };
}
