/** A stream that shows it is alive: a beat goes out whenever nothing else did for `everyMs`. */
import type { Clock } from "#ports";

/**
 * The source's values, with `beat` in between. `firstAfterMs`: the first beat comes this soon, so that the head of the answer goes
 * out though the source has nothing to say yet, while what is wrong with the request still gets a status of its own.
 */
export async function* beating<T>(
  source: AsyncIterable<T>,
  how: { readonly beat: T; readonly firstAfterMs: number; readonly everyMs: number; readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let waitMs = how.firstAfterMs;
  let pending: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      pending ??= iterator.next();
      const step = await within(pending, waitMs, how.clock, how.signal);
      waitMs = how.everyMs;
      if (step === "aborted") return;
      if (step === "late") {
        yield how.beat;
        continue;
      }
      pending = undefined;
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    pending?.catch(() => undefined);
    // Not awaited: a source in the middle of a wait ends by the signal.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function within<T>(promise: Promise<T>, waitMs: number, clock: Clock, signal: AbortSignal): Promise<T | "late" | "aborted"> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(waitMs, () => settle(() => resolve("late")));
    const abort = () => settle(() => resolve("aborted"));
    const settle = (act: () => void) => {
      timer.cancel();
      signal.removeEventListener("abort", abort);
      act();
    };
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
