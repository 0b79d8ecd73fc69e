/** How the servers look after themselves; GET/PUT /v1/operator/autopilot/configuration. Durations as Go writes them. nomad.md §5.2 autopilot. */
export interface AutopilotConfiguration {
  /** Those that failed are forgotten by themselves, while a majority is well. */
  readonly CleanupDeadServers: boolean;
  /** One that was heard of longer ago is not well. */
  readonly LastContactThreshold: string;
  /** One that lags behind by more entries is not well. */
  readonly MaxTrailingLogs: number;
  /** Never fewer servers than these by forgetting; 0: no such bound. */
  readonly MinQuorum: number;
  /** How long one has failed before it is forgotten. */
  readonly ServerStabilizationTime: string;
  /** Nomad Enterprise's: kept as they are set, without effect. */
  readonly EnableRedundancyZones: boolean;
  readonly DisableUpgradeMigration: boolean;
  readonly EnableCustomUpgrades: boolean;
  /** 0: nobody has stored one. */
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** What Nomad begins with. */
export const DEFAULT_AUTOPILOT_CONFIGURATION: AutopilotConfiguration = {
  CleanupDeadServers: true,
  LastContactThreshold: "200ms",
  MaxTrailingLogs: 250,
  MinQuorum: 0,
  ServerStabilizationTime: "10s",
  EnableRedundancyZones: false,
  DisableUpgradeMigration: false,
  EnableCustomUpgrades: false,
  CreateIndex: 0,
  ModifyIndex: 0,
};
