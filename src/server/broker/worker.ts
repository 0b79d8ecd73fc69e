/**
 * From an evaluation to committed placements: pass by pass, so that a job of ten thousand never holds up the event loop or the others.
 *
 *   take ──► snapshot ──► schedule ──► nothing to change ─────────────────────► record the outcome ──► accept
 *              ▲              │
 *              │              └──► plan ──► check and commit ──► in full, no More ──► (outcome rode along) ──► accept
 *              │                                   │
 *              ├───────────── More ────────────────┤
 *              └── some of it was no longer true ──┴──► too often without progress ──► failed, and a blocked one in its place ──► accept
 *
 *   anything thrown (the log cannot be written) ──► refuse: the queue brings it back later
 *
 * Plan attempts: service 5, batch 2, counted anew whenever something of a plan was committed. nomad.md §6.1, §6.8.
 */
import { isDeepStrictEqual } from "node:util";
import { canceledEvaluation, newEvaluation } from "#model";
import type { Evaluation, EvaluationId, NodeId, Plan, PlanAnnotations, ScheduleResult } from "#model";
import type { PlanApplier } from "#plan";
import { schedule } from "#scheduler";
import { messageOf, NamedError } from "#std";
import { commit, type ServerContext } from "../context.ts";
import { nodeEvent } from "../nodes/admit.ts";
import { alongside } from "./alongside.ts";
import type { Timings } from "../timings.ts";
import type { PlanRefusals } from "../why/plan-refusals.ts";
import type { Broker } from "./broker.ts";
import { blamesNode, type Rejections } from "./rejections.ts";
import type { Turns } from "./turns.ts";

/** Changes a pass makes at most: a few tens of milliseconds of planning, checking and applying. */
export const PASS_CHANGES_MAX = 250;

export interface WorkerParts {
  readonly context: ServerContext;
  readonly broker: Broker;
  readonly applier: PlanApplier;
  readonly turns: Turns;
  readonly rejections: Rejections;
  /** For people who ask why. */
  readonly refusals: PlanRefusals;
  readonly timings: Timings;
  /** The server stops: what is in work is left as it is, the state knows it waits. */
  readonly closing: AbortSignal;
}

/** Runs until the broker is closed. */
export async function work(parts: WorkerParts): Promise<void> {
  const { broker, context } = parts;
  for (;;) {
    const delivery = await broker.take();
    if (delivery === undefined) return;
    const { ID } = delivery.evaluation;
    try {
      await evaluate(parts, ID);
      broker.accept(ID);
    } catch (thrown) {
      if (parts.closing.aborted) return;
      const fields = { evaluation: ID, job: delivery.evaluation.JobID, attempt: delivery.attempt, error: messageOf(thrown) };
      context.report({ level: "error", message: "evaluation was not processed: it will be tried again", fields });
      broker.refuse(ID);
    }
  }
}

async function evaluate(parts: WorkerParts, id: EvaluationId): Promise<void> {
  const { context, turns } = parts;
  let before: PlanAnnotations | null = null;
  for (let attempts = 0; ;) {
    await turns.turn();
    parts.closing.throwIfAborted();
    const snapshot = context.cluster.state.snapshot();
    const evaluation = snapshot.evaluation(id);
    // Cancelled or collected since it was queued.
    if (evaluation === undefined || (evaluation.Status !== "pending" && evaluation.Status !== "blocked")) return;
    const scheduled = parts.timings.start(`worker.invoke_scheduler_${evaluation.Type}`);
    const pass = schedule(snapshot, evaluation, {
      placementsMax: PASS_CHANGES_MAX,
      newId: () => context.random.uuid(),
      nowNs: context.clock.nowNs(),
    });
    scheduled();
    const result = pass.More ? pass : withPassesBefore(pass, before);
    if (pass.More) before = togetherWith(before, pass.Plan?.Annotations ?? null);
    if (result.Plan === null) return record(parts, evaluation, result);

    const { full, progress } = await submit(parts, result.Plan, result.More ? [] : recordsOf(parts, result), result.Created);
    if (full && !result.More) return;
    attempts = progress ? 0 : attempts + 1;
    const attemptsMax = attemptsFor(evaluation);
    if (attempts >= attemptsMax) {
      await commit(context, { type: "evaluations-upsert", Evaluations: gaveUp(context, evaluation, attemptsMax, snapshot.index) });
      return;
    }
  }
}

/** The first pass counts all that is wanted, the later ones what is left of it; each has made room for its own placements only. */
function togetherWith(before: PlanAnnotations | null, then: PlanAnnotations | null): PlanAnnotations | null {
  if (before === null || then === null) return before ?? then;
  const counted = Object.entries({ ...then.DesiredTGUpdates, ...before.DesiredTGUpdates }).map(([group, updates]) => {
    const both = [before, then].map(({ DesiredTGUpdates }) => DesiredTGUpdates[group]?.Preemptions ?? 0) as [number, number];
    return [group, { ...updates, Preemptions: both[0] + both[1] }];
  });
  return { DesiredTGUpdates: Object.fromEntries(counted), PreemptedAllocs: [...before.PreemptedAllocs, ...then.PreemptedAllocs] };
}

function withPassesBefore(result: ScheduleResult, before: PlanAnnotations | null): ScheduleResult {
  if (before === null) return result;
  return { ...result, Evaluation: { ...result.Evaluation, PlanAnnotations: togetherWith(before, result.Evaluation.PlanAnnotations) } };
}

async function submit(
  parts: WorkerParts,
  plan: Plan,
  records: readonly Evaluation[],
  created: readonly Evaluation[],
): Promise<{ readonly full: boolean; readonly progress: boolean }> {
  const submitted = parts.timings.start("plan.submit");
  const arrived = parts.turns.depart(plan.Placements.length + plan.InPlaceUpdates.length + plan.Stops.length + plan.Notes.length);
  try {
    const recorded = new Set<string>(records.map(({ ID }) => ID));
    // A plan taken apart leaves its records out: then what is created for the part that is kept is told all the same.
    const result = await parts.applier.submit(plan, records, (kept, full) =>
      alongside(parts.context, kept, created, full ? recorded : new Set()),
    );
    if (plan.Job !== null) {
      parts.refusals.note({ Namespace: plan.Job.Namespace, JobID: plan.Job.ID }, result.Rejected, parts.context.clock.nowNs());
    }
    await noteRejections(parts, result.Rejected);
    return { full: result.Full, progress: result.Index > 0 };
  } catch (thrown) {
    // Between check and apply its job or a node went: a lost race like any other.
    if (thrown instanceof NamedError && thrown.code === "PLAN_REFUSED") return { full: false, progress: false };
    throw thrown;
  } finally {
    submitted();
    arrived();
  }
}

/** A node that refuses plan after plan is closed for new allocations, if that is configured. */
async function noteRejections({ context, rejections }: WorkerParts, rejected: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, reason] of Object.entries(rejected)) {
    const nowMs = context.clock.nowMs();
    if (!blamesNode(reason) || !rejections.refused(id as NodeId, nowMs)) continue;
    if (context.cluster.state.snapshot().node(id)?.SchedulingEligibility !== "eligible") continue;
    const event = nodeEvent("Node marked as ineligible for scheduling due to multiple plan rejections", "Scheduler", nowMs);
    const Event = { ...event, Details: { reason } };
    await commit(context, { type: "node-eligibility", NodeID: id as NodeId, Eligibility: "ineligible", Event, Evaluations: [] });
    context.report({ level: "warn", message: "node refuses plan after plan: closed for new allocations", fields: { node: id, reason } });
  }
}

/** Nothing to change. A blocked evaluation that learned nothing new goes on waiting without a word in the log. */
async function record(parts: WorkerParts, before: Evaluation, result: ScheduleResult): Promise<void> {
  if (before.Status === "blocked" && result.Evaluation.Status === "blocked" && sameFindings(before, result.Evaluation)) {
    parts.broker.waitOn(result.Evaluation);
    return;
  }
  await commit(parts.context, { type: "evaluations-upsert", Evaluations: recordsOf(parts, result) });
}

/** The evaluation as it ends, those it creates, and those of the job that have nothing left to wait for: room, or a time. */
function recordsOf(parts: WorkerParts, { Evaluation: evaluation, Created }: ScheduleResult): Evaluation[] {
  const records = [evaluation, ...Created];
  if (evaluation.Status !== "complete" || Object.keys(evaluation.FailedTGAllocs).length > 0) return records;
  const { state } = parts.context.cluster;
  for (const { ID } of parts.broker.blockedOfJob(evaluation.Namespace, evaluation.JobID)) {
    const stored = state.snapshot().evaluation(ID);
    if (stored === undefined || stored.Status !== "blocked" || ID === evaluation.ID) continue;
    records.push(canceledEvaluation(stored, `evaluation "${evaluation.ID}" successful`));
  }
  const snapshot = state.snapshot();
  const job = snapshot.job(evaluation.Namespace, evaluation.JobID);
  if (job !== undefined && !job.Stop) return records;
  // Nothing of it will be tried again: a stopped job is over now, not when the last of its delays is.
  for (const stored of snapshot.evaluationsByJob(evaluation.Namespace, evaluation.JobID)) {
    if (stored.Status !== "pending" || stored.WaitUntil === null || stored.ID === evaluation.ID) continue;
    records.push(canceledEvaluation(stored, "job is stopped"));
  }
  return records;
}

function attemptsFor(evaluation: Evaluation): number {
  return evaluation.Type === "batch" || evaluation.Type === "sysbatch" ? 2 : 5;
}

function gaveUp(context: ServerContext, evaluation: Evaluation, attempts: number, snapshotIndex: number): Evaluation[] {
  const nowNs = context.clock.nowNs();
  const blocked = newEvaluation({
    ID: context.random.uuid() as EvaluationId,
    Namespace: evaluation.Namespace,
    Priority: evaluation.Priority,
    Type: evaluation.Type,
    TriggeredBy: "max-plan-attempts",
    JobID: evaluation.JobID,
    JobModifyIndex: evaluation.JobModifyIndex,
    Status: "blocked",
    StatusDescription: "created due to placement conflicts",
    PreviousEval: evaluation.ID,
    // Which nodes it lost is not known by class: any change of any node may help.
    EscapedComputedClass: true,
    SnapshotIndex: snapshotIndex,
    CreateTime: nowNs,
    ModifyTime: nowNs,
  });
  const failed: Evaluation = {
    ...evaluation,
    Status: "failed",
    StatusDescription: `maximum attempts reached (${attempts})`,
    BlockedEval: blocked.ID,
    ModifyTime: nowNs,
  };
  return [failed, blocked];
}

/** What an operator reads of a blocked evaluation is still true. */
function sameFindings(before: Evaluation, after: Evaluation): boolean {
  return isDeepStrictEqual(findings(before), findings(after));
}

function findings(evaluation: Evaluation): unknown {
  const groups = Object.entries(evaluation.FailedTGAllocs).map(([name, metric]) => [
    name,
    metric.NodesEvaluated,
    metric.NodesFiltered,
    metric.NodesExhausted,
    metric.ConstraintFiltered,
    metric.DimensionExhausted,
  ]);
  return [groups, evaluation.QueuedAllocations, evaluation.ClassEligibility, evaluation.EscapedComputedClass];
}
