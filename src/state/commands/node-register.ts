/**
 * A node says what it is: new, or again after a restart. What the servers know of it (eligibility, drain, events, creation)
 * stays. Allocations that were taken for unknown stay so until the node speaks of them: the scheduler then knows both. A node pool that
 * does not exist comes to be.
 */
import { type Node, NODE_EVENTS_MAX, type NodeEvent } from "#model";
import type { Command } from "../contract.ts";
import type { Draft } from "../draft.ts";
import type { Refusal } from "../entry.ts";
import { putNodePool } from "./node-pools-upsert.ts";

type NodeRegister = Extract<Command, { type: "node-register" }>;

export function applyNodeRegister(draft: Draft, command: NodeRegister): Refusal | undefined {
  const stored = draft.tables.nodes.get(command.Node.ID);
  const message =
    stored === undefined
      ? "Node registered"
      : stored.Status === "down" || stored.Status === "disconnected"
        ? "Node re-registered"
        : undefined;
  const event =
    message === undefined ? null : { Message: message, Subsystem: "Cluster", Details: {}, Timestamp: timestamp(draft), CreateIndex: 0 };
  draft.putNode({
    ...command.Node,
    SchedulingEligibility: stored?.SchedulingEligibility ?? command.Node.SchedulingEligibility,
    DrainStrategy: stored === undefined ? command.Node.DrainStrategy : stored.DrainStrategy,
    LastDrain: stored === undefined ? command.Node.LastDrain : stored.LastDrain,
    Events: withEvent(draft, stored?.Events ?? [], event),
    StatusUpdatedAt: stored?.Status === command.Node.Status ? stored.StatusUpdatedAt : seconds(draft),
    CreateIndex: stored?.CreateIndex ?? draft.index,
    ModifyIndex: draft.index,
  });
  const pool = command.Node.NodePool;
  if (draft.version > 1 && pool !== "" && !draft.tables.nodePools.has(pool)) {
    putNodePool(draft, { Name: pool, Description: "", Meta: {}, SchedulerConfiguration: null, CreateIndex: 0, ModifyIndex: 0 });
  }
  for (const evaluation of command.Evaluations) draft.putEvaluation(evaluation);
  return undefined;
}

/** The newest NODE_EVENTS_MAX, newest last. */
export function withEvent(draft: Draft, events: Node["Events"], event: NodeEvent | null): Node["Events"] {
  return event === null ? events : [...events, { ...event, CreateIndex: draft.index }].slice(-NODE_EVENTS_MAX);
}

/** Unix seconds of the entry. */
export function seconds(draft: Draft): number {
  return Math.floor(draft.time / 1e9);
}

/** RFC 3339 of the entry. */
function timestamp(draft: Draft): string {
  return new Date(draft.time / 1e6).toISOString();
}
