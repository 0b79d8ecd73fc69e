/**
 * Who waits for which path. A change costs what it touches: a look-up for the path and one for each beginning of it, however many wait.
 */
import type { Clock } from "#ports";
import type { Change } from "#state";

export interface PathWatch {
  /** Resolves with true when the path is written or deleted (`below`: one that begins with it), with false at the time limit or when it closes. */
  touched(of: { readonly Namespace: string; readonly Path: string; readonly below: boolean }, waitMs: number): Promise<boolean>;
  /** How many wait. */
  readonly waiting: number;
  close(): void;
}

type Wake = (touched: boolean) => void;

export function createPathWatch(
  state: { readonly watch: { subscribe(listener: (change: Change) => void): () => void } },
  clock: Pick<Clock, "after">,
): PathWatch {
  const exact = new Map<string, Set<Wake>>();
  const prefixes = new Map<string, Set<Wake>>();
  let waiting = 0;

  function wake(of: Map<string, Set<Wake>>, key: string): void {
    // Who is woken leaves the set, which a set bears.
    for (const each of of.get(key) ?? []) each(true);
  }

  function observe({ variables, goneVariables, replaced }: Change): void {
    if (waiting === 0) return;
    if (replaced === true) for (const key of [...exact.keys(), ...prefixes.keys()]) [exact, prefixes].forEach((of) => wake(of, key));
    for (const list of [variables, goneVariables]) {
      for (const { Namespace, Path } of list) {
        wake(exact, keyOf(Namespace, Path));
        if (prefixes.size === 0) continue;
        for (let length = 0; length <= Path.length; length++) wake(prefixes, keyOf(Namespace, Path.slice(0, length)));
      }
    }
  }

  const unsubscribe = state.watch.subscribe(observe);
  return {
    touched({ Namespace, Path, below }, waitMs) {
      const all = below ? prefixes : exact;
      const key = keyOf(Namespace, Path);
      return new Promise((resolve) => {
        const finish: Wake = (touched) => {
          timer.cancel();
          const set = all.get(key);
          set?.delete(finish);
          if (set?.size === 0) all.delete(key);
          waiting--;
          resolve(touched);
        };
        const set = all.get(key) ?? new Set();
        all.set(key, set.add(finish));
        waiting++;
        const timer = clock.after(waitMs, () => finish(false));
      });
    },
    get waiting() {
      return waiting;
    },
    close() {
      unsubscribe();
      for (const all of [exact, prefixes]) for (const set of all.values()) for (const each of set) each(false);
    },
  };
}

function keyOf(namespace: string, path: string): string {
  return `${namespace}\u0000${path}`;
}
