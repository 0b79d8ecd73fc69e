/**
 * Workers plan on snapshots, and what another worker's plan is about to fill looks empty until it is committed. Small plans seldom
 * meet; two large ones, both packing the best nodes first, would lose against each other node by node. So while `inFlightMax`
 * changes are on their way to the log the others wait for their turn: evaluations still interleave, pass by pass.
 */
export interface Turns {
  /** Resolves when another plan may be made. First come, first served. */
  wait(): Promise<void>;
  /** A plan of so many changes is on its way; call the answer once, when it has arrived. */
  depart(changes: number): () => void;
}

export function createTurns(inFlightMax: number): Turns {
  let inFlight = 0;
  const waiting: (() => void)[] = [];
  return {
    wait() {
      if (inFlight < inFlightMax && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
    depart(changes) {
      inFlight += changes;
      return () => {
        inFlight -= changes;
        if (inFlight >= inFlightMax) return;
        // One at a time: it will have departed, or found nothing to do, when the next one looks.
        waiting.shift()?.();
      };
    },
  };
}
