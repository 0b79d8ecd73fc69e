/**
 * check_restart: when do failures of a check restart its task? Pure. nomad.md §2.8.
 *
 *   grace ──► (passing) ◄────────── passing ─────────┐
 *                 │ unhealthy                         │
 *                 ▼                                   │
 *              counting ── `limit` in a row ──► restart, and everything anew from the task's next start
 *
 * The node's own checks are counted by their results. Of checks that somebody else runs only the standing is seen now and then: one that
 * has stood for `interval` counts once more.
 */
import type { CheckInstance, CheckStatus } from "#ports";

export interface FailureCount {
  /** When the task (all tasks, of a group's check) began this life; Unix nanoseconds. */
  readonly startedAtNs: number;
  readonly failures: number;
  /** The first of them; 0 without any. */
  readonly sinceNs: number;
}

export interface CheckSeen {
  readonly status: CheckStatus;
  /** A result, or a look at how it stands. */
  readonly what: "result" | "standing";
  readonly nowNs: number;
  /** undefined: it does not run now. */
  readonly startedAtNs: number | undefined;
}

export const NO_FAILURES: FailureCount = { startedAtNs: 0, failures: 0, sinceNs: 0 };

export function stepFailures(
  before: FailureCount,
  seen: CheckSeen,
  check: Pick<CheckInstance, "Restart" | "IntervalNs">,
): { readonly count: FailureCount; readonly restart: boolean } {
  const rules = check.Restart;
  const { startedAtNs, nowNs, status } = seen;
  if (rules === null || startedAtNs === undefined) return { count: NO_FAILURES, restart: false };
  const fresh: FailureCount = { startedAtNs, failures: 0, sinceNs: 0 };
  const current = before.startedAtNs === startedAtNs ? before : fresh;
  const unhealthy = status === "critical" || (status === "warning" && !rules.IgnoreWarnings);
  if (!unhealthy || nowNs < startedAtNs + rules.GraceNs) return { count: fresh, restart: false };
  const sinceNs = current.failures === 0 ? nowNs : current.sinceNs;
  const stood = seen.what === "standing" ? 1 + Math.floor((nowNs - sinceNs) / Math.max(1, check.IntervalNs)) : current.failures + 1;
  const count: FailureCount = { startedAtNs, failures: Math.max(current.failures, stood), sinceNs };
  // The life that was restarted is never restarted again: the next one counts from its own start.
  return count.failures >= rules.Limit ? { count: fresh, restart: true } : { count, restart: false };
}
