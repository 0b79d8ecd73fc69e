/** One allocation is to go and be placed anew: marked to migrate, together with the evaluation that does it. */
import type { AllocationId, DesiredTransition } from "#model";
import { commit, evaluationFor, type ServerContext } from "../context.ts";
import type { EvalResponse } from "../contract.ts";
import { allocationNotFound } from "../errors.ts";

export async function stopAllocation(
  context: ServerContext,
  id: AllocationId,
  options: { readonly NoShutdownDelay: boolean; readonly Reschedule?: boolean },
): Promise<EvalResponse> {
  const snapshot = context.cluster.state.snapshot();
  const allocation = snapshot.allocation(id);
  if (allocation === undefined) throw allocationNotFound(id);
  const job = snapshot.job(allocation.Namespace, allocation.JobID) ?? allocation.Job;
  const evaluation = evaluationFor(context, job, "alloc-stop");
  const transition: DesiredTransition = {
    Migrate: true,
    NoShutdownDelay: options.NoShutdownDelay,
    // On another node if it can be: counted and placed as if it had failed.
    ...(options.Reschedule === true ? { Reschedule: true } : {}),
  };
  const index = await commit(context, {
    type: "allocations-desired-transition",
    Transitions: { [id]: transition },
    Evaluations: [evaluation],
  });
  return { EvalID: evaluation.ID, EvalCreateIndex: index, Index: index };
}
