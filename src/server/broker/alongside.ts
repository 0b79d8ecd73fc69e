/**
 * Evaluations that belong to what a plan changes, whether or not all of it could be committed. They are in the plan's own entry: no
 * crash comes between an eviction and the look at the job that lost something, or between "tried again at" and the trying.
 */
import { type Evaluation, jobKey, type Plan } from "#model";
import { evaluationFor, type ServerContext } from "../context.ts";

/** `created`: what the pass wants to create. `stored`: what is stored anyway, if the plan is committed in full. */
export function alongside(
  context: ServerContext,
  kept: Plan,
  created: readonly Evaluation[],
  stored: ReadonlySet<string>,
): readonly Evaluation[] {
  const named = new Set<string>();
  for (const { FollowupEvalID } of [...kept.Notes, ...kept.Stops, ...kept.Placements]) if (FollowupEvalID !== "") named.add(FollowupEvalID);
  const followUps = created.filter(({ ID }) => named.has(ID) && !stored.has(ID));
  return [...followUps, ...preemptionEvaluations(context, kept)];
}

/** One of each job that has to make room. nomad.md §6.4. */
function preemptionEvaluations(context: ServerContext, plan: Plan): Evaluation[] {
  const snapshot = context.cluster.state.snapshot();
  const byJob = new Map<string, Evaluation>();
  for (const stop of plan.Stops) {
    if (stop.DesiredStatus !== "evict") continue;
    const allocation = snapshot.allocation(stop.ID);
    if (allocation === undefined) continue;
    const { Namespace, JobID } = allocation;
    const key = jobKey({ Namespace, ID: JobID });
    if (!byJob.has(key)) byJob.set(key, evaluationFor(context, snapshot.job(Namespace, JobID) ?? allocation.Job, "preemption"));
  }
  return [...byJob.values()];
}
