/**
 * Until when each node is believed to be there. Knows deadlines only; what follows from a missed one is for
 * reconcilers/lost-nodes.ts.
 *
 *   arm(node) ──► deadline = now + TTL + grace ──► due(now) names it (once) ──► lost
 *
 * The TTL grows with the number of nodes so that servers get at most `heartbeatsPerSecondMax`, and is spread at random so that
 * they do not come together. nomad.md §7.
 *
 * A server that was stopped itself (suspended machine, a long stall) has heard nobody meanwhile and must not blame the nodes: when a
 * wake-up comes far too late, everybody gets a fresh deadline (F4).
 */
import { createHeap } from "#std";
import type { Clock, Random, Timer } from "#ports";
import type { NodeId } from "#model";

export interface HeartbeatPolicy {
  readonly ttlMinMs: number;
  readonly graceMs: number;
  readonly heartbeatsPerSecondMax: number;
}
export const DEFAULT_HEARTBEAT_POLICY: HeartbeatPolicy = { ttlMinMs: 10_000, graceMs: 10_000, heartbeatsPerSecondMax: 50 };

/** A wake-up later than this shows that the server was not running. */
const STALLED_MS = 5_000;

export interface Heartbeats {
  /** A sign of life: the answer is the time within which the next is wanted. `atLeastMs`: it is believed for that long in any case. */
  arm(id: NodeId, atLeastMs?: number): number;
  /** Believed gone already, or forgotten: no deadline. */
  disarm(id: NodeId): void;
  readonly armed: number;
  close(): void;
}

/** The time within which a node is to send its next heartbeat. */
export function heartbeatTtlMs(policy: HeartbeatPolicy, nodeCount: number, random: Random): number {
  const base = Math.max(policy.ttlMinMs, (nodeCount / policy.heartbeatsPerSecondMax) * 1000);
  return Math.round(base + random.fraction() * base);
}

export function createHeartbeats(options: {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: HeartbeatPolicy;
  readonly nodeCount: () => number;
  /** Deadlines passed: called with those nodes, which are disarmed. */
  readonly onMissed: (ids: readonly NodeId[]) => void;
}): Heartbeats {
  const { clock, random, policy, nodeCount, onMissed } = options;
  const deadlines = new Map<NodeId, number>();
  const order = createHeap<{ readonly id: NodeId; readonly atMs: number }>((a, b) => a.atMs < b.atMs);
  let timer: Timer | undefined;
  let timerAtMs = Infinity;
  let closed = false;

  function schedule(): void {
    // Entries whose node has shown life since are stale: drop them here, not at their time.
    for (let top = order.peek(); top !== undefined && deadlines.get(top.id) !== top.atMs; top = order.peek()) order.pop();
    const next = order.peek();
    if (next === undefined || next.atMs >= timerAtMs) return;
    timer?.cancel();
    timerAtMs = next.atMs;
    timer = clock.after(Math.max(0, next.atMs - clock.nowMs()), wake);
  }

  function wake(): void {
    const nowMs = clock.nowMs();
    const lateMs = nowMs - timerAtMs;
    timerAtMs = Infinity;
    if (lateMs > STALLED_MS) {
      for (const id of deadlines.keys()) arm(id);
    } else {
      const missed: NodeId[] = [];
      for (let top = order.peek(); top !== undefined && top.atMs <= nowMs; top = order.peek()) {
        order.pop();
        if (deadlines.get(top.id) !== top.atMs) continue;
        deadlines.delete(top.id);
        missed.push(top.id);
      }
      if (missed.length > 0) onMissed(missed);
    }
    schedule();
  }

  function arm(id: NodeId, atLeastMs = 0): number {
    const ttlMs = heartbeatTtlMs(policy, nodeCount(), random);
    if (closed) return ttlMs;
    const atMs = clock.nowMs() + Math.max(ttlMs, atLeastMs) + policy.graceMs;
    deadlines.set(id, atMs);
    order.push({ id, atMs });
    schedule();
    return ttlMs;
  }

  return {
    arm,
    disarm(id) {
      deadlines.delete(id);
    },
    get armed() {
      return deadlines.size;
    },
    close() {
      closed = true;
      timer?.cancel();
      deadlines.clear();
    },
  };
}
