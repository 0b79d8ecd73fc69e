/**
 * Restart turns: which allocations may be down now because of what their templates hold. One lives as long as nobody gave it back, its
 * allocation has not ended on its node, and its node is believed to be there.
 */
import type { Allocation, AllocationId, NodeId } from "#model";
import type { HeldTurn } from "./contract.ts";
import type { Draft } from "./draft.ts";
import type { Tables } from "./tables/tables.ts";

type Of = Pick<HeldTurn, "Namespace" | "JobID" | "TaskGroup">;

/** Turns of a group have keys that begin so. */
export function turnsOfGroup({ Namespace, JobID, TaskGroup }: { readonly [Key in keyof Of]: string }): string {
  return `${Namespace}\u0000${JobID}\u0000${TaskGroup}\u0000`;
}

export function turnKey(of: { readonly [Key in keyof Of]: string }, id: string): string {
  return turnsOfGroup(of) + id;
}

export function putTurn(draft: Draft, allocation: Allocation): void {
  const turn: HeldTurn = {
    AllocationID: allocation.ID,
    Namespace: allocation.Namespace,
    JobID: allocation.JobID,
    TaskGroup: allocation.TaskGroup,
    NodeID: allocation.NodeID,
    CreateIndex: draft.index,
    CreateTime: draft.time,
  };
  draft.set(draft.tables.restartTurns, turnKey(turn, turn.AllocationID), turn, "restart-turns");
}

export function dropTurn(draft: Draft, allocation: Of & { readonly ID: AllocationId }): void {
  // Most entries see none at all.
  if (draft.tables.restartTurns.size === 0) return;
  const key = turnKey(allocation, allocation.ID);
  if (draft.tables.restartTurns.has(key)) draft.delete(draft.tables.restartTurns, key, "restart-turns");
}

/** Their number is that of what is being restarted just now. */
export function dropTurnsOfNode(draft: Draft, node: NodeId): void {
  // A list of its own: dropping writes to what is gone through.
  const turns = [...draft.tables.restartTurns.range()].filter(([, turn]) => turn.NodeID === node);
  for (const [key] of turns) draft.delete(draft.tables.restartTurns, key, "restart-turns");
}

/** One that is read back. */
export function indexTurn(tables: Tables, turn: HeldTurn): void {
  tables.restartTurns.set(turnKey(turn, turn.AllocationID), turn);
}
