/** How the servers look after themselves: what is stored, or what this server was configured with until somebody stores it. */
import { DEFAULT_AUTOPILOT_CONFIGURATION, type AutopilotConfiguration } from "#model";
import type { Snapshot } from "#state";
import { parseDuration } from "#std";
import type { ServerContext } from "../context.ts";
import { badRequest, refused } from "../errors.ts";

/** autopilot { … } of an agent. */
export type AutopilotStart = Partial<
  Pick<AutopilotConfiguration, "CleanupDeadServers" | "LastContactThreshold" | "MaxTrailingLogs" | "MinQuorum" | "ServerStabilizationTime">
>;

/** Never with index 0: clients take that for none. */
export function autopilotConfiguration(snapshot: Pick<Snapshot, "autopilotConfiguration">, first: AutopilotStart): AutopilotConfiguration {
  const stored = snapshot.autopilotConfiguration();
  return stored.ModifyIndex > 0 ? stored : { ...DEFAULT_AUTOPILOT_CONFIGURATION, ...first, CreateIndex: 1, ModifyIndex: 1 };
}

/** `enforceIndex`: only if the one that is answered has this ModifyIndex. */
export async function setAutopilotConfiguration(
  context: ServerContext,
  configuration: AutopilotConfiguration,
  enforceIndex: number | null,
): Promise<{ readonly Updated: boolean; readonly Index: number }> {
  for (const name of ["LastContactThreshold", "ServerStabilizationTime"] as const) {
    const ns = parseDuration(configuration[name]);
    if (ns === undefined || ns < 0)
      throw badRequest(`Cannot set the autopilot configuration: ${name} "${configuration[name]}" is not a duration like "10s"`);
  }
  const stored = context.cluster.state.snapshot().autopilotConfiguration().ModifyIndex;
  const outcome = await context.cluster.propose({
    type: "autopilot-configuration",
    Configuration: configuration,
    EnforceIndex: enforceIndex === 1 && stored === 0 ? 0 : enforceIndex,
  });
  if (!outcome.ok && outcome.code !== "conflict") throw refused(outcome);
  return { Updated: outcome.ok, Index: outcome.index };
}
