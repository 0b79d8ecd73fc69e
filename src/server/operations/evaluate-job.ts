/** Look at a job again now; with ForceReschedule its failed allocations are placed anew whatever their policy says. */
import { isParameterized, type DesiredTransition } from "#model";
import { evaluationFor, type ServerContext } from "../context.ts";
import type { EvalResponse } from "../contract.ts";
import { badRequest, jobNotFound } from "../errors.ts";
import { commitTransitions } from "../parts.ts";

export async function evaluateJob(
  context: ServerContext,
  namespace: string,
  id: string,
  options: { readonly ForceReschedule: boolean },
): Promise<EvalResponse> {
  const snapshot = context.cluster.state.snapshot();
  const job = snapshot.job(namespace, id);
  if (job === undefined) throw jobNotFound(id);
  if (job.Periodic !== null) throw badRequest(`Cannot evaluate job "${id}": it is periodic, force a launch instead`);
  if (isParameterized(job)) throw badRequest(`Cannot evaluate job "${id}": it is parameterized, dispatch it instead`);

  const evaluation = evaluationFor(context, job, "job-register");
  const transitions: (readonly [string, DesiredTransition])[] = [];
  if (options.ForceReschedule) {
    for (const allocation of snapshot.allocationsByJob(namespace, id)) {
      const failed = allocation.ClientStatus === "failed" && allocation.DesiredStatus === "run" && allocation.NextAllocation === "";
      if (failed) transitions.push([allocation.ID, { ForceReschedule: true }]);
    }
  }
  const index = await commitTransitions(context, transitions, [evaluation]);
  return { EvalID: evaluation.ID, EvalCreateIndex: index, Index: index };
}
