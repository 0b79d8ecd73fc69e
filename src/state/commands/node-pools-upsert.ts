/** Node pools are created or described anew. */
import { BUILT_IN_NODE_POOLS, type NodePool } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";

type NodePoolsUpsert = Extract<Command, { type: "node-pools-upsert" }>;

export function applyNodePoolsUpsert(draft: Draft, command: NodePoolsUpsert): Refusal | undefined {
  const fixed = command.NodePools.find(({ Name }) => isBuiltIn(Name));
  if (fixed !== undefined) return { code: "invalid", reason: `Cannot change node pool "${fixed.Name}": it is built in` };
  for (const pool of command.NodePools) putNodePool(draft, pool);
  return undefined;
}

export function isBuiltIn(name: string): boolean {
  return BUILT_IN_NODE_POOLS.some((pool) => pool.Name === name);
}

/** Stamped. */
export function putNodePool(draft: Draft, given: NodePool): void {
  const { nodePools } = draft.tables;
  const pool = { ...given, CreateIndex: nodePools.get(given.Name)?.CreateIndex ?? draft.index, ModifyIndex: draft.index };
  draft.set(nodePools, pool.Name, pool, "node-pools");
  draft.nodePools.push(pool);
}
