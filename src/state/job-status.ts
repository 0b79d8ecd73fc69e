/**
 * What a job's Status is, from what there is of it. nomad.md §7, "Job status". Pure.
 *
 *   system, periodic, parameterized   running until stopped, then dead
 *   any live allocation               running
 *   stopped                           dead
 *   an open evaluation                pending
 *   had allocations or evaluations    dead
 *   nothing yet                       pending
 */
import type { Job, JobStatus } from "#model";
import type { Tally } from "./tables/tally.ts";

export function jobStatus(job: Pick<Job, "Type" | "Stop" | "Periodic" | "ParameterizedJob">, tally: Tally): JobStatus {
  if (job.Type === "system" || job.Periodic !== null || job.ParameterizedJob !== null) return job.Stop ? "dead" : "running";
  if (tally.liveAllocations > 0) return "running";
  if (job.Stop) return "dead";
  if (tally.openEvaluations > 0) return "pending";
  return tally.allocations > 0 || tally.evaluations > 0 ? "dead" : "pending";
}
