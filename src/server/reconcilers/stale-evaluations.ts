/**
 * Evaluations that need not, or cannot, be processed get a final word on record:
 *
 *   superseded (a newer one of the job waits) ─┐
 *   duplicate blocked ones ────────────────────┴─► canceled
 *   refused too often ──► failed, and a follow-up that tries again after one to six minutes   nomad.md §6.8
 *
 * Woken by the broker; what cannot be written now is tried again at the next waking or after a moment.
 */
import { canceledEvaluation, type Evaluation, type EvaluationId, evaluationOpen } from "#model";
import type { Timer } from "#ports";
import { messageOf } from "#std";
import type { Broker } from "../broker/broker.ts";
import { commit, evaluationFor, type ServerContext } from "../context.ts";

const GATHER_MS = 100;
const RETRY_MS = 5_000;
const PER_COMMAND_MAX = 500;
const FOLLOW_UP_MIN_MS = 60_000;
const FOLLOW_UP_SPREAD_MS = 300_000;

export interface StaleEvaluations {
  activate(): void;
  close(): void;
}

export function createStaleEvaluations(context: ServerContext, broker: () => Broker): StaleEvaluations {
  let timer: Timer | undefined;
  let running = false;
  let closed = false;
  let unwritten: readonly Evaluation[] = [];

  function activate(delayMs = GATHER_MS): void {
    if (timer !== undefined || running || closed) return;
    timer = context.clock.after(delayMs, () => {
      timer = undefined;
      running = true;
      void reap().then((written) => {
        running = false;
        if (!written) activate(RETRY_MS);
        else if (broker().failed().length > 0) activate();
      });
    });
  }

  /** False: some could not be written, and are kept for the next time. */
  async function reap(): Promise<boolean> {
    const canceled = [...unwritten, ...broker().takeSuperseded()];
    unwritten = [];
    const failed = broker().failed();
    try {
      while (canceled.length > 0) {
        const part = canceled
          .slice(0, PER_COMMAND_MAX)
          .flatMap((evaluation) => waiting(context, evaluation))
          .map(cancel);
        if (part.length > 0) await commit(context, { type: "evaluations-upsert", Evaluations: part });
        canceled.splice(0, PER_COMMAND_MAX);
      }
      for (const evaluation of failed) {
        const ended = waiting(context, evaluation).flatMap((stored) => failedAndFollowUp(context, stored));
        if (ended.length > 0) await commit(context, { type: "evaluations-upsert", Evaluations: ended });
        broker().accept(evaluation.ID);
      }
      return true;
    } catch (thrown) {
      unwritten = canceled;
      context.report({
        level: "error",
        message: "cannot record the end of stale evaluations: trying again",
        fields: { error: messageOf(thrown) },
      });
      return false;
    }
  }

  return {
    activate: () => activate(),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** Its record, if it still waits by it. */
function waiting(context: ServerContext, evaluation: Evaluation): Evaluation[] {
  const stored = context.cluster.state.snapshot().evaluation(evaluation.ID);
  return stored !== undefined && evaluationOpen(stored) ? [stored] : [];
}

function cancel(evaluation: Evaluation): Evaluation {
  const description = evaluation.Status === "blocked" ? "existing blocked evaluation" : "canceled after more recent eval was processed";
  return canceledEvaluation(evaluation, description);
}

function failedAndFollowUp(context: ServerContext, evaluation: Evaluation): Evaluation[] {
  const waitMs = FOLLOW_UP_MIN_MS + context.random.integer(FOLLOW_UP_SPREAD_MS);
  const job = {
    Namespace: evaluation.Namespace,
    ID: evaluation.JobID,
    Type: evaluation.Type,
    Priority: evaluation.Priority,
    JobModifyIndex: evaluation.JobModifyIndex,
  };
  const followUp = evaluationFor(context, job, "failed-follow-up", {
    PreviousEval: evaluation.ID,
    Wait: waitMs * 1_000_000,
    WaitUntil: new Date(context.clock.nowMs() + waitMs).toISOString(),
  });
  return [
    { ...evaluation, Status: "failed", StatusDescription: "evaluation reached delivery limit", NextEval: followUp.ID as EvaluationId },
    followUp,
  ];
}
