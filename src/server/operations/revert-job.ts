/**
 * An old version of a job becomes its newest: registered anew, with the source it was submitted from. nomad.md §3.2, §7. What it says was
 * admitted once; whether this cluster would still have it is asked again, as of any that is registered.
 */
import { AdmissionError } from "#jobspec";
import { launchesChildren } from "#model";
import { type ServerContext, commit, evaluationFor } from "../context.ts";
import type { RegisterResponse } from "../contract.ts";
import { badRequest, jobNotFound, jobVersionNotFound, priorVersionConflict, registrationClosed } from "../errors.ts";
import { obstaclesTo } from "./admit-here.ts";
import { writeGateways } from "./mesh-gateways.ts";
import { warningText } from "./register-job.ts";

export async function revertJob(
  context: ServerContext,
  namespace: string,
  id: string,
  version: number,
  options: { readonly EnforcePriorVersion: number | null },
): Promise<RegisterResponse> {
  const snapshot = context.cluster.state.snapshot();
  if (snapshot.schedulerConfiguration().RejectJobRegistration) throw registrationClosed();
  const job = snapshot.job(namespace, id);
  if (job === undefined) throw jobNotFound(id);
  if (version === job.Version) throw badRequest("can't revert to current version");
  if (options.EnforcePriorVersion !== null && options.EnforcePriorVersion !== job.Version) {
    throw priorVersionConflict(job.Version, options.EnforcePriorVersion);
  }
  const wanted = snapshot.jobVersion(namespace, id, version);
  if (wanted === undefined) throw jobVersionNotFound(namespace, id, version);
  const obstacles = obstaclesTo(snapshot, wanted);
  if (obstacles.length > 0) throw new AdmissionError(`version ${version} of job ${JSON.stringify(id)}`, obstacles);

  const untold = await writeGateways(context, wanted);
  const evaluation = launchesChildren(wanted) ? null : evaluationFor(context, wanted, "job-register");
  const index = await commit(context, {
    type: "job-register",
    Job: wanted,
    Submission: snapshot.submission(namespace, id, version) ?? null,
    Evaluation: evaluation,
    // What was looked at above is still so, or nothing happens.
    EnforceIndex: job.JobModifyIndex,
    PreserveCounts: false,
  });
  return {
    EvalID: evaluation?.ID ?? "",
    EvalCreateIndex: evaluation === null ? 0 : index,
    JobModifyIndex: context.cluster.state.snapshot().job(namespace, id)?.JobModifyIndex ?? index,
    Warnings: warningText(untold),
    Index: index,
  };
}
