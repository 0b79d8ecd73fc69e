/** How the servers schedule is changed; with an index enforced, only if nobody else did meanwhile. */
import type { SchedulerConfiguration } from "#model";
import type { ServerContext } from "../context.ts";
import { badRequest, refused } from "../errors.ts";

export async function setSchedulerConfiguration(
  context: ServerContext,
  configuration: SchedulerConfiguration,
  enforceIndex: number | null,
): Promise<{ readonly Updated: boolean; readonly Index: number }> {
  const algorithm = configuration.SchedulerAlgorithm;
  if (algorithm !== "binpack" && algorithm !== "spread") {
    throw badRequest(`Cannot set the scheduler configuration: SchedulerAlgorithm "${String(algorithm)}" is not one of "binpack", "spread"`);
  }
  const outcome = await context.cluster.propose({
    type: "scheduler-configuration",
    Configuration: configuration,
    EnforceIndex: enforceIndex,
  });
  if (!outcome.ok && outcome.code !== "conflict") throw refused(outcome);
  return { Updated: outcome.ok, Index: outcome.index };
}
