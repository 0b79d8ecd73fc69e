/**
 * Nodes whose placements are refused again and again by the plan check: something about them is not as the scheduler sees it. When
 * asked to (plan_rejection_tracker, off by default), such a node is closed for new allocations, so that the jobs go elsewhere and a
 * person sees why (F6). Pure; time is an argument. nomad.md §6.7.
 *
 *   refused ──► counted within the window ──► threshold ──► may another node be closed? ──► closed, once
 *                                                              (BURST at once, then NODES_MAX per 30 minutes)
 */
import type { NodeId } from "#model";

export interface RejectionPolicy {
  readonly enabled: boolean;
  /** Refusals within the window. */
  readonly nodeThreshold: number;
  readonly nodeWindowMs: number;
}
/** nomad.md §5.2 */
export const DEFAULT_REJECTION_POLICY: RejectionPolicy = { enabled: false, nodeThreshold: 100, nodeWindowMs: 300_000 };

const NODES_MAX = 5;
const NODES_WITHIN_MS = 30 * 60_000;
const BURST = 10;

export interface Rejections {
  /** A plan's placements on the node were refused. True: close it now. */
  refused(id: NodeId, nowMs: number): boolean;
}

export function createRejections(policy: RejectionPolicy): Rejections {
  const times = new Map<NodeId, number[]>();
  /** Nodes that may be closed; refilled with time. */
  let allowance = BURST;
  let refilledMs = Number.NEGATIVE_INFINITY;

  function mayClose(nowMs: number): boolean {
    const passedMs = nowMs - refilledMs;
    allowance = Math.min(BURST, Number.isFinite(passedMs) ? allowance + (passedMs * NODES_MAX) / NODES_WITHIN_MS : BURST);
    refilledMs = nowMs;
    if (allowance < 1) return false;
    allowance--;
    return true;
  }

  return {
    refused(id, nowMs) {
      if (!policy.enabled) return false;
      const recent = (times.get(id) ?? []).filter((atMs) => atMs > nowMs - policy.nodeWindowMs);
      recent.push(nowMs);
      times.set(id, recent);
      if (recent.length < policy.nodeThreshold || !mayClose(nowMs)) return false;
      times.delete(id);
      return true;
    },
  };
}

/** The refusal says something about the node, not about the plan's job or its names. */
export function blamesNode(reason: string): boolean {
  return !reason.startsWith("job ") && !reason.startsWith("allocation ");
}
