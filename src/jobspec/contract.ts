/** What the jobspec room promises: text → Job, Job → admitted Job, two Jobs → diff. */
import type { DesiredUpdates, Job, JobDiff } from "#model";

/** A place in a source text. Lines and columns count from 1, columns in characters. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** One line: what is wrong. */
  readonly summary: string;
  /** How to mend it, or more of it; may be "". */
  readonly detail: string;
  readonly start: Position;
  readonly end: Position;
}

export interface ParseRequest {
  readonly text: string;
  /** Shown in errors; relative paths in file() start at its folder. */
  readonly fileName: string;
  /** `-var k=v`, in order. */
  readonly variables?: readonly string[];
  /** `-var-file`: name and text, in order. */
  readonly variableFiles?: readonly { readonly name: string; readonly text: string }[];
  /** Environment, for NOMAD_VAR_*. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Undeclared variables are errors (default) or warnings. */
  readonly strict?: boolean;
  /** file() and friends read the disk; false (HTTP API): they are refused. */
  readonly allowFileFunctions: boolean;
}
export interface ParseResult {
  /** API JSON: `{ID, TaskGroups: […]}`, only the fields the author wrote; not yet canonical. */
  readonly job: Record<string, unknown>;
  readonly warnings: readonly Diagnostic[];
  /** Variables that took their value from the environment: name → text. With the request's own it can be parsed again elsewhere. */
  readonly environmentVariables: Readonly<Record<string, string>>;
  /**
   * Paths of the texts that hold values of `sensitive` variables, as placeOf's: `TaskGroups[0].Tasks[0].Env["PASSWORD"]`, with
   * `[2:9]` behind where only a part of the text does (UTF-16 units). Whoever sends the job to the servers sends them along (`Sensitive`), and
   * they seal those texts.
   */
  readonly sensitive: readonly string[];
  readonly sensitiveVariables: readonly string[];
  /** The request's texts as they may be kept and shown: without values of sensitive variables. */
  readonly shown: { readonly text: string; readonly variableFiles: readonly string[] };
  /**
   * Where a field of the job was written, by the path admission calls it (`TaskGroups[0].Tasks[0].Driver`): the innermost part of
   * the path that was written at all.
   */
  readonly placeOf: (path: string) => { readonly start: Position; readonly end: Position } | undefined;
}

export interface AdmissionContext {
  readonly defaultNamespace: string;
  readonly defaultRegion: string;
  /** job_default_priority 50, job_max_priority 100, job_max_count 50000. */
  readonly priorityDefault: number;
  readonly priorityMax: number;
  readonly countMax: number;
  /** May jobs of this node pool use memory_max? Absent: no. */
  readonly memoryOversubscription?: (nodePool: string) => boolean;
  /** job_max_source_size: a larger source is not kept. Absent: 1 MiB. */
  readonly sourceBytesMax?: number;
  /** What services and tasks that say nothing show to Consul; absent or null: nothing, they are registered with the agents' own token. */
  readonly consul?: { readonly serviceIdentity: DefaultIdentity | null; readonly taskIdentity: DefaultIdentity | null };
  /** vault { … } of the servers' configuration; absent: none, tasks with a `vault` block are refused. */
  readonly vault?: { readonly defaultIdentity: DefaultIdentity | null };
  /** Does a job of the namespace offer a service of that name? Absent: nobody can say, and upstreams are not looked up. */
  readonly knownServices?: (namespace: string, name: string) => boolean;
  /** function_denylist of templates. Absent: Nomad's. */
  readonly templateFunctionsDenied?: readonly string[];
}

/** consul { service_identity, task_identity } of the servers' configuration. */
export interface DefaultIdentity {
  readonly aud: readonly string[];
  readonly ttlNs: number;
  readonly env: boolean;
  readonly file: boolean;
  readonly filepath: string;
  readonly extraClaims: Readonly<Record<string, string>>;
}
export interface Admitted {
  readonly job: Job;
  /** Non-fatal issues, one sentence each. */
  readonly warnings: readonly string[];
}
export type Annotate = (diff: JobDiff, updates: Readonly<Record<string, DesiredUpdates>>) => JobDiff;
