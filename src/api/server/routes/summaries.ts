/**
 * PUT /v1/system/reconcile/summaries. Summaries are kept with the allocations, in the same log entry, and cannot drift apart; so
 * this counts again and says so, and a difference would be a fault of this program.
 */
import type { JobSummary } from "#model";
import type { Snapshot } from "#state";
import { NamedError } from "#std";
import { empty, type Handler } from "../call.ts";
import { collect } from "../listing/slices.ts";
import { requireCluster } from "../require.ts";

export const reconcileSummaries: Handler = async (_call, context) => {
  const snapshot = await requireCluster(context).read();
  const wrong = await collect(snapshot.jobs("*"), (job) => {
    const summary = snapshot.jobSummary(job.Namespace, job.ID);
    return summary === undefined || !countsAgree(snapshot, summary);
  });
  if (wrong.length === 0) return empty({ index: snapshot.index });
  throw new NamedError(
    "API_SUMMARY_DRIFTED",
    `Cannot reconcile summaries: those of ${wrong.length} jobs differ from their allocations, first job ${JSON.stringify(wrong[0]?.ID)}`,
    { statusCode: 500, fix: "Report it with the output of `drover operator snapshot save`." },
  );
};

/** What runs is counted by state alone; Complete, Failed and Lost also remember what has been collected. */
function countsAgree(snapshot: Snapshot, summary: JobSummary): boolean {
  const running: Record<string, number> = {};
  const starting: Record<string, number> = {};
  for (const allocation of snapshot.allocationsByJob(summary.Namespace, summary.JobID)) {
    const counts = allocation.ClientStatus === "running" ? running : allocation.ClientStatus === "pending" ? starting : undefined;
    if (counts !== undefined) counts[allocation.TaskGroup] = (counts[allocation.TaskGroup] ?? 0) + 1;
  }
  return Object.entries(summary.Summary).every(
    ([group, counts]) => counts.Running === (running[group] ?? 0) && counts.Starting === (starting[group] ?? 0),
  );
}
