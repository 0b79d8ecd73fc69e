/** How many of each group there are and should be, and what was scaled lately. nomad.md §3.2 (…/scale). */
import { terminal } from "#model";
import type { Snapshot } from "#state";
import type { ScaleStatus } from "../contract.ts";
import { jobNotFound } from "../errors.ts";

export function scaleStatus(snapshot: Snapshot, namespace: string, id: string): ScaleStatus {
  const job = snapshot.job(namespace, id);
  if (job === undefined) throw jobNotFound(id);
  const events = snapshot.scalingEvents(namespace, id);
  const groups = new Map(
    job.TaskGroups.map((group) => [group.Name, { desired: group.Count ?? 1, placed: 0, running: 0, healthy: 0, unhealthy: 0 }]),
  );
  for (const allocation of snapshot.allocationsByJob(namespace, id)) {
    const group = groups.get(allocation.TaskGroup);
    // Allocations of a purged job of the same name are not its own.
    if (group === undefined || terminal(allocation) || allocation.Job.CreateIndex !== job.CreateIndex) continue;
    group.placed++;
    if (allocation.ClientStatus === "running") group.running++;
    if (allocation.DeploymentStatus?.Healthy === true) group.healthy++;
    if (allocation.DeploymentStatus?.Healthy === false) group.unhealthy++;
  }
  return {
    JobID: job.ID,
    Namespace: job.Namespace,
    JobCreateIndex: job.CreateIndex,
    JobModifyIndex: job.JobModifyIndex,
    JobStopped: job.Stop,
    TaskGroups: Object.fromEntries(
      [...groups].map(([name, { desired, placed, running, healthy, unhealthy }]) => [
        name,
        {
          Desired: desired,
          Placed: placed,
          Running: running,
          Healthy: healthy,
          Unhealthy: unhealthy,
          Events: Object.hasOwn(events, name) ? (events[name] ?? []) : [],
        },
      ]),
    ),
  };
}
