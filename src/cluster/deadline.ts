/** What has not happened in time is given up: the answer is refused, the work goes on by itself. */
import type { Clock } from "#ports";

export function within<T>(clock: Clock, limitMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(Math.max(0, limitMs), () => reject(late()));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** Resolves after so long, or as soon as the signal aborts. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.after(delayMs, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** As `work`, unless the signal aborts first. Leaves nothing on the signal: it may live long. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>, refusal: () => Error): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(refusal());
  }
  return new Promise<T>((resolve, reject) => {
    const over = (): void => reject(refusal());
    signal.addEventListener("abort", over, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", over));
  });
}
