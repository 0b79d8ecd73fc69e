/**
 * Evaluations that nobody wants are taken out of the way: the last resort when a flood of them stands before what matters (F21). Only while
 * the broker is paused: nothing that is being worked on disappears under a worker. nomad.md §3.2.
 *
 *   open ones ──► canceled ──► gone         as they are to garbage collection: what waits is never just dropped
 */
import { canceledEvaluation, evaluationOpen, terminal, type Evaluation, type EvaluationId } from "#model";
import type { Snapshot } from "#state";
import { commit, type ServerContext } from "../context.ts";
import { badRequest, evaluationNotFound } from "../errors.ts";
import { parts } from "../parts.ts";

/** In one entry: whole evaluations and their ids, each well below 1 MB. */
const CANCELED_PER_COMMAND = 500;
const IDS_PER_COMMAND = 4_000;

export async function deleteEvaluations(
  context: ServerContext,
  ids: readonly EvaluationId[],
): Promise<{ readonly Count: number; readonly Index: number }> {
  const snapshot = context.cluster.state.snapshot();
  if (!snapshot.schedulerConfiguration().PauseEvalBroker) {
    throw badRequest("Cannot delete evaluations: the eval broker is enabled, pause it first (`drover operator scheduler set-config`)");
  }
  const wanted = [...new Set(ids)].map((id) => deletable(snapshot, id));
  const open = wanted.filter(evaluationOpen);
  for (const part of parts(open, CANCELED_PER_COMMAND)) {
    const canceled = part.map((evaluation) => canceledEvaluation(evaluation, "deleted by an operator"));
    await commit(context, { type: "evaluations-upsert", Evaluations: canceled });
  }
  let index = snapshot.index;
  for (const part of parts(wanted, IDS_PER_COMMAND)) {
    index = await commit(context, { type: "reap", Jobs: [], Evaluations: part.map(({ ID }) => ID), Allocations: [] });
  }
  return { Count: wanted.length, Index: index };
}

function deletable(snapshot: Snapshot, id: EvaluationId): Evaluation {
  const evaluation = snapshot.evaluation(id);
  if (evaluation === undefined) throw evaluationNotFound(id);
  for (const allocation of snapshot.allocationsByEvaluation(id)) {
    if (!terminal(allocation))
      throw badRequest(`Cannot delete evaluation "${id}": allocation "${allocation.ID}" that it placed is not over`);
  }
  return evaluation;
}
