/** At most so many at once; the others wait their turn in the order they came. */
export class Gate {
  readonly #most: number;
  #inside = 0;
  readonly #queue: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Rejects with the signal's reason when it aborts before the turn has come; what has begun is not disturbed. */
  async pass<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    signal.throwIfAborted();
    if (this.#inside < this.#most) this.#inside++;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      // The place is handed on, or is free.
      const next = this.#queue.shift();
      if (next === undefined) this.#inside--;
      else next();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      const place = this.#queue.indexOf(enter);
      if (place >= 0) this.#queue.splice(place, 1);
      reject(signal.reason as Error);
    };
    const enter = () => {
      signal.removeEventListener("abort", abort);
      resolve();
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#queue.push(enter);
    return promise;
  }
}
