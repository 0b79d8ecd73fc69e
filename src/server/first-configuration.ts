/** How a cluster schedules until somebody says otherwise: the agent's default_scheduler_config, put on record once. nomad.md §5.2. */
import type { Cluster } from "#cluster";
import { DEFAULT_SCHEDULER_CONFIGURATION, sameValue, type SchedulerConfiguration } from "#model";
import { refused } from "./errors.ts";

export type FirstSchedulerConfiguration = Omit<SchedulerConfiguration, "CreateIndex" | "ModifyIndex">;

/** Nothing when there is one on record already, or when it says what is true without any. */
export async function beginWith(cluster: Cluster, first: FirstSchedulerConfiguration): Promise<void> {
  const stored = cluster.state.snapshot().schedulerConfiguration();
  const Configuration: SchedulerConfiguration = { ...first, CreateIndex: 0, ModifyIndex: 0 };
  if (stored.ModifyIndex !== 0 || sameValue(Configuration, DEFAULT_SCHEDULER_CONFIGURATION)) return;
  const outcome = await cluster.propose({ type: "scheduler-configuration", Configuration, EnforceIndex: 0 });
  if (!outcome.ok && outcome.code !== "conflict") throw refused(outcome);
}
