/** When signed identities are signed anew. Pure. nomad.md §7 "Workload identity". */

export interface SignedSpan {
  /** Unix milliseconds on this node's clock: when the answer came. */
  readonly signedAtMs: number;
  /** From then on; null: it does not expire. Counted from the answer, so that a clock that differs from the servers' does no harm. */
  readonly lifeMs: number | null;
  /** [0, 1): drawn once, so that nodes and allocations do not all come at the same moment. */
  readonly jitter: number;
}

const RENEW_AT = 1 / 2;
const JITTER = 0.1;
/** However short they live. */
const WAIT_MIN_MS = 500;
/** The next one may be so near that they are signed together: a share of its own waiting. */
const TOGETHER = 0.1;

/** Half of its life, and up to a tenth more. */
export function renewalWaitMs({ lifeMs, jitter }: Pick<SignedSpan, "lifeMs" | "jitter">): number {
  if (lifeMs === null) return Number.POSITIVE_INFINITY;
  return Math.max(WAIT_MIN_MS, lifeMs * RENEW_AT * (1 + JITTER * jitter));
}

export function hasExpired({ signedAtMs, lifeMs }: Pick<SignedSpan, "signedAtMs" | "lifeMs">, nowMs: number): boolean {
  return lifeMs !== null && nowMs >= signedAtMs + lifeMs;
}

/** What is to be renewed now, and when to look again (null: never). */
export function decideRenewal<Key>(
  spans: ReadonlyMap<Key, SignedSpan>,
  nowMs: number,
): { readonly due: readonly Key[]; readonly nextMs: number | null } {
  const waits = [...spans].map(([key, span]) => {
    const wait = renewalWaitMs(span);
    return { key, wait, at: span.signedAtMs + wait };
  });
  const nextAt = Math.min(Number.POSITIVE_INFINITY, ...waits.map(({ at }) => at));
  if (nextAt > nowMs) return { due: [], nextMs: Number.isFinite(nextAt) ? nextAt - nowMs : null };
  return { due: waits.filter(({ at, wait }) => at - wait * TOGETHER <= nowMs).map(({ key }) => key), nextMs: null };
}
