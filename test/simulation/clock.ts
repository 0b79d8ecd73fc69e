/**
 * Simulated time: stands still until told to go on. `advance` runs what falls due in order, and lets everything that is already
 * possible happen first (turns of the event loop), so that a day passes in moments and in the same order every time.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, Timer } from "#ports";

export interface SimulatedClock extends Clock {
  /** Lets `ms` pass. */
  advance(ms: number): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
}

/** Turns of the event loop after which whatever can happen without time has happened. */
const SETTLE_TURNS = 12;

export function createSimulatedClock(startMs: number = Date.UTC(2026, 0, 1)): SimulatedClock {
  let nowMs = startMs;
  let sequence = 0;
  const timers = new Map<number, { readonly atMs: number; readonly task: () => void }>();

  function after(delayMs: number, task: () => void): Timer {
    const id = sequence++;
    timers.set(id, { atMs: nowMs + Math.max(0, delayMs), task });
    return { cancel: () => void timers.delete(id) };
  }
  async function settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn++) await nextTurn();
  }
  function nextDue(untilMs: number): number | undefined {
    let found: number | undefined;
    let foundAtMs = Infinity;
    for (const [id, { atMs }] of timers) {
      if (atMs <= untilMs && atMs < foundAtMs) [found, foundAtMs] = [id, atMs];
    }
    return found;
  }

  return {
    nowMs: () => nowMs,
    nowNs: () => nowMs * 1e6,
    after,
    sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    settle,
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let id = nextDue(untilMs); id !== undefined; id = nextDue(untilMs)) {
        const timer = timers.get(id) as { readonly atMs: number; readonly task: () => void };
        timers.delete(id);
        nowMs = Math.max(nowMs, timer.atMs);
        timer.task();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
  };
}
