/** Jobs and what becomes of them. nomad.md §3.2. */
import type { Deployment, Evaluation, Job, JobSubmission, JobSummary, JobWhy } from "#model";
import {
  endpointPath,
  type AllocationStub,
  type EvaluationAnswer,
  type JobAction,
  type JobDeregisterAnswer,
  type JobDispatchAnswer,
  type JobDispatchBody,
  type JobParseBody,
  type JobPlanAnswer,
  type JobPlanBody,
  type JobRegisterAnswer,
  type JobRegisterBody,
  type JobScaleBody,
  type JobScaleStatusAnswer,
  type JobStatus,
  type JobStub,
  type JobTagAnswer,
  type JobValidateAnswer,
  type JobVersionsAnswer,
} from "../contract/mod.ts";
import { withParameters, type QueryOptions, type Requester } from "./requester.ts";

export function jobCalls(ask: Requester) {
  return {
    list: (query?: QueryOptions) => ask.get<readonly JobStub[]>(endpointPath("jobs", {}), query),
    /** With allocations and newest deployment; `children`: those of periodic and parameterized jobs too. */
    statuses: (how: { readonly children?: boolean } = {}, query?: QueryOptions) =>
      ask.get<readonly JobStatus[]>(endpointPath("jobs-statuses", {}), withParameters(query, { include_children: how.children })),
    register: (body: JobRegisterBody, query?: QueryOptions) => ask.put<JobRegisterAnswer>(endpointPath("jobs", {}), body, query),
    parse: (body: JobParseBody, query?: QueryOptions) => ask.put<Record<string, unknown>>(endpointPath("jobs-parse", {}), body, query),
    validate: (job: unknown, query?: QueryOptions, sensitive: readonly string[] = []) =>
      ask.put<JobValidateAnswer>(
        endpointPath("validate-job", {}),
        { Job: job, ...(sensitive.length > 0 ? { Sensitive: sensitive } : {}) },
        query,
      ),
    read: (job: string, query?: QueryOptions) => ask.get<Job>(endpointPath("job", { job }), query),
    plan: (job: string, body: JobPlanBody, query?: QueryOptions) => ask.put<JobPlanAnswer>(endpointPath("job-plan", { job }), body, query),
    deregister: (
      job: string,
      how: { readonly purge?: boolean; readonly global?: boolean; readonly evalPriority?: number; readonly noShutdownDelay?: boolean } = {},
      query?: QueryOptions,
    ) =>
      ask.delete<JobDeregisterAnswer>(
        endpointPath("job", { job }),
        withParameters(query, {
          purge: how.purge,
          global: how.global,
          eval_priority: how.evalPriority,
          no_shutdown_delay: how.noShutdownDelay,
        }),
      ),
    evaluate: (job: string, how: { readonly forceReschedule?: boolean } = {}, query?: QueryOptions) =>
      ask.put<EvaluationAnswer>(
        endpointPath("job-evaluate", { job }),
        { JobID: job, EvalOptions: { ForceReschedule: how.forceReschedule === true } },
        query,
      ),
    /** `all`: those of an older, purged job of the same name too. */
    allocations: (job: string, query?: QueryOptions) => ask.get<readonly AllocationStub[]>(endpointPath("job-allocations", { job }), query),
    evaluations: (job: string, query?: QueryOptions) => ask.get<readonly Evaluation[]>(endpointPath("job-evaluations", { job }), query),
    /** Newest first. */
    deployments: (job: string, how: { readonly all?: boolean } = {}, query?: QueryOptions) =>
      ask.get<readonly Deployment[]>(endpointPath("job-deployments", { job }), withParameters(query, { all: how.all })),
    /** The newest, or null. */
    deployment: (job: string, query?: QueryOptions) => ask.get<Deployment | null>(endpointPath("job-deployment", { job }), query),
    summary: (job: string, query?: QueryOptions) => ask.get<JobSummary>(endpointPath("job-summary", { job }), query),
    submission: (job: string, version: number, query?: QueryOptions) =>
      ask.get<JobSubmission>(endpointPath("job-submission", { job }), withParameters(query, { version })),
    actions: (job: string, query?: QueryOptions) => ask.get<readonly JobAction[]>(endpointPath("job-actions", { job }), query),
    why: (job: string, query?: QueryOptions) => ask.get<JobWhy>(endpointPath("job-why", { job }), query),
    ...versionCalls(ask),
    ...movingCalls(ask),
  };
}

function versionCalls(ask: Requester) {
  return {
    /** Newest first. `diffTag` or `diffVersion`: each compared with that one, not with the one before it. */
    versions: (
      job: string,
      diffs: boolean | { readonly diffTag?: string | undefined; readonly diffVersion?: number | undefined },
      query?: QueryOptions,
    ) => {
      const how = typeof diffs === "object" ? diffs : {};
      return ask.get<JobVersionsAnswer>(
        endpointPath("job-versions", { job }),
        withParameters(query, { diffs: diffs !== false, diff_tag: how.diffTag, diff_version: how.diffVersion }),
      );
    },
    revert: (job: string, version: number, how: { readonly enforcePriorVersion?: number } = {}, query?: QueryOptions) =>
      ask.put<JobRegisterAnswer>(
        endpointPath("job-revert", { job }),
        { JobID: job, JobVersion: version, EnforcePriorVersion: how.enforcePriorVersion ?? null },
        query,
      ),
    setStability: (job: string, version: number, stable: boolean, query?: QueryOptions) =>
      ask.put<{ readonly JobModifyIndex: number; readonly Index: number }>(
        endpointPath("job-stable", { job }),
        { JobID: job, JobVersion: version, Stable: stable },
        query,
      ),
    /** Without a version: the current one. */
    tagVersion: (job: string, tag: string, how: { readonly version?: number; readonly description?: string } = {}, query?: QueryOptions) =>
      ask.put<JobTagAnswer>(
        endpointPath("job-version-tag", { job, tag }),
        { ...(how.version === undefined ? {} : { Version: how.version }), Description: how.description ?? "" },
        query,
      ),
    untagVersion: (job: string, tag: string, query?: QueryOptions) =>
      ask.delete<JobTagAnswer>(endpointPath("job-version-tag", { job, tag }), query),
  };
}

function movingCalls(ask: Requester) {
  return {
    dispatch: (job: string, body: JobDispatchBody, how: { readonly idempotencyToken?: string } = {}, query?: QueryOptions) =>
      ask.put<JobDispatchAnswer>(
        endpointPath("job-dispatch", { job }),
        { JobID: job, ...body },
        withParameters(query, { idempotency_token: how.idempotencyToken }),
      ),
    forcePeriodic: (job: string, query?: QueryOptions) =>
      ask.put<EvaluationAnswer>(endpointPath("job-periodic-force", { job }), undefined, query),
    scale: (job: string, body: JobScaleBody, query?: QueryOptions) =>
      ask.put<JobRegisterAnswer>(
        endpointPath("job-scale", { job }),
        { Message: "", Error: false, Meta: null, ...body, Target: { Job: job, ...body.Target } },
        query,
      ),
    scaleStatus: (job: string, query?: QueryOptions) => ask.get<JobScaleStatusAnswer>(endpointPath("job-scale", { job }), query),
  };
}
