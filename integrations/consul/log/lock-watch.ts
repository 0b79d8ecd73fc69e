/** Who leads, as far as is known here: one blocking query on the lock's key. */
import type { Clock, SharedLeader } from "#ports";
import { hedged } from "./hedge.ts";
import type { LockRead, Store } from "./store.ts";

export interface LockWatch {
  /** Index 0: nothing was heard yet. */
  readonly lock: LockRead;
  /** Called after every change of holder or value; returns how to leave. */
  whenChanged(listener: () => void): () => void;
}

export interface LockWatchOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly insist: <T>(signal: AbortSignal, ask: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
  readonly waitMs: number;
}

export function watchLock({ store, clock, insist, signal, waitMs }: LockWatchOptions): LockWatch {
  let lock: LockRead = { session: "", leader: undefined, successorId: undefined, index: 0 };
  const listeners = new Set<() => void>();
  const run = async (): Promise<void> => {
    for (let index = 0; ;) {
      const asked = index;
      const found = await insist(signal, () => {
        const ask = (): Promise<LockRead> => store.lockAfter(asked, waitMs, signal);
        return asked === 0 ? hedged(clock, ask) : ask();
      });
      index = found.index < asked ? 0 : found.index;
      const isSame = found.session === lock.session && found.successorId === lock.successorId && sameLeader(found.leader, lock.leader);
      lock = found;
      if (!isSame) for (const listener of Array.from(listeners)) listener();
    }
  };
  // Ends only when it is told to.
  run().catch(() => undefined);
  return {
    get lock() {
      return lock;
    },
    whenChanged(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

export function sameLeader(a: SharedLeader | undefined, b: SharedLeader | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
