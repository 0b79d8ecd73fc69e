/** The agent's configuration once everything is resolved: files merged, flags applied, defaults filled in, checked. */
import type { SchedulerConfiguration } from "#model";
import type { LogLevel } from "../log.ts";

export interface Config {
  readonly dev: boolean;
  /** The files it was read from, in order. */
  readonly files: readonly string[];
  readonly region: string;
  readonly datacenter: string;
  readonly name: string;
  /** Absolute. */
  readonly dataDirectory: string;
  /** A dev agent's own: removed when it stops. */
  readonly dataDirectoryIsTemporary: boolean;
  readonly pluginDirectory: string;
  /** Addresses to listen on. HTTP may have several. */
  readonly bind: { readonly http: readonly string[]; readonly rpc: string; readonly serf: string };
  /** 0: any free port. */
  readonly ports: { readonly http: number; readonly rpc: number; readonly serf: number };
  /** host:port as others reach this agent. */
  readonly advertise: { readonly http: string; readonly rpc: string; readonly serf: string };
  readonly log: { readonly level: LogLevel; readonly json: boolean };
  readonly enableDebug: boolean;
  readonly httpHeaders: Readonly<Record<string, string>>;
  readonly httpConnectionsPerClientMax: number;
  readonly server: ServerConfig;
  readonly client: ClientConfig;
  readonly telemetry: TelemetryConfig;
  readonly drivers: DriversConfig;
  /** As GET /v1/agent/self shows it: what was written, by Nomad's names. Secrets are left out. */
  readonly written: Readonly<Record<string, unknown>>;
  /** Keys that were accepted and have no effect yet; the agent logs them once. */
  readonly notYet: readonly string[];
  /** Legal, and perhaps not meant. */
  readonly warnings: readonly string[];
}

export interface ServerConfig {
  readonly enabled: boolean;
  readonly bootstrapExpect: number;
  readonly dataDirectory: string;
  /** Evaluations in work at one time; null: the server room's default. */
  readonly schedulers: number | null;
  readonly nodeThresholdMs: number;
  readonly jobIntervalMs: number;
  readonly jobThresholdMs: number;
  readonly evaluationThresholdMs: number;
  readonly batchEvaluationThresholdMs: number;
  readonly deploymentThresholdMs: number;
  /** plan_rejection_tracker: nodes whose placements are refused so often within the window are closed for new ones. */
  readonly rejections: { readonly enabled: boolean; readonly nodeThreshold: number; readonly nodeWindowMs: number };
  readonly heartbeatGraceMs: number;
  readonly heartbeatTtlMinMs: number;
  readonly heartbeatsPerSecondMax: number;
  readonly jobPriorityDefault: number;
  readonly jobPriorityMax: number;
  readonly jobCountMax: number;
  readonly jobSourceBytesMax: number;
  /** default_scheduler_config: what a cluster begins with; never applied again after. */
  readonly scheduler: SchedulerConfiguration;
}

export interface ClientConfig {
  readonly enabled: boolean;
  readonly stateDirectory: string;
  readonly allocationDirectory: string;
  readonly nodeClass: string;
  readonly nodePool: string;
  readonly meta: Readonly<Record<string, string>>;
  /** Legacy key-value options as written. */
  readonly options: Readonly<Record<string, string>>;
  /** From options: `driver.allowlist`, `driver.denylist`; null: all. */
  readonly driversAllowed: readonly string[] | null;
  readonly driversDenied: readonly string[];
  readonly usersDenied: readonly string[] | null;
  readonly userCheckedDrivers: readonly string[] | null;
  readonly environmentDenied: readonly string[] | null;
  /** Host path → path in the chroot; null: the default list. */
  readonly chroot: Readonly<Record<string, string>> | null;
  readonly networkInterface: string;
  readonly servers: readonly string[];
  /** 0: as measured. */
  readonly cpuTotalMHz: number;
  readonly memoryTotalMB: number;
  readonly diskTotalMB: number;
  readonly reserved: { readonly cpuMHz: number; readonly memoryMB: number; readonly diskMB: number; readonly ports: string };
  readonly maxKillTimeoutMs: number;
  readonly remoteExecDisabled: boolean;
  readonly dynamicPorts: { readonly min: number; readonly max: number };
  readonly garbage: {
    readonly intervalMs: number;
    readonly parallel: number;
    readonly diskUsagePercent: number;
    readonly inodeUsagePercent: number;
    readonly allocationsMax: number;
  };
}

export interface TelemetryConfig {
  readonly prometheus: boolean;
  readonly collectionIntervalMs: number;
  readonly publishAllocationMetrics: boolean;
  readonly publishNodeMetrics: boolean;
}

export interface DriversConfig {
  readonly rawExec: { readonly enabled: boolean; readonly noCgroups: boolean; readonly deniedVariables: readonly string[] };
  readonly exec: {
    readonly pidMode: string;
    readonly ipcMode: string;
    readonly noPivotRoot: boolean;
    /** null: the default set. */
    readonly allowedCapabilities: readonly string[] | null;
  };
}
