/**
 * What the evaluation came to, once nothing more is to be placed.
 *
 *   all placed                           complete
 *   some fit nowhere                     complete, and a blocked evaluation waits for room or new nodes   (nomad.md §6.8)
 *   some fit nowhere, and it was such    blocked again, knowing what it learned
 */
import { newEvaluation } from "#model";
import type { AllocMetric, DesiredUpdates, Evaluation, EvaluationId, PlanAnnotations } from "#model";
import type { Pass } from "./pass.ts";
import type { Evictions } from "./preempt/evict.ts";
import type { GroupPlacer } from "./place.ts";
import type { GroupDecision, JobDecision } from "./reconcile/decision.ts";

export interface Outcome {
  readonly evaluation: Evaluation;
  readonly created: readonly Evaluation[];
}

export function outcomeOf(pass: Pass, decision: JobDecision, placers: ReadonlyMap<string, GroupPlacer>): Outcome {
  const { evaluation, options, snapshot } = pass;
  const FailedTGAllocs: Record<string, AllocMetric> = {};
  const QueuedAllocations: Record<string, number> = {};
  for (const group of pass.job === undefined || pass.job.Stop ? [] : pass.job.TaskGroups) QueuedAllocations[group.Name] = 0;
  for (const [name, placer] of placers) {
    QueuedAllocations[name] = placer.unplaced;
    if (placer.failure !== null) FailedTGAllocs[name] = placer.failure;
  }
  const done: Evaluation = {
    ...evaluation,
    Status: "complete",
    StatusDescription: "",
    FailedTGAllocs,
    QueuedAllocations,
    DeploymentID: decision.deploymentId === "" ? evaluation.DeploymentID : decision.deploymentId,
    SnapshotIndex: snapshot.index,
    PlanAnnotations: annotationsOf(decision.groups, pass.evictions),
    ModifyTime: options.nowNs,
  };
  if (Object.keys(FailedTGAllocs).length === 0) return { evaluation: { ...done, BlockedEval: "" }, created: pass.followups };
  const learned = learnedClasses(pass, FailedTGAllocs);
  if (wasBlocked(evaluation))
    return { evaluation: { ...done, ...learned, Status: "blocked", StatusDescription: WAITING }, created: pass.followups };
  const blocked = newEvaluation({
    ...learned,
    ID: options.newId() as EvaluationId,
    Namespace: evaluation.Namespace,
    Priority: evaluation.Priority,
    Type: evaluation.Type,
    TriggeredBy: "queued-allocs",
    JobID: evaluation.JobID,
    JobModifyIndex: evaluation.JobModifyIndex,
    Status: "blocked",
    StatusDescription: WAITING,
    FailedTGAllocs,
    PreviousEval: evaluation.ID,
    SnapshotIndex: snapshot.index,
    CreateTime: options.nowNs,
    ModifyTime: options.nowNs,
  });
  return { evaluation: { ...done, BlockedEval: blocked.ID }, created: [blocked, ...pass.followups] };
}

export function annotationsOf(decisions: readonly Pick<GroupDecision, "name" | "updates">[], evictions: Evictions): PlanAnnotations {
  const DesiredTGUpdates: Record<string, DesiredUpdates> = {};
  for (const { name, updates } of decisions) DesiredTGUpdates[name] = { ...updates, Preemptions: evictions.byGroup.get(name) ?? 0 };
  return { DesiredTGUpdates, PreemptedAllocs: evictions.preempted };
}

const WAITING = "created to place remaining allocations";

/** A blocked evaluation is woken as itself. */
function wasBlocked(evaluation: Evaluation): boolean {
  return evaluation.Status === "blocked" || evaluation.TriggeredBy === "queued-allocs" || evaluation.TriggeredBy === "max-plan-attempts";
}

/** A class may help if it may help any of the groups that wait. */
function learnedClasses(
  pass: Pass,
  failed: Readonly<Record<string, AllocMetric>>,
): Pick<Evaluation, "ClassEligibility" | "EscapedComputedClass"> {
  const ClassEligibility: Record<string, boolean> = {};
  let escaped = false;
  for (const group of pass.job?.TaskGroups ?? []) {
    if (pass.job === undefined || !Object.hasOwn(failed, group.Name)) continue;
    const checks = pass.checksOf(pass.job, group);
    escaped ||= checks.escapes;
    for (const [name, eligible] of checks.classes) ClassEligibility[name] = (ClassEligibility[name] ?? false) || eligible;
  }
  return { ClassEligibility: escaped ? {} : ClassEligibility, EscapedComputedClass: escaped };
}
