/**
 * The noun everything is about. A Job is what its author wants; the property names are the API's own, the `hcl` notes say how
 * a job file writes them. nomad.md §1.2.
 *
 *   Job ── TaskGroups[] ── Tasks[]
 *
 * A Job in the state is canonical (every field set, see jobspec/admit) and immutable.
 */
import Type, { type Static } from "typebox";
import { block, blocks, flag, labelled, maybeText, text, textMap, texts, whole } from "./field.ts";
import { TaskGroup } from "./group.ts";
import { JobId, type Namespace } from "./ids.ts";
import { affinities, constraints, spreads } from "./placement.ts";
import { MigrateStrategy, ParameterizedJob, PeriodicConfig, ReschedulePolicy, UpdateStrategy } from "./policy.ts";

export const JOB_TYPES = ["service", "batch", "system", "sysbatch"] as const;
export type JobType = (typeof JOB_TYPES)[number];
export type JobStatus = "pending" | "running" | "dead";

export const UiLink = Type.Object({ Label: text({ hcl: "label" }), URL: text({ hcl: "url" }) });
export const JobUi = Type.Object({
  Description: text({ hcl: "description" }),
  Links: blocks(UiLink, { hcl: "link" }),
});

export const VersionTag = Type.Object({ Name: text(), Description: text(), TaggedTime: whole() });

export const MultiregionStrategy = Type.Object({
  MaxParallel: whole({ hcl: "max_parallel" }),
  OnFailure: text({ hcl: "on_failure" }),
});
export const MultiregionRegion = Type.Object({
  Name: text(),
  Count: whole({ hcl: "count", default: 1 }),
  Datacenters: texts({ hcl: "datacenters" }),
  NodePool: text({ hcl: "node_pool" }),
  Meta: textMap({ hcl: "meta" }),
});
export const Multiregion = Type.Object({
  Strategy: block(MultiregionStrategy, { hcl: "strategy" }),
  Regions: labelled(MultiregionRegion, { hcl: "region", label: "Name" }),
});

export const Job = Type.Object({
  ID: JobId,
  Name: text({ hcl: "name" }),
  Namespace: Type.Unsafe<Namespace>(text({ hcl: "namespace" })),
  Region: text({ hcl: "region" }),
  Type: text({ hcl: "type" }),
  Priority: whole({ hcl: "priority" }),
  AllAtOnce: flag({ hcl: "all_at_once" }),
  Datacenters: texts({ hcl: "datacenters" }),
  NodePool: text({ hcl: "node_pool" }),
  Constraints: constraints(),
  Affinities: affinities(),
  Spreads: spreads(),
  TaskGroups: labelled(TaskGroup, { hcl: "group", label: "Name" }),
  Update: block(UpdateStrategy, { hcl: "update" }),
  Multiregion: block(Multiregion, { hcl: "multiregion" }),
  Periodic: block(PeriodicConfig, { hcl: "periodic" }),
  ParameterizedJob: block(ParameterizedJob, { hcl: "parameterized" }),
  Reschedule: block(ReschedulePolicy, { hcl: "reschedule" }),
  Migrate: block(MigrateStrategy, { hcl: "migrate" }),
  Meta: textMap({ hcl: "meta", change: "destroy" }),
  ConsulToken: text({ hcl: "consul_token", hidden: true }),
  VaultToken: text({ hcl: "vault_token", hidden: true }),
  UI: block(JobUi, { hcl: "ui" }),
  // What servers know of it.
  Stop: flag({ server: true }),
  ParentID: text({ server: true }),
  Dispatched: flag({ server: true }),
  DispatchIdempotencyToken: text({ server: true }),
  Payload: maybeText({ server: true }),
  ConsulNamespace: text({ server: true }),
  VaultNamespace: text({ server: true }),
  NomadTokenID: text({ server: true }),
  Status: text({ server: true }),
  StatusDescription: text({ server: true }),
  Stable: flag({ server: true }),
  Version: whole({ server: true }),
  VersionTag: block(VersionTag, { server: true }),
  /** Unix nanoseconds. As a double this is exact to 256 ns, which no one can tell. */
  SubmitTime: whole({ server: true }),
  CreateIndex: whole({ server: true }),
  ModifyIndex: whole({ server: true }),
  JobModifyIndex: whole({ server: true }),
});
export type Job = Static<typeof Job>;

/** The source a job was submitted from, kept per version. */
export const JobSubmission = Type.Object({
  Source: text(),
  Format: text(),
  VariableFlags: textMap(),
  Variables: text(),
});
export type JobSubmission = Static<typeof JobSubmission>;

/** Counts of one group's allocations by what they are doing. */
export interface GroupSummary {
  Queued: number;
  Complete: number;
  Failed: number;
  Running: number;
  Starting: number;
  Lost: number;
  Unknown: number;
}

export interface JobSummary {
  readonly JobID: JobId;
  readonly Namespace: Namespace;
  readonly Summary: Readonly<Record<string, Readonly<GroupSummary>>>;
  readonly Children: { readonly Pending: number; readonly Running: number; readonly Dead: number };
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** A key no two jobs share. */
export function jobKey(job: { readonly Namespace: string; readonly ID: string }): string {
  return `${job.Namespace}\u0000${job.ID}`;
}

/** Others are dispatched from it. (What was dispatched still shows what it was dispatched from.) */
export function isParameterized(job: Pick<Job, "ParameterizedJob" | "Dispatched">): boolean {
  return job.ParameterizedJob !== null && !job.Dispatched;
}

/** It runs nothing itself: children are launched from it, by time or by request. */
export function launchesChildren(job: Pick<Job, "Periodic" | "ParameterizedJob" | "Dispatched">): boolean {
  return job.Periodic !== null || isParameterized(job);
}

/** Time launches children of it. */
export function periodicActive(job: Pick<Job, "Periodic" | "ParameterizedJob" | "Dispatched" | "Stop">): boolean {
  return job.Periodic !== null && job.Periodic.Enabled && !job.Stop && !isParameterized(job);
}
