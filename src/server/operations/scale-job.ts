/**
 * One group's count is changed, by a person or an autoscaler, or something is only said about it. nomad.md §1.11, §3.2, §7 "Scaling".
 *
 *   request ──► within the group's scaling policy? no deployment under way? ──► new version + event + evaluation, one entry
 *   no count ─────────────────────────────────────────────────────────────────► event
 */
import { deploymentActive, isParameterized, launchesChildren, type Evaluation, type Job, type ScalingEvent } from "#model";
import type { Snapshot } from "#state";
import { commit, evaluationFor, type ServerContext } from "../context.ts";
import type { EvalResponse, ScaleRequest } from "../contract.ts";
import { badRequest, jobIndexConflict, jobNotFound, refused, registrationClosed } from "../errors.ts";

const RACES_MAX = 10;

export async function scaleJob(
  context: ServerContext,
  namespace: string,
  id: string,
  request: ScaleRequest,
): Promise<EvalResponse & { readonly JobModifyIndex: number }> {
  for (let race = 1; ; race++) {
    const snapshot = context.cluster.state.snapshot();
    const job = snapshot.job(namespace, id);
    if (job === undefined) throw jobNotFound(id);
    mayScale(context, snapshot, job, request);
    if (request.Count === null) return sayOnly(context, job, request);

    const evaluation = launchesChildren(job) ? null : evaluationFor(context, job, "job-scaling");
    const outcome = await context.cluster.propose({
      type: "job-register",
      Job: withCount(job, request.Group, request.Count),
      Submission: snapshot.submission(namespace, id, job.Version) ?? null,
      Evaluation: evaluation,
      // Only the count is meant to change: of a job that changed meanwhile, the newest is scaled.
      EnforceIndex: job.JobModifyIndex,
      PreserveCounts: false,
      ScalingEvent: { Group: request.Group, Event: eventOf(context, job, request, evaluation) },
    });
    if (outcome.ok) {
      const JobModifyIndex = context.cluster.state.snapshot().job(namespace, id)?.JobModifyIndex ?? outcome.index;
      return {
        EvalID: evaluation?.ID ?? "",
        EvalCreateIndex: evaluation === null ? 0 : outcome.index,
        JobModifyIndex,
        Index: outcome.index,
      };
    }
    if (outcome.code !== "conflict" || race === RACES_MAX) throw refused(outcome);
  }
}

async function sayOnly(
  context: ServerContext,
  job: Job,
  request: ScaleRequest,
): Promise<EvalResponse & { readonly JobModifyIndex: number }> {
  const index = await commit(context, {
    type: "scaling-event",
    Namespace: job.Namespace,
    JobID: job.ID,
    Group: request.Group,
    Event: eventOf(context, job, request, null),
  });
  return { EvalID: "", EvalCreateIndex: 0, JobModifyIndex: job.JobModifyIndex, Index: index };
}

function mayScale(context: ServerContext, snapshot: Snapshot, job: Job, request: ScaleRequest): void {
  const cannot = `Cannot scale job "${job.ID}"`;
  const { Count: count, Group: name } = request;
  if (snapshot.schedulerConfiguration().RejectJobRegistration) throw registrationClosed();
  if (request.JobModifyIndex !== null && request.JobModifyIndex !== job.JobModifyIndex) {
    throw jobIndexConflict(request.JobModifyIndex, job.JobModifyIndex);
  }
  const group = job.TaskGroups.find((each) => each.Name === name);
  if (group === undefined) throw badRequest(`${cannot}: task group "${name}" specified for scaling does not exist in job`);
  if (count === null) return;
  if (request.Error) throw badRequest(`${cannot}: scaling action should not contain count if error is true`);
  if (count < 0) throw badRequest(`${cannot}: scaling action count can't be negative`);
  if (job.Stop) throw badRequest(`${cannot}: it is stopped, start it first`);
  if (isParameterized(job)) throw badRequest(`${cannot}: it is parameterized and runs nothing itself`);
  const [least, most] = [group.Scaling?.Min ?? null, group.Scaling?.Max ?? null];
  if (least !== null && count < least) {
    throw badRequest(`${cannot}: group count was less than scaling policy minimum: ${count} < ${least}`);
  }
  if (most !== null && count > most) {
    throw badRequest(`${cannot}: group count was greater than scaling policy maximum: ${count} > ${most}`);
  }
  if ((job.Type === "system" || job.Type === "sysbatch") && count > 1) {
    throw badRequest(`${cannot}: a ${job.Type} job runs once on each node, its count is 0 or 1`);
  }
  const total = withCount(job, name, count).TaskGroups.reduce((sum, each) => sum + (each.Count ?? 1), 0);
  if (total > context.admission.countMax) {
    throw badRequest(`${cannot}: its groups' counts would add up to ${total}, must be at most ${context.admission.countMax}`);
  }
  const deployment = snapshot.activeDeployment(job.Namespace, job.ID);
  if (deployment !== undefined && deploymentActive(deployment)) {
    throw badRequest(`${cannot}: job scaling blocked due to active deployment ${deployment.ID}`);
  }
}

function withCount(job: Job, name: string, count: number): Job {
  return { ...job, TaskGroups: job.TaskGroups.map((group) => (group.Name === name ? { ...group, Count: count } : group)) };
}

function eventOf(context: ServerContext, job: Job, request: ScaleRequest, evaluation: Evaluation | null): ScalingEvent {
  return {
    Time: context.clock.nowNs(),
    Count: request.Count,
    PreviousCount: job.TaskGroups.find((group) => group.Name === request.Group)?.Count ?? 1,
    Message: request.Message,
    Error: request.Error,
    Meta: request.Meta,
    EvalID: evaluation?.ID ?? null,
    CreateIndex: 0,
  };
}
