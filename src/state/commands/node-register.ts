/** A node says what it is: new, or again after a restart. What the servers know of it (eligibility, events, creation) stays. */
import { type Node, NODE_EVENTS_MAX, type NodeEvent } from "#model";
import type { Command } from "../contract.ts";
import type { Draft, Refusal } from "../draft.ts";

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
    Events: withEvent(draft, stored?.Events ?? [], event),
    StatusUpdatedAt: stored?.Status === command.Node.Status ? stored.StatusUpdatedAt : seconds(draft),
    CreateIndex: stored?.CreateIndex ?? draft.index,
    ModifyIndex: draft.index,
  });
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
