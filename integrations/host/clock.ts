/** The wall clock, never going back within the process: after the system's time was set back it stands still until passed again. */
import type { Clock } from "#ports";

/** `keepAlive`: do timers keep the process running? */
export function createHostClock(options: { readonly keepAlive?: boolean } = {}): Clock {
  const keepAlive = options.keepAlive === true;
  let latestMs = 0;
  const nowMs = (): number => {
    latestMs = Math.max(latestMs, Date.now());
    return latestMs;
  };
  const start = (delayMs: number, task: () => void): NodeJS.Timeout => {
    // setTimeout turns longer ones into 1 ms.
    const timer = setTimeout(task, Math.min(Math.max(0, delayMs), 2 ** 31 - 1));
    if (!keepAlive) timer.unref();
    return timer;
  };
  return {
    nowMs,
    nowNs: () => nowMs() * 1e6,
    after(delayMs, task) {
      const timer = start(delayMs, task);
      return { cancel: () => clearTimeout(timer) };
    },
    sleep: (delayMs) => new Promise((resolve) => void start(delayMs, resolve)),
  };
}
