/** A digest of everything the tables hold. Keys are sorted, absent and undefined are one: only content counts, not how it came about. */
import { createHash, type Hash } from "node:crypto";
import type { Job } from "#model";
import type { Outcome } from "./contract.ts";
import { marksOf } from "./marks.ts";
import type { Tables } from "./tables/tables.ts";

export function digestOf(tables: Tables): string {
  const hash = createHash("sha256");
  const add = (value: unknown) => void hash.update(canonical(value)).update("\n");
  const specs = new Map<Job, string>();
  add([tables.index, tables.time, tables.tableIndexes, tables.schedulerConfiguration]);
  hash.update("jobs\n");
  for (const { job, versions, summary } of tables.jobs.values()) {
    add([job, summary, versions.map(({ spec, shown, submission }) => [spec, marksOf({ spec, shown }), submission])]);
  }
  addAll(hash, "nodes", tables.nodes.values());
  addAll(hash, "evaluations", tables.evaluations.values());
  addAll(hash, "deployments", tables.deployments.values());
  addAll(hash, "active deployments", tables.activeDeploymentByJob.range());
  addAll(hash, "namespaces", tables.namespaces.values());
  addAll(hash, "node pools", tables.nodePools.values());
  addAll(hash, "scaling events", tables.scalingEvents.range());
  addAll(hash, "launches", tables.launches.values());
  addAll(hash, "past", tables.past.range());
  addAll(hash, "services", tables.services.values());
  addAll(hash, "root keys", tables.rootKeys.values());
  addAll(hash, "variables", tables.variables.values());
  addAll(hash, "restart turns", tables.restartTurns.values());
  addAll(hash, "acl policies", tables.acl.policies.values());
  addAll(hash, "acl roles", tables.acl.roles.values());
  addAll(hash, "acl tokens", tables.acl.tokens.values());
  addAll(hash, "acl auth methods", tables.acl.authMethods.values());
  addAll(hash, "acl binding rules", tables.acl.bindingRules.values());
  addAll(hash, "one-time tokens", tables.acl.oneTimeTokens.values());
  addAll(hash, "acl bootstrap", tables.acl.bootstrap.values());
  addAll(hash, "tallies", tables.tallies.range());
  hash.update("allocations\n");
  for (const { Job: spec, ...rest } of tables.allocations.values()) {
    let digest = specs.get(spec);
    if (digest === undefined) {
      digest = createHash("sha256").update(canonical(spec)).digest("hex");
      specs.set(spec, digest);
    }
    add({ ...rest, Job: digest });
  }
  // Where neither is, digests are those of before there were any.
  if (tables.leadership !== undefined || tables.leap > 0) add([tables.leadership ?? null, tables.leap]);
  if (tables.autopilotConfiguration.ModifyIndex > 0) add(tables.autopilotConfiguration);
  for (const [part, { RestoreID, Data, Ends }] of tables.restoreParts.range()) {
    add([part, RestoreID, Ends]);
    hash.update(Data);
  }
  hash.update("outcomes\n");
  for (const [requestId, outcome] of tables.outcomes.range()) add([requestId, settled(outcome)]);
  return hash.digest("hex");
}

/** A fault's reason is the engine's wording, which may differ between versions of it. */
function settled(outcome: Outcome): unknown {
  return outcome.ok || outcome.code !== "fault" ? outcome : { ...outcome, reason: "" };
}

function addAll(hash: Hash, name: string, values: Iterable<unknown>): void {
  hash.update(name).update("\n");
  for (const value of values) hash.update(canonical(value)).update("\n");
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const record = value as Record<string, unknown>;
  const parts: string[] = [];
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) parts.push(`${JSON.stringify(key)}:${canonical(record[key])}`);
  }
  return `{${parts.join(",")}}`;
}
