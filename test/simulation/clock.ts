/** The clock of simulations: virtual time, with room between two tasks for the longest chain of a whole cluster (log, link, loops). */
import { createVirtualClock, type VirtualClock } from "#integrations/memory";

export type SimulatedClock = VirtualClock;

/** So many tasks for no later than now, one after the other, are a loop that never ends. */
const AT_ONCE_MAX = 20_000;

export function createSimulatedClock(startMs: number = Date.UTC(2026, 0, 1)): SimulatedClock {
  const clock = createVirtualClock({ startMs, settleTurns: 12 });
  let atMs = -1;
  let atOnce = 0;
  function after(delayMs: number, run: () => void): ReturnType<VirtualClock["after"]> {
    if (clock.nowMs() > atMs) atOnce = 0;
    atMs = clock.nowMs();
    if (delayMs <= 0 && ++atOnce > AT_ONCE_MAX)
      throw new Error(`time stands still: over and over again at ${new Date(atMs).toISOString()}`);
    return clock.after(delayMs, run);
  }
  return {
    nowMs: () => clock.nowMs(),
    nowNs: () => clock.nowNs(),
    after,
    sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    settle: () => clock.settle(),
    advance: (byMs) => clock.advance(byMs),
    get pending() {
      return clock.pending;
    },
  };
}
