/**
 * A job is to stop: marked (or, purged, forgotten) together with the evaluation that will stop its allocations. What nobody knows is stopped
 * already: an answer without an evaluation, so that asking twice is asking once.
 */
import { launchesChildren } from "#model";
import { commit, evaluationFor, type ServerContext } from "../context.ts";
import type { EvalResponse } from "../contract.ts";
import { removeGateways } from "./mesh-gateways.ts";

export interface DeregisterOptions {
  /** Forget the job too; without it a stopped job stays until it is garbage. */
  readonly Purge: boolean;
  /** 0: the job's. */
  readonly EvalPriority: number;
  readonly NoShutdownDelay: boolean;
}

export async function deregisterJob(
  context: ServerContext,
  namespace: string,
  id: string,
  options: DeregisterOptions,
): Promise<EvalResponse & { readonly JobModifyIndex: number }> {
  const job = context.cluster.state.snapshot().job(namespace, id);
  if (job === undefined) return { EvalID: "", EvalCreateIndex: 0, JobModifyIndex: 0, Index: 0 };
  const priority = options.EvalPriority > 0 ? options.EvalPriority : job.Priority;
  const evaluation = launchesChildren(job) ? null : evaluationFor(context, { ...job, Priority: priority }, "job-deregister");
  const index = await commit(context, {
    type: "job-deregister",
    Namespace: job.Namespace,
    JobID: job.ID,
    Purge: options.Purge,
    NoShutdownDelay: options.NoShutdownDelay,
    Evaluation: evaluation,
  });
  if (options.Purge) removeGateways(context, job);
  return { EvalID: evaluation?.ID ?? "", EvalCreateIndex: evaluation === null ? 0 : index, JobModifyIndex: index, Index: index };
}
