/**
 * When to try again after a failure. What may be over in a moment (nobody answers, a token is gone) is tried soon, what somebody has to mend
 * first (a policy, a path) slowly; both with chance, so that those who failed together do not come back together. Nothing is given up (F51).
 */
import type { Random } from "#ports";
import { NamedError } from "#std";

const SOON = { firstMs: 250, maxMs: 30_000 };
const SLOWLY = { firstMs: 5_000, maxMs: 60_000 };
const TO_BE_MENDED = new Set(["THING_DENIED", "THING_INVALID", "TOKEN_REFUSED", "TOKEN_UNPREPARED", "IDENTITY_REFUSED", "FACT_NOT_KEPT"]);

export class Pace {
  readonly #random: Random;
  #speed = SOON;
  #tries = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** How long to wait now, in milliseconds. */
  waitMs(thrown: unknown): number {
    const speed = TO_BE_MENDED.has(codeOf(thrown)) ? SLOWLY : SOON;
    if (speed !== this.#speed) this.#tries = 0;
    this.#speed = speed;
    const wait = Math.min(speed.firstMs * 2 ** this.#tries, speed.maxMs);
    if (wait < speed.maxMs) this.#tries++;
    return wait * (0.75 + this.#random.fraction() / 4);
  }

  reset(): void {
    this.#tries = 0;
  }
}

export function codeOf(thrown: unknown): string {
  return thrown instanceof NamedError ? thrown.code : "";
}

/** It is this token that does not do; another may. */
export function isTokenTrouble(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === "THING_TOKEN_UNKNOWN" || code === "THING_DENIED" || code === "TOKEN_REFUSED";
}

/** For people, with how to mend it. */
export function problemOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown instanceof NamedError && thrown.fix !== undefined ? `${thrown.message}. ${thrown.fix}` : thrown.message;
}
