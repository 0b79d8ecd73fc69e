/**
 * What a job's Status is, from what there is of it. nomad.md §7, "Job status". Pure.
 *
 *   system, periodic, parameterized   running until stopped, then dead
 *   any live allocation               running
 *   a deployment that goes on         running
 *   stopped                           dead
 *   an open evaluation                pending
 *   had allocations or evaluations    dead
 *   nothing yet                       pending
 */
import type { Job, JobStatus } from "#model";
import type { Tally } from "./tables/tally.ts";

export function jobStatus(
  job: Pick<Job, "Type" | "Stop" | "Periodic" | "ParameterizedJob" | "Dispatched">,
  tally: Tally,
  hasActiveDeployment: boolean,
): JobStatus {
  // What was dispatched still shows what it was dispatched from.
  const isParent = job.Periodic !== null || (job.ParameterizedJob !== null && !job.Dispatched);
  if (job.Type === "system" || isParent) return job.Stop ? "dead" : "running";
  if (tally.liveAllocations > 0 || hasActiveDeployment) return "running";
  if (job.Stop) return "dead";
  if (tally.openEvaluations > 0) return "pending";
  return tally.allocations > 0 || tally.evaluations > 0 ? "dead" : "pending";
}
