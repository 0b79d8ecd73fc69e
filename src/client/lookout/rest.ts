/** A wait that can be cut short. A wake that comes while nobody waits ends the next wait at once: none is missed. */
import type { Clock } from "#ports";

export class Rest {
  readonly #clock: Clock;
  #woken = false;
  #end: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Infinity: until woken. Rejects with the signal's reason. One at a time. */
  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#woken && delayMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = delayMs === Number.POSITIVE_INFINITY ? undefined : this.#clock.after(Math.min(delayMs, TIMER_MAX_MS), resolve);
      this.#end = resolve;
      signal.addEventListener("abort", resolve as () => void, { once: true });
      await promise;
      signal.removeEventListener("abort", resolve as () => void);
      this.#end = undefined;
      timer?.cancel();
      signal.throwIfAborted();
    }
    this.#woken = false;
  }

  wake(): void {
    this.#woken = true;
    this.#end?.();
  }
}

const TIMER_MAX_MS = 2 ** 31 - 1;
