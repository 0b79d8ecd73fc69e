/** A periodic job is launched now, whatever its schedule says and even if a child of it runs: somebody wants it so. nomad.md §3.2. */
import { isParameterized } from "#model";
import type { ServerContext } from "../context.ts";
import type { EvalResponse } from "../contract.ts";
import { badRequest, jobNotFound, refused } from "../errors.ts";
import { launch } from "../reconcilers/periodic.ts";
import { periodicChildId } from "../reconcilers/periodic-rules.ts";

export async function forcePeriodic(context: ServerContext, namespace: string, id: string): Promise<EvalResponse> {
  const snapshot = context.cluster.state.snapshot();
  const job = snapshot.job(namespace, id);
  if (job === undefined) throw jobNotFound(id);
  if (job.Periodic === null) throw badRequest(`Cannot launch job "${id}" now: it is not periodic`);
  if (isParameterized(job)) throw badRequest(`Cannot launch job "${id}" now: it is parameterized, dispatch it first`);
  if (job.Stop) throw badRequest(`Cannot launch job "${id}" now: it is stopped, start it first`);
  // Children are named by seconds. Of a second that has one already the one before is taken: later ones belong to the schedule.
  let second = Math.floor(context.clock.nowMs() / 1_000);
  for (;;) {
    while (context.cluster.state.snapshot().job(namespace, periodicChildId(job.ID, second)) !== undefined) second--;
    const launched = await launch(context, job, second, false);
    if (launched.ok) return { EvalID: launched.evaluationId, EvalCreateIndex: launched.index, Index: launched.index };
    if (launched.code !== "conflict") throw refused(launched);
  }
}
