/**
 * A job comes in: admitted, recorded with the evaluation that will look at it, answered.
 *
 *   request ──► admit ──► may register, here? ──► entries of its gateways ──► job-register (job + evaluation, one entry) ──► response
 *
 * `EnforceIndex` is decided when the command is applied, where there is only one order of things: of any number of
 * registrations that saw the same index exactly one wins (F24), and a refused one changes nothing.
 */
import { admitJob, AdmissionError, type Admitted } from "#jobspec";
import { launchesChildren, type Job, type JobSubmission } from "#model";
import { refused, badRequest, jobIndexConflict, registrationClosed } from "../errors.ts";
import { evaluationFor, type ServerContext } from "../context.ts";
import type { RegisterRequest, RegisterResponse } from "../contract.ts";
import { admissionHere, obstaclesTo } from "./admit-here.ts";
import { writeGateways } from "./mesh-gateways.ts";

const RACES_MAX = 10;

export async function registerJob(context: ServerContext, request: RegisterRequest): Promise<RegisterResponse> {
  const { job, warnings } = admitRequested(context, request);
  const { submission, dropped } = keptSource(context, request.Submission ?? null);
  if (context.cluster.state.snapshot().schedulerConfiguration().RejectJobRegistration) throw registrationClosed();
  const priority = request.EvalPriority ?? 0;
  if (priority < 0 || priority > context.admission.priorityMax) {
    throw badRequest(`Cannot register job "${job.ID}": EvalPriority is ${priority}, must be 1 to ${context.admission.priorityMax}`);
  }
  assertIndex(context, request, job);
  const untold = await writeGateways(context, job);
  // Launched later by something else: registering them starts nothing.
  const evaluation = launchesChildren(job)
    ? null
    : evaluationFor(context, { ...job, Priority: priority > 0 ? priority : job.Priority }, "job-register");

  for (let race = 1; ; race++) {
    const before = context.cluster.state.snapshot().job(job.Namespace, job.ID);
    const asked = request.EnforceIndex === true ? (request.JobModifyIndex ?? 0) : null;
    const preserving = request.PreserveResources === true;
    const outcome = await context.cluster.propose({
      type: "job-register",
      Job: preserving && before !== undefined ? withResourcesOf(before, job) : job,
      Submission: submission,
      Evaluation: evaluation,
      // Resources were taken from this version: of a job that changed meanwhile they are taken again.
      EnforceIndex: asked ?? (preserving ? (before?.JobModifyIndex ?? 0) : null),
      PreserveCounts: request.PreserveCounts ?? false,
    });
    const stored = context.cluster.state.snapshot().job(job.Namespace, job.ID);
    if (outcome.ok) {
      return {
        EvalID: evaluation?.ID ?? "",
        EvalCreateIndex: evaluation === null ? 0 : outcome.index,
        JobModifyIndex: stored?.JobModifyIndex ?? outcome.index,
        Warnings: warningText([...warnings, ...dropped, ...untold, ...(request.Warnings ?? [])]),
        Index: outcome.index,
      };
    }
    if (outcome.code !== "conflict") throw refused(outcome);
    if (asked !== null) throw jobIndexConflict(asked, stored?.JobModifyIndex);
    if (race === RACES_MAX) throw refused(outcome);
  }
}

/** Decided for good when the command is applied; here, so that nothing is written elsewhere for a job that is refused anyway. */
function assertIndex({ cluster }: ServerContext, request: RegisterRequest, job: Job): void {
  if (request.EnforceIndex !== true) return;
  const [asked, standing] = [request.JobModifyIndex ?? 0, cluster.state.snapshot().job(job.Namespace, job.ID)?.JobModifyIndex];
  if (asked !== (standing ?? 0)) throw jobIndexConflict(asked, standing);
}

/** Admission, that the job is meant for the namespace and region it was sent to, and that this cluster would have it. */
export function admitRequested(
  context: ServerContext,
  request: { readonly Job: unknown; readonly namespace?: string; readonly region?: string },
): Admitted {
  const admitted = admitJob(inNamespace(request.Job, request.namespace), admissionHere(context));
  const { ID, Namespace, Region } = admitted.job;
  if (request.namespace !== undefined && request.namespace !== "" && request.namespace !== Namespace) {
    throw badRequest(`Cannot register job "${ID}": the request names namespace "${request.namespace}", the job "${Namespace}"`);
  }
  if (request.region !== undefined && request.region !== "" && Region !== "global" && request.region !== Region) {
    throw badRequest(`Cannot register job "${ID}": the request names region "${request.region}", the job "${Region}"`);
  }
  const obstacles = obstaclesTo(context.cluster.state.snapshot(), admitted.job);
  if (obstacles.length > 0) throw new AdmissionError(`job ${JSON.stringify(ID)}`, obstacles);
  return admitted;
}

/** A job that names no namespace is of the one it was sent to (`job run -namespace`). */
function inNamespace(job: unknown, namespace: string | undefined): unknown {
  if (namespace === undefined || typeof job !== "object" || job === null) return job;
  const named = (job as { readonly Namespace?: unknown }).Namespace;
  return named === undefined || named === null || named === "" ? { ...job, Namespace: namespace } : job;
}

const SOURCE_BYTES_MAX = 1024 * 1024;

/** The source as it is kept with the version: a very large one is not, the job runs all the same. */
function keptSource(
  { admission }: ServerContext,
  submission: JobSubmission | null,
): { readonly submission: JobSubmission | null; readonly dropped: readonly string[] } {
  if (submission === null) return { submission, dropped: [] };
  const bytes = Buffer.byteLength(submission.Source) + Buffer.byteLength(submission.Variables);
  const most = admission.sourceBytesMax ?? SOURCE_BYTES_MAX;
  if (bytes <= most) return { submission, dropped: [] };
  return { submission: null, dropped: [`the job's source has ${bytes} bytes and is not kept: job_max_source_size is ${most}`] };
}

/** `job`, with what the tasks of the same names have now. */
function withResourcesOf(stored: Job, job: Job): Job {
  return {
    ...job,
    TaskGroups: job.TaskGroups.map((group) => {
      const before = stored.TaskGroups.find((each) => each.Name === group.Name);
      const tasks = group.Tasks.map((task) => {
        const kept = before?.Tasks.find((each) => each.Name === task.Name)?.Resources;
        return kept === undefined ? task : { ...task, Resources: kept };
      });
      return { ...group, Tasks: tasks };
    }),
  };
}

/** As existing clients show it: a count, then a line each. */
export function warningText(warnings: readonly string[]): string {
  if (warnings.length === 0) return "";
  const lines = warnings.map((warning) => `* ${warning}`);
  return `${warnings.length} warning${warnings.length === 1 ? "" : "s"}:\n\n${lines.join("\n")}`;
}
