/**
 * Blocking queries and change notices. A waiter is registered before the index is looked at, in one turn of the loop, so nothing can
 * change unseen in between (F2); an index below the table's own answers at once, and no table's index is below 1 (F3).
 */
import type { Clock } from "#ports";
import type { Change, TableName, Watch } from "./contract.ts";
import type { TableIndexes } from "./tables/tables.ts";

interface Waiter {
  readonly tables: readonly TableName[];
  readonly index: number;
  readonly wake: (changed: boolean) => void;
}

export class Watchers implements Watch {
  readonly #clock: Clock;
  readonly #indexes: () => TableIndexes;
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(clock: Clock, indexes: () => TableIndexes) {
    this.#clock = clock;
    this.#indexes = indexes;
  }

  changed(tables: readonly TableName[], index: number, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (changed: boolean) => {
        this.#waiters.delete(waiter);
        timer?.cancel();
        signal?.removeEventListener("abort", abort);
        resolve(changed);
      };
      const abort = () => finish(false);
      const waiter: Waiter = { tables, index, wake: finish };
      this.#waiters.add(waiter);
      const timer = waitMs > 0 ? this.#clock.after(waitMs, abort) : undefined;
      signal?.addEventListener("abort", abort, { once: true });
      if (moved(waiter, this.#indexes())) finish(true);
      else if (waitMs <= 0 || signal?.aborted === true) finish(false);
    });
  }

  subscribe(listener: (change: Change) => void): () => void {
    // A wrapper, so that one function may be subscribed twice.
    const entry = (change: Change) => listener(change);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** After an apply. A listener's failure is its own: the others hear of the change, and the process of the failure. */
  announce(change: Change): void {
    const indexes = this.#indexes();
    // Lists of their own: who is woken leaves the set.
    const waiters = [...this.#waiters];
    const listeners = [...this.#listeners];
    for (const waiter of waiters) if (moved(waiter, indexes)) waiter.wake(true);
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}

function moved(waiter: Waiter, indexes: TableIndexes): boolean {
  return waiter.tables.some((table) => indexes[table] > waiter.index);
}
