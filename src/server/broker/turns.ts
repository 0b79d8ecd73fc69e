/**
 * Workers plan on snapshots, and what another worker's plan is about to fill looks empty until it is committed. Small plans seldom
 * meet; two large ones, both packing the best nodes first, would lose against each other node by node. So while `inFlightMax`
 * changes are on their way to the log the others wait for their turn: evaluations still interleave, pass by pass.
 *
 *   await turn() ──► look, plan, depart(n) in one go, without awaiting ──► n in flight ──► arrived() ──► all that wait look again
 */
import { setImmediate as nextTurnOfTheLoop } from "node:timers/promises";

export interface Turns {
  /**
   * Resolves, in a turn of the event loop of its own, when another plan may be made. Whoever is woken and finds nothing to plan need
   * not say so: nothing is held.
   */
  turn(): Promise<void>;
  /** A plan of so many changes is on its way; call the answer once, when it has arrived. */
  depart(changes: number): () => void;
}

export function createTurns(inFlightMax: number): Turns {
  let inFlight = 0;
  let waiting: (() => void)[] = [];
  return {
    async turn() {
      for (;;) {
        await nextTurnOfTheLoop();
        if (inFlight < inFlightMax) return;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    depart(changes) {
      inFlight += changes;
      return () => {
        inFlight -= changes;
        if (inFlight >= inFlightMax) return;
        const woken = waiting;
        waiting = [];
        for (const wake of woken) wake();
      };
    },
  };
}
