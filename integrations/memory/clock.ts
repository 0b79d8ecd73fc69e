/** Time that passes only when told to. Tasks run in the order of their times, those of one time in the order they were asked for. */
import type { Clock, Timer } from "#ports";

export interface VirtualClock extends Clock {
  /** Moves time on, running what falls due on the way; between tasks, promises get to settle. */
  advance(byMs: number): Promise<void>;
  /** Tasks not yet run. */
  readonly pending: number;
}

interface Task {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** `startMs`: unix milliseconds. */
export function createVirtualClock(startMs = 1_700_000_000_000): VirtualClock {
  let nowMs = startMs;
  let order = 0;
  const tasks = new Set<Task>();
  const after = (delayMs: number, run: () => void): Timer => {
    const task: Task = { dueMs: nowMs + Math.max(0, delayMs), order: order++, run };
    tasks.add(task);
    return { cancel: () => void tasks.delete(task) };
  };
  const nextDue = (limitMs: number): Task | undefined => {
    let first: Task | undefined;
    for (const task of tasks) {
      if (task.dueMs > limitMs) continue;
      if (first === undefined || task.dueMs < first.dueMs || (task.dueMs === first.dueMs && task.order < first.order)) first = task;
    }
    return first;
  };
  return {
    nowMs: () => nowMs,
    nowNs: () => nowMs * 1e6,
    after,
    sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    get pending() {
      return tasks.size;
    },
    async advance(byMs) {
      const limitMs = nowMs + byMs;
      await settled();
      for (let task = nextDue(limitMs); task !== undefined; task = nextDue(limitMs)) {
        tasks.delete(task);
        nowMs = task.dueMs;
        task.run();
        await settled();
      }
      nowMs = limitMs;
    },
  };
}

/** A turn of the event loop: everything that can go on without time passing has. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
