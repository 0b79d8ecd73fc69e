/** The clock of simulations: virtual time, with room between two tasks for the longest chain of a whole cluster (log, link, loops). */
import { createVirtualClock, type VirtualClock } from "#integrations/memory";

export type SimulatedClock = VirtualClock;

export function createSimulatedClock(startMs: number = Date.UTC(2026, 0, 1)): SimulatedClock {
  return createVirtualClock({ startMs, settleTurns: 12 });
}
