/**
 * A job is no longer wanted: a new version that is stopped, or with Purge no record of it at all. Its allocations stay until the
 * evaluation has stopped them and garbage collection takes them.
 */
import { jobKey } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { transition } from "./allocations-desired-transition.ts";
import { cancelDeployment } from "./deployment-status.ts";
import { putVersion, storeEvaluation } from "./job-register.ts";

type JobDeregister = Extract<Command, { type: "job-deregister" }>;

export function applyJobDeregister(draft: Draft, command: JobDeregister): Refusal | undefined {
  const stored = draft.record(command.Namespace, command.JobID);
  if (stored === undefined) {
    // An evaluation for a job that is gone still stops what was left running of it.
    if (command.Evaluation === null) return { code: "missing", reason: `Cannot deregister job "${command.JobID}": no such job` };
    storeEvaluation(draft, command.Evaluation, undefined);
    return undefined;
  }
  if (command.NoShutdownDelay) {
    const allocations = [...draft.tables.allocationsByJob.values(jobKey(stored.job))];
    for (const allocation of allocations) {
      if (allocation.DesiredStatus === "run") transition(draft, allocation, { NoShutdownDelay: true });
    }
  }
  if (command.Purge) {
    cancelDeployment(draft, stored.job);
    draft.dropRecord(stored);
    storeEvaluation(draft, command.Evaluation, stored.job);
    return undefined;
  }
  const job = stored.job.Stop
    ? stored.job
    : putVersion(draft, stored, { ...stored.job, Stop: true }, stored.versions[0]?.submission ?? null);
  for (const group of Object.keys(stored.summary.Summary)) draft.setQueued(job.Namespace, job.ID, group, 0);
  storeEvaluation(draft, command.Evaluation, job);
  return undefined;
}
