/**
 * What would registering this job do? The same admission and the same scheduler as in earnest, on a view of the state in which the job
 * is registered already; nothing is written.
 */
import { newEvaluation, sameJobSpec, type EvaluationId, type Job, type ScheduleResult } from "#model";
import { annotateDiff, diffJobs } from "#jobspec";
import { schedule } from "#scheduler";
import type { Snapshot } from "#state";
import type { ServerContext } from "../context.ts";
import type { JobPlanResponse } from "../contract.ts";
import { planGateways } from "./mesh-gateways.ts";
import { ticksAfter } from "../reconcilers/periodic-rules.ts";
import { admitRequested, warningText } from "./register-job.ts";

export interface PlanRequest {
  readonly Job: unknown;
  readonly Diff: boolean;
  readonly namespace?: string;
  readonly region?: string;
}

export async function planJob(context: ServerContext, request: PlanRequest): Promise<JobPlanResponse> {
  const { job: wanted, warnings } = admitRequested(context, request);
  const gateways = await planGateways(context, wanted);
  const snapshot = context.cluster.state.snapshot();
  const stored = snapshot.job(wanted.Namespace, wanted.ID);
  const result = dryRun(context, snapshot, asRegistered(wanted, stored, snapshot.index + 1));
  const annotations = result.Plan?.Annotations ?? result.Evaluation.PlanAnnotations;
  const diff = request.Diff ? diffJobs(stored ?? null, wanted, { contextual: true }) : null;
  return {
    Annotations: annotations,
    FailedTGAllocs: result.Evaluation.FailedTGAllocs,
    JobModifyIndex: stored?.JobModifyIndex ?? 0,
    CreatedEvals: result.Created,
    Diff: diff === null ? null : annotateDiff(diff, annotations?.DesiredTGUpdates ?? {}),
    NextPeriodicLaunch: nextLaunch(wanted, context.clock.nowMs()),
    Warnings: warningText([...warnings, ...gateways]),
  };
}

/** RFC 3339; null: time launches nothing of it. */
function nextLaunch(job: Job, nowMs: number): string | null {
  const [tick] = ticksAfter(job, nowMs, 1);
  return tick === undefined ? null : new Date(tick * 1_000).toISOString();
}

/** The job as the state would hold it: an unchanged one keeps its version. */
function asRegistered(wanted: Job, stored: Job | undefined, index: number): Job {
  if (stored === undefined)
    return { ...wanted, Status: "pending", Version: 0, CreateIndex: index, ModifyIndex: index, JobModifyIndex: index };
  if (!stored.Stop && sameJobSpec(stored, wanted)) return stored;
  return {
    ...wanted,
    Status: stored.Status,
    Version: stored.Version + 1,
    CreateIndex: stored.CreateIndex,
    ModifyIndex: index,
    JobModifyIndex: index,
  };
}

function dryRun(context: ServerContext, snapshot: Snapshot, job: Job): ScheduleResult {
  const evaluation = newEvaluation({
    ID: context.random.uuid() as EvaluationId,
    Namespace: job.Namespace,
    Priority: job.Priority,
    Type: job.Type,
    TriggeredBy: "job-register",
    JobID: job.ID,
    JobModifyIndex: job.JobModifyIndex,
    AnnotatePlan: true,
  });
  return schedule(withJob(snapshot, job), evaluation, {
    placementsMax: Infinity,
    newId: () => context.random.uuid(),
    nowNs: context.clock.nowNs(),
  });
}

/** The snapshot, but this job is as given. */
function withJob(snapshot: Snapshot, job: Job): Snapshot {
  const isIt = (namespace: string, id: string) => namespace === job.Namespace && id === job.ID;
  const overlay: Partial<Snapshot> = {
    job: (namespace, id) => (isIt(namespace, id) ? job : snapshot.job(namespace, id)),
    jobVersion: (namespace, id, version) =>
      isIt(namespace, id) && version === job.Version ? job : snapshot.jobVersion(namespace, id, version),
  };
  return new Proxy(snapshot, {
    get(target, key) {
      const own = overlay[key as keyof Snapshot];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value as (...values: unknown[]) => unknown).bind(target) : value;
    },
  });
}
