/** Servers, keys and settings, as an operator sees them. nomad.md §3.2–3.5. */
import type { AutopilotConfiguration, SchedulerConfiguration } from "#model";

/** GET /v1/operator/raft/configuration */
export interface RaftConfigurationAnswer {
  readonly Index: number;
  readonly Servers: readonly {
    readonly ID: string;
    readonly Node: string;
    readonly Address: string;
    readonly Leader: boolean;
    readonly Voter: boolean;
    readonly RaftProtocol: string;
  }[];
}

/** GET /v1/operator/autopilot/configuration; durations as text. */
export type AutopilotConfigurationAnswer = AutopilotConfiguration;

/** GET /v1/operator/autopilot/health: 429 with the same body when it is not well. */
export interface AutopilotHealthAnswer {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  readonly Leader: string;
  readonly Voters: readonly string[];
  readonly Servers: readonly {
    readonly ID: string;
    readonly Name: string;
    readonly Address: string;
    readonly SerfStatus: string;
    readonly Version: string;
    readonly Leader: boolean;
    readonly Voter: boolean;
    readonly LastContact: string;
    readonly LastTerm: number;
    readonly LastIndex: number;
    readonly Healthy: boolean;
    /** RFC 3339 */
    readonly StableSince: string;
  }[];
}

/** GET /v1/operator/scheduler/configuration */
export interface SchedulerConfigurationAnswer {
  readonly SchedulerConfig: SchedulerConfiguration;
  readonly Index: number;
}

/** GET /v1/operator/keyring/keys, and Key of what rotate answers. */
export interface RootKeyAnswer {
  readonly KeyID: string;
  /** What variables are sealed with, as Nomad has it. */
  readonly Algorithm: string;
  /** Drover's own: what identities are signed with. */
  readonly SigningAlgorithm: "RS256" | "EdDSA";
  readonly State: "active" | "inactive" | "prepublished" | "rekeying";
  /** Unix nanoseconds. */
  readonly CreateTime: number;
  readonly PublishTime: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
