/**
 * What one allocation of a system job is to its node and group now. First rule that applies. nomad.md §6.6.
 *
 *   over        nobody counts it: another may be placed on its node
 *   done        sysbatch that has run in this version (or was stopped): its node gets no other
 *   forgotten   told to stop, but its node went down before it could say that it had: mark it lost
 *   lost        its node is down, gone, or silent and the group does not wait for silent nodes
 *   silent      its node is silent, and the group waits for it: unknown; known already, or to be noted
 *   leaving     somebody asked it to go (`alloc stop`, drain): stopped, and nothing placed there now
 *   frozen      its node takes nothing new (ineligible, draining): kept as it is
 *   outdated    frozen, but the job has changed: stopped
 *   unwanted    its node is not one the job wants any more (datacenter, pool, constraints): stopped
 *   changed     of an older version: to be updated
 *   current     nothing to do
 */
import { clientTerminal, serverTerminal } from "#model";
import type { Allocation, Job, Node, TaskGroup } from "#model";

export type Standing =
  | "over"
  | "done"
  | "forgotten"
  | "lost"
  | "silent"
  | "leaving"
  | "frozen"
  | "outdated"
  | "unwanted"
  | "changed"
  | "current";

export interface StandingInput {
  readonly job: Job;
  readonly group: TaskGroup;
  readonly nodeOf: (id: string) => Node | undefined;
  /** Ready, eligible, not draining, of the job's pool and datacenters. */
  readonly isTarget: (node: Node) => boolean;
  /** Passes the constraints of this version. */
  readonly isFeasible: (node: Node) => boolean;
  /** In the job's pool and datacenters, whatever its state. */
  readonly isMeant: (node: Node) => boolean;
  /** Unix nanoseconds. */
  readonly nowNs: number;
}

export function standingOf(allocation: Allocation, input: StandingInput): Standing {
  const { job } = input;
  const node = input.nodeOf(allocation.NodeID);
  const status = node?.Status ?? "down";
  if (clientTerminal(allocation) || serverTerminal(allocation)) {
    if (!clientTerminal(allocation) && status === "down") return "forgotten";
    const hadItsTurn = job.Type === "sysbatch" && allocation.DesiredStatus !== "evict" && isCurrent(allocation.Job, job);
    return hadItsTurn ? "done" : "over";
  }
  if (node === undefined || status === "down") return "lost";
  if (status === "disconnected") return waitsForSilent(allocation, input) ? "silent" : "lost";
  if (allocation.DesiredTransition.Migrate === true) return "leaving";
  if (!input.isMeant(node)) return "unwanted";
  const changed = !isCurrent(allocation.Job, job);
  if (!input.isTarget(node)) return changed ? "outdated" : "frozen";
  if (!changed) return "current";
  return input.isFeasible(node) ? "changed" : "unwanted";
}

/** Nanoseconds a silent node's allocations of the group may come back in; 0: they are lost at once. */
export function patienceOf(group: TaskGroup): number {
  return group.Disconnect?.LostAfter ?? group.MaxClientDisconnect ?? 0;
}

/** When it was taken for unknown; undefined when it is not. */
export function silentSince(allocation: Allocation): number | undefined {
  if (allocation.ClientStatus !== "unknown") return undefined;
  return allocation.AllocStates.findLast((change) => change.Value === "unknown")?.Time;
}

/** What had not begun to run is lost at once: nothing of it would come back. */
function waitsForSilent(allocation: Allocation, { group, nowNs }: StandingInput): boolean {
  const patience = patienceOf(group);
  if (patience <= 0 || allocation.ClientStatus === "pending") return false;
  const since = silentSince(allocation);
  return since === undefined || nowNs < since + patience;
}

/** Placed with the version that is wanted. */
export function isCurrent(placed: Job, wanted: Job): boolean {
  return placed === wanted || (placed.JobModifyIndex === wanted.JobModifyIndex && placed.CreateIndex === wanted.CreateIndex);
}
