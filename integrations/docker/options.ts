/** What the driver is opened with, and the labels by which everything it makes is known. nomad.md §1.13 (plugin "docker"). */
import type { Clock } from "#ports";

/** plugin "docker" { config { … } }: nomad.md §1.13. Times in milliseconds. */
export interface DockerSettings {
  readonly enabled: boolean;
  /** unix:///var/run/docker.sock, tcp://…; DOCKER_HOST where nothing was written. */
  readonly endpoint: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  /** auth { config, helper } */
  readonly authFile: string;
  readonly authHelper: string;
  readonly extraLabels: readonly string[];
  readonly garbage: {
    readonly image: boolean;
    readonly imageDelayMs: number;
    readonly container: boolean;
    readonly dangling: { readonly enabled: boolean; readonly periodMs: number; readonly creationGraceMs: number; readonly dryRun: boolean };
  };
  readonly volumes: { readonly enabled: boolean; readonly selinuxLabel: string };
  readonly allowPrivileged: boolean;
  /** null: the default set. */
  readonly allowedCapabilities: readonly string[] | null;
  readonly allowedRuntimes: readonly string[];
  /** "": our own, made here and pulled from nowhere. */
  readonly infraImage: string;
  readonly infraImagePullTimeoutMs: number;
  readonly imagePullTimeoutMs: number;
  readonly pullActivityTimeoutMs: number;
  readonly containerExistsAttempts: number;
  readonly oomScoreAdjust: number;
  /** 0: none. */
  readonly pidsLimit: number;
  readonly logCollectionDisabled: boolean;
  readonly allowedModes: {
    readonly pid: readonly string[];
    readonly ipc: readonly string[];
    readonly userns: readonly string[];
    readonly uts: readonly string[];
  };
}

export type DockerReport = (line: {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields: Record<string, unknown>;
}) => void;

export interface DockerOptions {
  /** Eight hex digits that stand for this agent: two agents at one docker never touch each other's things. */
  readonly owner: string;
  /** The driver's own directory on a local disk: which images it fetched. */
  readonly stateDirectory: string;
  readonly config: DockerSettings;
  readonly clock?: Clock;
  readonly report?: DockerReport;
}

/** On every container of an allocation, so that the tools of others find it. */
export const LABEL_ALLOCATION = "com.hashicorp.nomad.alloc_id";
export const LABEL_OWNER = "dev.drover.owner";
export const LABEL_TASK = "dev.drover.task";
/** Of the container that holds an allocation's network: the allocation's id. */
export const LABEL_HOLDER = "dev.drover.holder";
