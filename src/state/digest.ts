/**
 * A digest of everything the tables hold. Keys are sorted, absent and undefined are one: only content counts, not how it came about. In steps of
 * about a record, so that who computes it beside other work pauses when it likes: over tables that nobody writes to meanwhile.
 */
import { createHash } from "node:crypto";
import type { Job } from "#model";
import type { Outcome } from "./contract.ts";
import { marksOf } from "./marks.ts";
import type { Tables } from "./tables/tables.ts";

export function digestOf(tables: Tables): string {
  const steps = digestSteps(tables);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

export function* digestSteps(tables: Tables): Generator<undefined, string> {
  const hash = createHash("sha256");
  const add = (value: unknown): void => void hash.update(canonical(value)).update("\n");
  add([tables.index, tables.time, tables.tableIndexes, tables.schedulerConfiguration]);
  hash.update("jobs\n");
  for (const { job, versions, summary } of tables.jobs.values()) {
    add([job, summary, versions.map(({ spec, shown, submission }) => [spec, marksOf({ spec, shown }), submission])]);
    yield;
  }
  for (const [name, records] of plainTables(tables)) {
    hash.update(name).update("\n");
    for (const record of records) {
      add(record);
      yield;
    }
  }
  hash.update("allocations\n");
  const specs = new Map<Job, string>();
  for (const { Job: spec, ...rest } of tables.allocations.values()) {
    let digest = specs.get(spec);
    if (digest === undefined) {
      digest = createHash("sha256").update(canonical(spec)).digest("hex");
      specs.set(spec, digest);
    }
    add({ ...rest, Job: digest });
    yield;
  }
  // Where neither is, digests are those of before there were any.
  if (tables.leadership !== undefined || tables.leap > 0) add([tables.leadership ?? null, tables.leap]);
  if (tables.autopilotConfiguration.ModifyIndex > 0) add(tables.autopilotConfiguration);
  for (const [part, { RestoreID, Data, Ends }] of tables.restoreParts.range()) {
    add([part, RestoreID, Ends]);
    hash.update(Data);
    yield;
  }
  hash.update("outcomes\n");
  for (const [requestId, outcome] of tables.outcomes.range()) {
    add([requestId, settled(outcome)]);
    yield;
  }
  return hash.digest("hex");
}

/** Those whose records are told as they are. */
function* plainTables(tables: Tables): Generator<readonly [string, Iterable<unknown>]> {
  yield ["nodes", tables.nodes.values()];
  yield ["evaluations", tables.evaluations.values()];
  yield ["deployments", tables.deployments.values()];
  yield ["active deployments", tables.activeDeploymentByJob.range()];
  yield ["namespaces", tables.namespaces.values()];
  yield ["node pools", tables.nodePools.values()];
  yield ["scaling events", tables.scalingEvents.range()];
  yield ["launches", tables.launches.values()];
  yield ["past", tables.past.range()];
  yield ["services", tables.services.values()];
  yield ["root keys", tables.rootKeys.values()];
  yield ["variables", tables.variables.values()];
  yield ["restart turns", tables.restartTurns.values()];
  yield ["acl policies", tables.acl.policies.values()];
  yield ["acl roles", tables.acl.roles.values()];
  yield ["acl tokens", tables.acl.tokens.values()];
  yield ["acl auth methods", tables.acl.authMethods.values()];
  yield ["acl binding rules", tables.acl.bindingRules.values()];
  yield ["one-time tokens", tables.acl.oneTimeTokens.values()];
  yield ["acl bootstrap", tables.acl.bootstrap.values()];
  yield ["tallies", tables.tallies.range()];
}

/** A fault's reason is the engine's wording, which may differ between versions of it. */
function settled(outcome: Outcome): unknown {
  return outcome.ok || outcome.code !== "fault" ? outcome : { ...outcome, reason: "" };
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
