/**
 * The wall clock, never going back within the process, and never standing still: after the system's time was set back it goes on, a tenth slower,
 * until that has caught up. Whoever waits for a time (a lease that is due) waits no longer for that.
 */
import type { Clock } from "#ports";

const CATCHING_UP = 0.9;

/** `keepAlive`: do timers keep the process running? */
export function createHostClock(options: { readonly keepAlive?: boolean } = {}): Clock {
  const keepAlive = options.keepAlive === true;
  let latestMs = Date.now();
  let lookedAtMs = performance.now();
  const nowMs = (): number => {
    const passedMs = performance.now() - lookedAtMs;
    lookedAtMs += passedMs;
    latestMs = Math.max(latestMs + Math.max(0, passedMs) * CATCHING_UP, Date.now());
    return Math.floor(latestMs);
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
