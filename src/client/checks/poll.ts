/**
 * Asks a catalog how the checks stand that it runs itself: often while somebody waits for a verdict, quicker than at rest while one that
 * may restart a task is not well, else as often as the registrar looks; not at all without any.
 */
import type { Catalog, CheckStanding, Clock, Random, Timer } from "#ports";

export type Pace = "attended" | "worried" | "rest" | "none";

export interface PollNeeds {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly pace: () => Pace;
  readonly seen: (standings: ReadonlyMap<string, CheckStanding>) => void;
  /** It has not answered for a while: what was seen last is old. */
  readonly blind: () => void;
}

const PACE_MS = { attended: 500, worried: 1_000, rest: 5_000 } as const;
const BLIND_AFTER = 3;

export class StandingPoll {
  readonly #needs: PollNeeds;
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;
  #asking = false;
  #failures = 0;
  #closed = false;

  constructor(needs: PollNeeds) {
    this.#needs = needs;
  }

  /** The pace may have changed. */
  arm(): void {
    const { clock, pace, random } = this.#needs;
    const now = pace();
    if (now === "none" || this.#closed) {
      this.close(this.#closed);
      return;
    }
    if (this.#asking) return;
    const atMs = clock.nowMs() + PACE_MS[now] * (now === "rest" ? 0.8 + random.fraction() / 5 : 1);
    // Sooner, never later: whoever asks again and again does not put it off.
    if (this.#timer !== undefined && this.#atMs <= atMs) return;
    this.#timer?.cancel();
    this.#atMs = atMs;
    this.#timer = clock.after(atMs - clock.nowMs(), () => {
      this.#timer = undefined;
      void this.#ask();
    });
  }

  close(forGood = true): void {
    this.#closed = forGood;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    const answer = this.#needs.catalog.checks();
    if (answer === undefined) return;
    this.#asking = true;
    try {
      const standings = await answer;
      this.#failures = 0;
      if (!this.#closed) this.#needs.seen(standings);
    } catch {
      if (++this.#failures === BLIND_AFTER && !this.#closed) this.#needs.blind();
    } finally {
      this.#asking = false;
    }
    this.arm();
  }
}
