/** Node pools go, all of those named or none. One with nodes or living jobs stays. nomad.md §7. */
import type { NodePool } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { isBuiltIn } from "./node-pools-upsert.ts";

type NodePoolsDelete = Extract<Command, { type: "node-pools-delete" }>;

export function applyNodePoolsDelete(draft: Draft, command: NodePoolsDelete): Refusal | undefined {
  const { nodePools } = draft.tables;
  for (const name of command.Names) {
    const cannot = `Cannot delete node pool "${name}"`;
    if (isBuiltIn(name)) return { code: "invalid", reason: `${cannot}: it is built in` };
    if (!nodePools.has(name)) return { code: "missing", reason: `${cannot}: no such node pool` };
    const user = userOf(draft, name);
    if (user !== undefined) return { code: "invalid", reason: `${cannot}: ${user}` };
  }
  for (const name of new Set(command.Names)) {
    draft.goneNodePools.push(nodePools.get(name) as NodePool);
    draft.delete(nodePools, name, "node-pools");
  }
  return undefined;
}

function userOf(draft: Draft, pool: string): string | undefined {
  for (const node of draft.tables.nodes.values()) if (node.NodePool === pool) return `node "${node.Name}" is in it`;
  for (const { job } of draft.tables.jobs.values()) {
    if (job.NodePool === pool && job.Status !== "dead") return `job "${job.ID}" in namespace "${job.Namespace}" uses it and is not dead`;
  }
  return undefined;
}
