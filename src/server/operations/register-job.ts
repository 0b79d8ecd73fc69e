/**
 * A job comes in: admitted, recorded with the evaluation that will look at it, answered.
 *
 *   request ──► admit ──► may register? ──► job-register (job + evaluation, one entry) ──► response
 *
 * `EnforceIndex` is decided when the command is applied, where there is only one order of things: of any number of
 * registrations that saw the same index exactly one wins (F24), and a refused one changes nothing.
 */
import { admitJob, type Admitted } from "#jobspec";
import { refused, badRequest, jobIndexConflict, registrationClosed } from "../errors.ts";
import { evaluationFor, type ServerContext } from "../context.ts";
import type { RegisterRequest, RegisterResponse } from "../contract.ts";

export async function registerJob(context: ServerContext, request: RegisterRequest): Promise<RegisterResponse> {
  const { job, warnings } = admitRequested(context, request);
  const before = context.cluster.state.snapshot();
  if (before.schedulerConfiguration().RejectJobRegistration) throw registrationClosed();

  const enforceIndex = request.EnforceIndex === true ? (request.JobModifyIndex ?? 0) : null;
  // Launched later by something else: registering them starts nothing.
  const launchedLater = job.Periodic !== null || job.ParameterizedJob !== null;
  const priority = request.EvalPriority !== undefined && request.EvalPriority > 0 ? request.EvalPriority : job.Priority;
  const evaluation = launchedLater ? null : evaluationFor(context, { ...job, Priority: priority }, "job-register");

  const outcome = await context.cluster.propose({
    type: "job-register",
    Job: job,
    Submission: request.Submission ?? null,
    Evaluation: evaluation,
    EnforceIndex: enforceIndex,
    PreserveCounts: request.PreserveCounts ?? false,
  });
  const stored = context.cluster.state.snapshot().job(job.Namespace, job.ID);
  if (!outcome.ok) {
    if (outcome.code === "conflict") throw jobIndexConflict(enforceIndex ?? 0, stored?.JobModifyIndex);
    throw refused(outcome);
  }
  return {
    EvalID: evaluation?.ID ?? "",
    EvalCreateIndex: evaluation === null ? 0 : outcome.index,
    JobModifyIndex: stored?.JobModifyIndex ?? outcome.index,
    Warnings: warningText(warnings),
    Index: outcome.index,
  };
}

/** Admission, and that the job is meant for the namespace and region it was sent to. */
export function admitRequested(
  context: ServerContext,
  request: { readonly Job: unknown; readonly namespace?: string; readonly region?: string },
): Admitted {
  const admitted = admitJob(request.Job, context.admission);
  const { Namespace, Region } = admitted.job;
  if (request.namespace !== undefined && request.namespace !== "" && request.namespace !== Namespace) {
    throw badRequest(
      `Cannot register job "${admitted.job.ID}": the request names namespace "${request.namespace}", the job "${Namespace}"`,
    );
  }
  if (request.region !== undefined && request.region !== "" && Region !== "global" && request.region !== Region) {
    throw badRequest(`Cannot register job "${admitted.job.ID}": the request names region "${request.region}", the job "${Region}"`);
  }
  return admitted;
}

/** As existing clients show it: a count, then a line each. */
export function warningText(warnings: readonly string[]): string {
  if (warnings.length === 0) return "";
  const lines = warnings.map((warning) => `* ${warning}`);
  return `${warnings.length} warning${warnings.length === 1 ? "" : "s"}:\n\n${lines.join("\n")}`;
}
