/**
 * A job is wanted. What it comes to:
 *
 *   enforced index does not match     refused, conflict
 *   a tick launched already, a          refused, conflict
 *   token dispatched already
 *   its periodic job is gone          refused, missing
 *   no such namespace                 refused, invalid
 *   same specification, not stopped   no new version; the evaluation is stored all the same
 *   otherwise                         version + 1 (0 for a new job), pending its evaluation
 */
import { type Evaluation, type Job, type JobSubmission, jobKey, sameJobSpec, type TaskGroup } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { addScalingEvent, dispatchedWith, launchedAlready, noteLaunch } from "../kin.ts";
import { countAllocation, groupOf, type GroupSummaries, openSummary } from "../summary.ts";
import type { JobRecord } from "../tables/tables.ts";
import { keptVersions } from "../versions.ts";

type JobRegister = Extract<Command, { type: "job-register" }>;

export function applyJobRegister(draft: Draft, command: JobRegister): Refusal | undefined {
  const stored = draft.record(command.Job.Namespace, command.Job.ID);
  const refusal = enforce(command.EnforceIndex, stored?.job);
  if (refusal !== undefined) return refusal;
  const obstacle = draft.version > 1 ? obstacleTo(draft, command) : undefined;
  if (obstacle !== undefined) return obstacle;
  const wanted: Job = {
    ...command.Job,
    TaskGroups: command.PreserveCounts && stored !== undefined ? withCounts(command.Job.TaskGroups, stored.job) : command.Job.TaskGroups,
  };
  const job = registerVersion(draft, stored, wanted, command.Submission);
  if (command.ScalingEvent !== undefined) addScalingEvent(draft, job, command.ScalingEvent.Group, command.ScalingEvent.Event);
  if (command.PeriodicLaunch !== undefined) noteLaunch(draft, command.PeriodicLaunch);
  storeEvaluation(draft, command.Evaluation, job);
  return undefined;
}

/** What the job must not meet. */
function obstacleTo(draft: Draft, { Job: job, PeriodicLaunch: launch }: JobRegister): Refusal | undefined {
  const cannot = `Cannot register job "${job.ID}"`;
  if (!draft.tables.namespaces.has(job.Namespace)) {
    return { code: "invalid", reason: `${cannot}: namespace "${job.Namespace}" does not exist` };
  }
  if (launch !== undefined && draft.record(launch.Namespace, launch.JobID) === undefined) {
    return { code: "missing", reason: `${cannot}: job "${launch.JobID}" that launches it is gone` };
  }
  if (launch !== undefined && launchedAlready(draft, launch)) {
    return { code: "conflict", reason: `${cannot}: tick ${launch.Launch} of job "${launch.JobID}" was launched already` };
  }
  const twin = dispatchedWith(draft, job);
  if (twin !== undefined && twin !== job.ID) {
    return { code: "conflict", reason: `${cannot}: its idempotency token dispatched job "${twin}" already` };
  }
  return undefined;
}

/** The current version when `wanted` is no other; the new one otherwise. */
export function registerVersion(draft: Draft, stored: JobRecord | undefined, wanted: Job, submission: JobSubmission | null): Job {
  const running = { ...wanted, Stop: false };
  return stored !== undefined && sameJobSpec(stored.job, running) ? stored.job : putVersion(draft, stored, running, submission);
}

/** The prefix is what Nomad's command line looks for in the answer. */
function enforce(wanted: number | null, job: Job | undefined): Refusal | undefined {
  if (wanted === null || wanted === (job?.JobModifyIndex ?? 0)) return undefined;
  const found =
    job === undefined
      ? "the job does not exist"
      : wanted === 0
        ? "the job exists already"
        : `the job is at modify index ${job.JobModifyIndex}`;
  return { code: "conflict", reason: `Enforcing job modify index ${wanted}: ${found}` };
}

/** `groups`, each with the count its namesake in `job` has. */
function withCounts(groups: TaskGroup[], job: Job): TaskGroup[] {
  return groups.map((group) => {
    const before = job.TaskGroups.find((each) => each.Name === group.Name);
    return before === undefined || before.Count === group.Count ? group : { ...group, Count: before.Count };
  });
}

/** The job's evaluation, tied to the version it was made for. */
export function storeEvaluation(draft: Draft, evaluation: Evaluation | null, job: Job | undefined): void {
  if (evaluation === null) return;
  draft.putEvaluation(job === undefined ? evaluation : { ...evaluation, JobModifyIndex: job.JobModifyIndex });
}

/** Makes `wanted` the current version. */
export function putVersion(draft: Draft, stored: JobRecord | undefined, wanted: Job, submission: JobSubmission | null): Job {
  const spec: Job = {
    ...wanted,
    Status: "pending",
    StatusDescription: "",
    Stable: false,
    VersionTag: null,
    Version: stored === undefined ? 0 : stored.job.Version + 1,
    SubmitTime: draft.time,
    CreateIndex: stored?.job.CreateIndex ?? draft.index,
    ModifyIndex: draft.index,
    JobModifyIndex: draft.index,
  };
  // Settling turns the status into what it is; "" tells it that a new job had none.
  const job: Job = { ...spec, Status: stored?.job.Status ?? "" };
  const versions = keptVersions([{ spec, shown: spec, submission }, ...(stored?.versions ?? [])]);
  const groups = stored === undefined ? leftovers(draft, spec) : openSummary(stored.summary.Summary);
  for (const group of spec.TaskGroups) groupOf(groups, group.Name);
  const summary = {
    JobID: spec.ID,
    Namespace: spec.Namespace,
    Summary: groups,
    Children: stored?.summary.Children ?? { Pending: 0, Running: 0, Dead: 0 },
    CreateIndex: stored?.summary.CreateIndex ?? draft.index,
    ModifyIndex: draft.index,
  };
  draft.putRecord({ job, versions, summary });
  draft.touchTable("job-summaries");
  return job;
}

/** Counts of allocations that a purged job of the same name left behind. */
function leftovers(draft: Draft, job: Job): GroupSummaries {
  const groups: GroupSummaries = {};
  for (const allocation of draft.tables.allocationsByJob.values(jobKey(job))) countAllocation(groups, undefined, allocation);
  return groups;
}
