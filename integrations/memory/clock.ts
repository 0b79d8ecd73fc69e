/**
 * Time that passes only when told to. Tasks run in the order of their times, those of one time in the order they were asked for, and
 * between two tasks everything happens that needs no time: a day passes in moments, and in the same order every time.
 */
import type { Clock, Timer } from "#ports";
import { createHeap } from "#std";

export interface VirtualClock extends Clock {
  /** Moves time on, running what falls due on the way. */
  advance(byMs: number): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  /** Tasks not yet run. */
  readonly pending: number;
}

export interface VirtualClockOptions {
  /** Unix milliseconds. */
  readonly startMs?: number;
  /** Turns of the event loop after which whatever can happen without time has happened: as many as the longest chain of them. */
  readonly settleTurns?: number;
}

interface Task {
  readonly dueMs: number;
  readonly order: number;
  /** undefined: cancelled. */
  run: (() => void) | undefined;
}

export function createVirtualClock({ startMs = 1_700_000_000_000, settleTurns = 1 }: VirtualClockOptions = {}): VirtualClock {
  let nowMs = startMs;
  let order = 0;
  let pending = 0;
  const tasks = createHeap<Task>((a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order));

  function after(delayMs: number, run: () => void): Timer {
    const task: Task = { dueMs: nowMs + Math.max(0, delayMs), order: order++, run };
    tasks.push(task);
    pending++;
    return {
      cancel() {
        if (task.run !== undefined) pending--;
        task.run = undefined;
      },
    };
  }
  async function settle(): Promise<void> {
    for (let turn = 0; turn < settleTurns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  return {
    nowMs: () => nowMs,
    nowNs: () => nowMs * 1e6,
    after,
    sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    settle,
    get pending() {
      return pending;
    },
    async advance(byMs) {
      const limitMs = nowMs + byMs;
      await settle();
      for (let task = tasks.peek(); task !== undefined && task.dueMs <= limitMs; task = tasks.peek()) {
        tasks.pop();
        const { run } = task;
        if (run === undefined) continue;
        task.run = undefined;
        pending--;
        nowMs = Math.max(nowMs, task.dueMs);
        run();
        await settle();
      }
      nowMs = limitMs;
      await settle();
    },
  };
}
