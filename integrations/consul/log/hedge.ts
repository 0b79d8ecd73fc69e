/**
 * A read that is asked again, beside itself, while there is no answer: the first one counts.
 *
 * Asked while it has no leader, Consul holds a request and looks for one ever more rarely (0.4 s, 0.9 s, 1.8 s … apart): what is asked once the leader
 * is there is answered at once, what was asked before it seconds later.
 */
import type { Clock } from "#ports";

const AGAIN_MS = 300;
const ASKED_MAX = 7;

/** Rejects with the last refusal, when all that were asked have failed; nobody is asked any more after a refusal. */
export function hedged<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let asked = 0;
    let failed = 0;
    let isOver = false;
    const once = (): void => {
      asked += 1;
      const again = asked < ASKED_MAX ? clock.after(AGAIN_MS, () => (isOver ? undefined : once())) : undefined;
      ask().then(
        (answer) => {
          isOver = true;
          again?.cancel();
          resolve(answer);
        },
        (thrown: unknown) => {
          isOver = true;
          failed += 1;
          again?.cancel();
          if (failed === asked) reject(thrown as Error);
        },
      );
    };
    once();
  });
}
