/**
 * What hangs on a job beside its record: its place among system jobs and among its parent's children, the token it was dispatched
 * with, what was scaled, when it was last launched. All of it goes when the job goes; only the past (past.ts) stays.
 */
import { type Job, jobKey, type JobId, SCALING_EVENTS_MAX, type ScalingEvent } from "#model";
import type { PeriodicLaunch } from "./contract.ts";
import type { Entry } from "./entry.ts";
import type { Tables } from "./tables/tables.ts";

/** The indexes follow the record. */
export function keepKin(entry: Entry, before: Job | undefined, after: Job | undefined): void {
  const { journal, tables } = entry;
  if (isSystem(before) !== isSystem(after)) {
    if (isSystem(before)) journal.delete(tables.systemJobs, jobKey(before));
    if (isSystem(after)) journal.set(tables.systemJobs, jobKey(after), jobKey(after));
  }
  if (before?.ParentID !== after?.ParentID) {
    if (before !== undefined && before.ParentID !== "") journal.deleteIn(tables.children, parentKey(before), before.ID);
    if (after !== undefined && after.ParentID !== "") journal.setIn(tables.children, parentKey(after), after.ID, after.ID);
  }
  if (before?.ParentID !== after?.ParentID || before?.DispatchIdempotencyToken !== after?.DispatchIdempotencyToken) {
    if (isDispatched(before)) journal.deleteIn(tables.dispatches, parentKey(before), before.DispatchIdempotencyToken);
    if (isDispatched(after)) journal.setIn(tables.dispatches, parentKey(after), after.DispatchIdempotencyToken, after.ID);
  }
}

/** The indexes of a job that is read back. */
export function indexKin(tables: Tables, job: Job): void {
  if (isSystem(job)) tables.systemJobs.set(jobKey(job), jobKey(job));
  if (job.ParentID !== "") tables.children.set(parentKey(job), job.ID, job.ID);
  if (isDispatched(job)) tables.dispatches.set(parentKey(job), job.DispatchIdempotencyToken, job.ID);
}

/** The child that was dispatched with this token before. */
export function dispatchedWith(entry: Entry, job: Job): JobId | undefined {
  return isDispatched(job) ? entry.tables.dispatches.get(parentKey(job), job.DispatchIdempotencyToken) : undefined;
}

export function dropHistory(entry: Entry, job: Job): void {
  const key = jobKey(job);
  if (entry.tables.scalingEvents.has(key)) entry.delete(entry.tables.scalingEvents, key, "scaling-events");
  if (entry.tables.launches.has(key)) entry.delete(entry.tables.launches, key, "periodic-launches");
}

export function addScalingEvent(entry: Entry, job: Job, group: string, event: ScalingEvent): void {
  const key = jobKey(job);
  const known = entry.tables.scalingEvents.get(key) ?? {};
  const earlier = Object.hasOwn(known, group) ? (known[group] ?? []) : [];
  const events = [{ ...event, CreateIndex: entry.index }, ...earlier].slice(0, SCALING_EVENTS_MAX);
  entry.set(entry.tables.scalingEvents, key, { ...known, [group]: events }, "scaling-events");
}

/** Was this tick, or a later one, launched or passed over already? */
export function launchedAlready(entry: Entry, launch: PeriodicLaunch): boolean {
  const last = entry.tables.launches.get(launchKey(launch))?.Launch;
  return last !== undefined && launch.Launch <= last;
}

/** Never moves back. */
export function noteLaunch(entry: Entry, { Namespace, JobID, Launch }: PeriodicLaunch): void {
  if (launchedAlready(entry, { Namespace, JobID, Launch })) return;
  entry.set(entry.tables.launches, launchKey({ Namespace, JobID }), { Namespace, JobID, Launch }, "periodic-launches");
}

function isSystem(job: Job | undefined): job is Job {
  return job?.Type === "system" || job?.Type === "sysbatch";
}

function isDispatched(job: Job | undefined): job is Job {
  return job !== undefined && job.ParentID !== "" && job.DispatchIdempotencyToken !== "";
}

function parentKey(job: Job): string {
  return jobKey({ Namespace: job.Namespace, ID: job.ParentID });
}

function launchKey(launch: Pick<PeriodicLaunch, "Namespace" | "JobID">): string {
  return jobKey({ Namespace: launch.Namespace, ID: launch.JobID });
}
