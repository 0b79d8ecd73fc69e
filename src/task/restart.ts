/**
 * May the task run again, and when? Pure. nomad.md §2.6.
 *
 *   exit ─► killed ─────────────────────────────► stop
 *        ─► a restart was asked for ────────────► again at once, uncounted
 *        ─► no attempts allowed ────────────────► done if it ended well and need not run for ever, else fail
 *        ─► (a new interval begins: the count is 0 again)
 *        ─► it can never start ─────────────────► fail
 *        ─► it ended well and need not go on ───► done
 *        ─► more than `attempts` in this interval: mode fail ─► fail; mode delay ─► again when the interval is over
 *        ─► otherwise ──────────────────────────► again after delay + up to a quarter of it
 */
import { formatDuration } from "#std";
import { RESTART_WITHIN_POLICY } from "./events.ts";

/** RestartPolicy with every field set. Durations in nanoseconds. */
export interface RestartRules {
  readonly attempts: number;
  readonly intervalNs: number;
  readonly delayNs: number;
  readonly mode: "fail" | "delay";
  /** Ending well is a reason to run again: a service, not a batch. */
  readonly onSuccess: boolean;
}

export interface RestartCount {
  readonly count: number;
  /** Unix nanoseconds; 0 before the first end. */
  readonly intervalStartedAt: number;
}

export const NO_RESTARTS: RestartCount = { count: 0, intervalStartedAt: 0 };

export interface RestartQuestion {
  readonly nowNs: number;
  readonly killed: boolean;
  /** The reason somebody gave who asked for a restart; undefined: nobody did. */
  readonly asked: string | undefined;
  readonly succeeded: boolean;
  /** The task could not be started, and trying again cannot help. */
  readonly hopeless: boolean;
  /** [0, 1) */
  readonly jitter: number;
}

export type RestartDecision =
  | { readonly what: "stop" }
  | { readonly what: "done" }
  | { readonly what: "fail"; readonly reason: string }
  | { readonly what: "again"; readonly delayNs: number; readonly reason: string };

const UNRECOVERABLE = "Error was unrecoverable";
const NONE_ALLOWED = "Policy allows no restarts";
const DELAYED = "Exceeded allowed attempts, applying a delay";

export function decideRestart(
  rules: RestartRules,
  before: RestartCount,
  question: RestartQuestion,
): { readonly count: RestartCount; readonly decision: RestartDecision } {
  if (question.killed) return { count: before, decision: { what: "stop" } };
  if (question.asked !== undefined) {
    return { count: before, decision: { what: "again", delayNs: 0, reason: question.asked } };
  }
  const finished = question.succeeded && !rules.onSuccess;
  if (rules.attempts === 0) {
    if (finished) return { count: before, decision: { what: "done" } };
    return { count: before, decision: { what: "fail", reason: NONE_ALLOWED } };
  }
  const fresh = before.intervalStartedAt === 0 || question.nowNs - before.intervalStartedAt > rules.intervalNs;
  const window = fresh ? { count: 0, intervalStartedAt: question.nowNs } : before;
  if (question.hopeless) return { count: window, decision: { what: "fail", reason: UNRECOVERABLE } };
  if (finished) return { count: window, decision: { what: "done" } };
  const count = { count: window.count + 1, intervalStartedAt: window.intervalStartedAt };
  if (count.count > rules.attempts) {
    if (rules.mode === "fail") {
      const reason = `Exceeded allowed attempts ${rules.attempts} in interval ${formatDuration(rules.intervalNs)} and mode is "fail"`;
      return { count, decision: { what: "fail", reason } };
    }
    const delayNs = Math.max(0, window.intervalStartedAt + rules.intervalNs - question.nowNs);
    return { count, decision: { what: "again", delayNs, reason: DELAYED } };
  }
  const delayNs = rules.delayNs + Math.floor((rules.delayNs / 4) * question.jitter);
  return { count, decision: { what: "again", delayNs, reason: RESTART_WITHIN_POLICY } };
}
