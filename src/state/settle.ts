/**
 * What follows from an entry's writes: tallies are put back, job statuses and summaries brought up to date, a child's change of
 * status counted at its parent. Runs once an entry, whatever the command.
 */
import { type Job, jobKey, type JobStatus, type JobSummary, type Namespace, type JobId } from "#model";
import type { Draft } from "./draft.ts";
import { jobStatus } from "./job-status.ts";
import type { JobRecord } from "./tables/tables.ts";
import { NO_TALLY } from "./tables/tally.ts";

type Children = { -readonly [Key in keyof JobSummary["Children"]]: number };

const CHILDREN_AS: Readonly<Record<JobStatus, keyof Children>> = { pending: "Pending", running: "Running", dead: "Dead" };

export function settle(draft: Draft): void {
  draft.closeCounts();
  for (const key of draft.touchedJobs()) {
    const record = draft.tables.jobs.get(key);
    if (record !== undefined) settleJob(draft, key, record);
  }
  if (draft.version > 1) for (const { job } of draft.goneJobs) if (job.ParentID !== "") settleGone(draft, job);
}

function settleJob(draft: Draft, key: string, record: JobRecord): void {
  const { job } = record;
  const status = jobStatus(job, draft.tables.tallies.get(key) ?? NO_TALLY, draft.tables.activeDeploymentByJob.has(key));
  const groups = draft.openSummaryOf(key);
  const summary: JobSummary = groups === undefined ? record.summary : { ...record.summary, Summary: groups, ModifyIndex: draft.index };
  if (status !== job.Status) {
    draft.putRecord({ ...record, job: { ...job, Status: status, ModifyIndex: draft.index }, summary });
    if (summary !== record.summary) draft.touchTable("job-summaries");
    if (job.ParentID !== "") countChild(draft, job.Namespace, job.ParentID as JobId, job.Status as JobStatus | "", status);
  } else if (summary !== record.summary) {
    draft.putSummary({ ...record, summary });
  }
}

/** A child that is gone has ended, whatever it was doing. */
function settleGone(draft: Draft, { Namespace, ParentID, Status }: Job): void {
  if (Status !== "dead") countChild(draft, Namespace, ParentID as JobId, Status as JobStatus | "", "dead");
}

/** "" as `before`: the child is new. */
function countChild(draft: Draft, namespace: Namespace, parentId: JobId, before: JobStatus | "", after: JobStatus): void {
  const key = jobKey({ Namespace: namespace, ID: parentId });
  const parent = draft.tables.jobs.get(key);
  if (parent === undefined) return;
  const Children: Children = { ...parent.summary.Children };
  if (before !== "") Children[CHILDREN_AS[before]] = Math.max(0, Children[CHILDREN_AS[before]] - 1);
  Children[CHILDREN_AS[after]]++;
  draft.putSummary({ ...parent, summary: { ...parent.summary, Children, ModifyIndex: draft.index } });
}
