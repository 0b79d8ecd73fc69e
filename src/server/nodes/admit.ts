/**
 * What a node says of itself, and what servers make of it. Pure.
 *
 * Ready is the servers' word: a node is ready once it has told which drivers it has; before that nothing could be placed on it
 * anyway, and `node status` would promise too much. Eligibility, drain and events are the servers' too and survive a new description.
 */
import { isDeepStrictEqual } from "node:util";
import type { Node, NodeEvent } from "#model";
import { computedClass } from "./computed-class.ts";

export function admitNode(described: Node, stored: Node | undefined, nowMs: number): Node {
  const status = Object.keys(described.Drivers).length > 0 ? "ready" : "initializing";
  const changed = stored === undefined || stored.Status !== status;
  return {
    ...described,
    SchedulingEligibility: stored?.SchedulingEligibility ?? described.SchedulingEligibility,
    DrainStrategy: stored?.DrainStrategy ?? null,
    LastDrain: stored?.LastDrain ?? null,
    Status: status,
    StatusDescription: status === "ready" ? "" : "waiting for the node's drivers to be fingerprinted",
    StatusUpdatedAt: changed ? Math.floor(nowMs / 1000) : stored.StatusUpdatedAt,
    Events: stored?.Events ?? [],
    ComputedClass: computedClass(described),
    CreateIndex: stored?.CreateIndex ?? 0,
    ModifyIndex: stored?.ModifyIndex ?? 0,
  };
}

/** Nothing new: what is registered already says the same. */
export function sameNode(stored: Node, admitted: Node): boolean {
  return isDeepStrictEqual(forComparison(stored), forComparison(admitted));
}

/** Time stamps of unchanged drivers move with every fingerprint; they alone are no news. */
function forComparison(node: Node): unknown {
  const drivers = Object.entries(node.Drivers).map(([name, info]) => [name, { ...info, UpdateTime: "" }]);
  return { ...node, Drivers: Object.fromEntries(drivers) };
}

export function nodeEvent(message: string, subsystem: string, nowMs: number): NodeEvent {
  return { Message: message, Subsystem: subsystem, Details: {}, Timestamp: new Date(nowMs).toISOString(), CreateIndex: 0 };
}
