/** `drover operator autopilot set-config`: nomad.md §4.3. */
import type { AutopilotConfigurationAnswer } from "#api/contract";
import { formatDuration } from "#std";
import type { Command } from "../command.ts";
import type { FlagTable, ParsedFlags } from "../flags.ts";
import { noArguments } from "../only-argument.ts";

const NO_EFFECT = "Taken, without effect: Nomad Enterprise's";

const FLAGS: FlagTable = {
  "cleanup-dead-servers": { kind: "boolean", about: "Whether servers that failed are forgotten by themselves" },
  "last-contact-threshold": { kind: "duration", value: "duration", about: "A server heard of longer ago is not well" },
  "max-trailing-logs": { kind: "whole", value: "entries", about: "A server that lags behind by more is not well" },
  "min-quorum": { kind: "whole", value: "count", about: "Never fewer servers than these by forgetting" },
  "server-stabilization-time": { kind: "duration", value: "duration", about: "How long a server has failed before it is forgotten" },
  "enable-redundancy-zones": { kind: "boolean", about: NO_EFFECT },
  "disable-upgrade-migration": { kind: "boolean", about: NO_EFFECT },
  "enable-custom-upgrades": { kind: "boolean", about: NO_EFFECT },
};

export const operatorAutopilotSetConfig: Command = {
  usage: "operator autopilot set-config [options]",
  about: "Changes how the servers look after themselves. What is not named stays as it is.",
  connects: true,
  flags: FLAGS,
  async run(context) {
    const { flags, terminal, api } = context;
    noArguments(context);
    const { value: before } = await api.system.autopilotConfiguration();
    const { value: updated } = await api.system.setAutopilotConfiguration(changedAutopilot(before, flags), {
      enforceIndex: before.ModifyIndex,
    });
    if (!updated) {
      terminal.complain("Configuration could not be atomically updated, please try again");
      return 1;
    }
    terminal.print("Configuration updated!");
    return 0;
  },
};

/** Pure. */
export function changedAutopilot(before: AutopilotConfigurationAnswer, flags: ParsedFlags): AutopilotConfigurationAnswer {
  const flag = (name: string, now: boolean): boolean => (flags.given(name) ? flags.flag(name) : now);
  const duration = (name: string, now: string): string => {
    const ns = flags.duration(name);
    return ns === undefined ? now : formatDuration(ns);
  };
  return {
    ...before,
    CleanupDeadServers: flag("cleanup-dead-servers", before.CleanupDeadServers),
    LastContactThreshold: duration("last-contact-threshold", before.LastContactThreshold),
    MaxTrailingLogs: flags.whole("max-trailing-logs") ?? before.MaxTrailingLogs,
    MinQuorum: flags.whole("min-quorum") ?? before.MinQuorum,
    ServerStabilizationTime: duration("server-stabilization-time", before.ServerStabilizationTime),
    EnableRedundancyZones: flag("enable-redundancy-zones", before.EnableRedundancyZones),
    DisableUpgradeMigration: flag("disable-upgrade-migration", before.DisableUpgradeMigration),
    EnableCustomUpgrades: flag("enable-custom-upgrades", before.EnableCustomUpgrades),
  };
}
