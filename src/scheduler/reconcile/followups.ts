/**
 * Times at which a job has to be looked at again become evaluations: those within five seconds of the first of them share one.
 * nomad.md §6.1 (follow-up evals).
 */
import { newEvaluation } from "#model";
import type { Evaluation, EvaluationId, EvaluationTrigger } from "#model";
import type { Wake } from "./decision.ts";

const WINDOW_NS = 5e9;

export interface Followups {
  readonly evaluations: readonly Evaluation[];
  /** The evaluation that comes at this wake. */
  readonly idOf: (wake: Wake) => EvaluationId;
}

export function followupsFor(wakes: readonly Wake[], after: Evaluation, newId: () => string, nowNs: number): Followups {
  const evaluations: Evaluation[] = [];
  const ids = new Map<Wake, EvaluationId>();
  const open = new Map<EvaluationTrigger, { readonly id: EvaluationId; readonly untilNs: number }>();
  for (const wake of wakes.toSorted((a, b) => a.atNs - b.atNs)) {
    let window = open.get(wake.trigger);
    if (window === undefined || wake.atNs >= window.untilNs) {
      window = { id: newId() as EvaluationId, untilNs: wake.atNs + WINDOW_NS };
      open.set(wake.trigger, window);
      evaluations.push(followup(window.id, wake, after, nowNs));
    }
    ids.set(wake, window.id);
  }
  return { evaluations, idOf: (wake) => ids.get(wake) as EvaluationId };
}

function followup(ID: EvaluationId, wake: Wake, after: Evaluation, nowNs: number): Evaluation {
  return newEvaluation({
    ID,
    Namespace: after.Namespace,
    Priority: after.Priority,
    Type: after.Type,
    TriggeredBy: wake.trigger,
    JobID: after.JobID,
    JobModifyIndex: after.JobModifyIndex,
    Status: "pending",
    StatusDescription: wake.description,
    WaitUntil: new Date(Math.ceil(wake.atNs / 1e6)).toISOString(),
    PreviousEval: after.ID,
    CreateTime: nowNs,
    ModifyTime: nowNs,
  });
}
