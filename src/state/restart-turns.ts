/**
 * Restart turns: which allocations may be down now because of what their templates hold. One lives as long as nobody gave it back, its
 * allocation has not ended on its node, and its node is believed to be there.
 */
import type { Allocation, AllocationId, NodeId } from "#model";
import type { HeldTurn } from "./contract.ts";
import type { Entry } from "./entry.ts";
import type { Tables } from "./tables/tables.ts";

type Of = Pick<HeldTurn, "Namespace" | "JobID" | "TaskGroup">;

/** Turns of a group have keys that begin so. */
export function turnsOfGroup({ Namespace, JobID, TaskGroup }: { readonly [Key in keyof Of]: string }): string {
  return `${Namespace}\u0000${JobID}\u0000${TaskGroup}\u0000`;
}

export function turnKey(of: { readonly [Key in keyof Of]: string }, id: string): string {
  return turnsOfGroup(of) + id;
}

export function putTurn(entry: Entry, allocation: Allocation): void {
  const turn: HeldTurn = {
    AllocationID: allocation.ID,
    Namespace: allocation.Namespace,
    JobID: allocation.JobID,
    TaskGroup: allocation.TaskGroup,
    NodeID: allocation.NodeID,
    CreateIndex: entry.index,
    CreateTime: entry.time,
  };
  entry.set(entry.tables.restartTurns, turnKey(turn, turn.AllocationID), turn, "restart-turns");
}

export function dropTurn(entry: Entry, allocation: Of & { readonly ID: AllocationId }): void {
  // Most entries see none at all.
  if (entry.tables.restartTurns.size === 0) return;
  const key = turnKey(allocation, allocation.ID);
  if (entry.tables.restartTurns.has(key)) entry.delete(entry.tables.restartTurns, key, "restart-turns");
}

/** Their number is that of what is being restarted just now. */
export function dropTurnsOfNode(entry: Entry, node: NodeId): void {
  // A list of its own: dropping writes to what is gone through.
  const turns = [...entry.tables.restartTurns.range()].filter(([, turn]) => turn.NodeID === node);
  for (const [key] of turns) entry.delete(entry.tables.restartTurns, key, "restart-turns");
}

/** One that is read back. */
export function indexTurn(tables: Tables, turn: HeldTurn): void {
  tables.restartTurns.set(turnKey(turn, turn.AllocationID), turn);
}
