/** How the nodes of a pool are scheduled: the pool's own word, else the cluster's. nomad.md §5.2. */
import type { Job, SchedulerConfiguration } from "#model";
import type { Snapshot } from "#state";
import { poolOf } from "./availability.ts";

export type PoolConfiguration = Pick<SchedulerConfiguration, "SchedulerAlgorithm" | "MemoryOversubscriptionEnabled">;

export function poolConfiguration(snapshot: Snapshot, job: Job): PoolConfiguration {
  const cluster = snapshot.schedulerConfiguration();
  const own = snapshot.nodePool(poolOf(job))?.SchedulerConfiguration;
  return {
    SchedulerAlgorithm: own?.SchedulerAlgorithm || cluster.SchedulerAlgorithm,
    MemoryOversubscriptionEnabled: own?.MemoryOversubscriptionEnabled ?? cluster.MemoryOversubscriptionEnabled,
  };
}
