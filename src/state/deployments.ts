/**
 * Writing deployments: the record, the indexes beside it, and the counters that follow from allocations. nomad.md §6.10.
 *
 *   an allocation joins (placed, or updated in place into it)   PlacedAllocs + 1; a canary into PlacedCanaries; the first one
 *                                                               starts the progress deadline
 *   a verdict comes or turns                                    HealthyAllocs, UnhealthyAllocs; a healthy one moves the deadline on
 *
 * An allocation that leaves (moved on to a newer deployment, reaped) stays counted: the counters tell what happened.
 */
import assert from "node:assert/strict";
import {
  type Allocation,
  type AllocationId,
  type Deployment,
  deploymentActive,
  type DeploymentGroup,
  type DeploymentId,
  jobKey,
} from "#model";
import type { Entry } from "./entry.ts";
import { padded } from "./padded.ts";
import type { Tables } from "./tables/tables.ts";

/** Stamped. An active one is its job's only one: the caller has seen to that. */
export function putDeployment(entry: Entry, given: Deployment): void {
  const { tables, journal } = entry;
  const before = tables.deployments.get(given.ID);
  const deployment: Deployment = {
    ...given,
    CreateIndex: before?.CreateIndex ?? entry.index,
    CreateTime: before?.CreateTime ?? entry.time,
    ModifyIndex: entry.index,
    ModifyTime: entry.time,
  };
  entry.set(tables.deployments, deployment.ID, deployment, "deployments");
  entry.deployments.set(deployment.ID, deployment);
  if (before === undefined) journal.setIn(tables.deploymentsByJob, keyOf(deployment), orderKey(deployment), deployment.ID);
  const active = deploymentActive(deployment);
  if (active === (before !== undefined && deploymentActive(before))) return;
  if (active) {
    journal.set(tables.activeDeploymentByJob, keyOf(deployment), deployment.ID);
    journal.set(tables.activeDeployments, deployment.ID, deployment.ID);
  } else {
    journal.delete(tables.activeDeploymentByJob, keyOf(deployment));
    journal.delete(tables.activeDeployments, deployment.ID);
  }
  entry.touchJob({ Namespace: deployment.Namespace, ID: deployment.JobID });
}

/** Only one that is over. */
export function dropDeployment(entry: Entry, deployment: Deployment): void {
  assert.ok(!deploymentActive(deployment), `deployment "${deployment.ID}" is over`);
  entry.delete(entry.tables.deployments, deployment.ID, "deployments");
  entry.deployments.delete(deployment.ID);
  entry.journal.deleteIn(entry.tables.deploymentsByJob, keyOf(deployment), orderKey(deployment));
}

/** The indexes of a deployment that is read back. */
export function indexDeployment(tables: Tables, deployment: Deployment): void {
  tables.deployments.set(deployment.ID, deployment);
  tables.deploymentsByJob.set(keyOf(deployment), orderKey(deployment), deployment.ID);
  if (!deploymentActive(deployment)) return;
  tables.activeDeploymentByJob.set(keyOf(deployment), deployment.ID);
  tables.activeDeployments.set(deployment.ID, deployment.ID);
}

/** RFC 3339: so many nanoseconds after the entry. */
export function deadlineFrom(entry: Entry, nanoseconds: number): string {
  return new Date((entry.time + nanoseconds) / 1e6).toISOString();
}

/** What an entry's allocations mean for one group's counters. */
interface GroupCounts {
  placed: number;
  healthy: number;
  unhealthy: number;
  /** Turned healthy at least once. */
  progressed: boolean;
  readonly canaries: AllocationId[];
}

/** Collects while a command writes; one write a deployment when the entry is settled. */
export class DeploymentCounts {
  readonly #counts = new Map<DeploymentId, Map<string, GroupCounts>>();

  note(before: Allocation | undefined, after: Allocation): void {
    const id = after.DeploymentID;
    if (id === "") return;
    const joins = before?.DeploymentID !== id;
    const verdictBefore = joins ? null : (before?.DeploymentStatus?.Healthy ?? null);
    const verdict = after.DeploymentStatus?.Healthy ?? null;
    if (!joins && verdictBefore === verdict) return;
    const counts = this.#group(id, after.TaskGroup);
    if (joins) counts.placed++;
    if (joins && after.DeploymentStatus?.Canary === true) counts.canaries.push(after.ID);
    counts.healthy += (verdict === true ? 1 : 0) - (verdictBefore === true ? 1 : 0);
    counts.unhealthy += (verdict === false ? 1 : 0) - (verdictBefore === false ? 1 : 0);
    if (verdict === true) counts.progressed = true;
  }

  store(entry: Entry): void {
    for (const [id, groups] of this.#counts) {
      const deployment = entry.tables.deployments.get(id);
      if (deployment === undefined) continue;
      const TaskGroups = { ...deployment.TaskGroups };
      let changed = false;
      for (const [name, counts] of groups) {
        const group = Object.hasOwn(TaskGroups, name) ? TaskGroups[name] : undefined;
        if (group === undefined) continue;
        TaskGroups[name] = counted(entry, group, counts);
        changed = true;
      }
      if (changed) putDeployment(entry, { ...deployment, TaskGroups });
    }
    this.#counts.clear();
  }

  #group(id: DeploymentId, name: string): GroupCounts {
    let groups = this.#counts.get(id);
    if (groups === undefined) this.#counts.set(id, (groups = new Map()));
    let counts = groups.get(name);
    if (counts === undefined) groups.set(name, (counts = { placed: 0, healthy: 0, unhealthy: 0, progressed: false, canaries: [] }));
    return counts;
  }
}

function counted(entry: Entry, group: DeploymentGroup, counts: GroupCounts): DeploymentGroup {
  const starts = counts.placed > 0 && group.RequireProgressBy === null;
  const moves = group.ProgressDeadline > 0 && (starts || counts.progressed);
  return {
    ...group,
    PlacedAllocs: group.PlacedAllocs + counts.placed,
    HealthyAllocs: group.HealthyAllocs + counts.healthy,
    UnhealthyAllocs: group.UnhealthyAllocs + counts.unhealthy,
    PlacedCanaries: counts.canaries.length === 0 ? group.PlacedCanaries : [...group.PlacedCanaries, ...counts.canaries],
    RequireProgressBy: moves ? deadlineFrom(entry, group.ProgressDeadline) : group.RequireProgressBy,
  };
}

function keyOf(deployment: Deployment): string {
  return jobKey({ Namespace: deployment.Namespace, ID: deployment.JobID });
}

function orderKey(deployment: Deployment): string {
  return `${padded(deployment.CreateIndex)}\u0000${deployment.ID}`;
}
