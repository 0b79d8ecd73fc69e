/** max_run_duration: rings when an allocation has run for as long as it may. The limit may change while it runs. nomad.md §1.3. */
import type { Clock, Timer } from "#ports";

export interface RunLimitNeeds {
  readonly clock: Clock;
  /** Unix nanoseconds; undefined: it may run for ever. */
  readonly endsAtNs: () => number | undefined;
  readonly over: () => void;
}

/** The longest a timer of the host can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class RunLimit {
  readonly #needs: RunLimitNeeds;
  #timer: Timer | undefined;
  #armedForNs: number | undefined;

  constructor(needs: RunLimitNeeds) {
    this.#needs = needs;
  }

  /** The limit, or what it counts from, may have changed. */
  look(): void {
    const endsAtNs = this.#needs.endsAtNs();
    if (this.#timer !== undefined && endsAtNs === this.#armedForNs) return;
    this.stop();
    if (endsAtNs === undefined) return;
    const restMs = Math.ceil((endsAtNs - this.#needs.clock.nowNs()) / 1e6);
    if (restMs <= 0) {
      this.#needs.over();
      return;
    }
    this.#armedForNs = endsAtNs;
    this.#timer = this.#needs.clock.after(Math.min(restMs, TIMER_MAX_MS), () => {
      this.#timer = undefined;
      this.look();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
