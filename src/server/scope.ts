/**
 * Time and news for a while: what is lent to the parts of a leadership is taken back when that is over, all of it, whatever a part that could
 * not even start has left behind. From then on no timer and no change of the state wakes any of them.
 */
import { facade, type Cluster } from "#cluster";
import type { Clock, Timer } from "#ports";
import type { State } from "#state";

export interface Scope {
  readonly clock: Clock;
  readonly cluster: Cluster;
  close(): void;
}

const NEVER: Timer = { cancel: () => undefined };

export function createScope(clock: Clock, cluster: Cluster): Scope {
  const { state } = cluster;
  const timers = new Set<Timer>();
  const subscriptions = new Set<() => void>();
  let closed = false;

  function after(delayMs: number, run: () => void): Timer {
    if (closed) return NEVER;
    const inner = clock.after(delayMs, () => {
      timers.delete(timer);
      run();
    });
    const timer: Timer = {
      cancel() {
        timers.delete(timer);
        inner.cancel();
      },
    };
    timers.add(timer);
    return timer;
  }

  const subscribe: State["watch"]["subscribe"] = (listener) => {
    if (closed) return () => undefined;
    const inner = state.watch.subscribe(listener);
    const end = () => {
      if (subscriptions.delete(end)) inner();
    };
    subscriptions.add(end);
    return end;
  };

  return {
    clock: { nowMs: () => clock.nowMs(), nowNs: () => clock.nowNs(), sleep: (delayMs) => clock.sleep(delayMs), after },
    cluster: facade(cluster, { state: withWatch(state, { changed: (...asked) => state.watch.changed(...asked), subscribe }) }),
    close() {
      closed = true;
      for (const timer of Array.from(timers)) timer.cancel();
      for (const end of Array.from(subscriptions)) end();
    },
  };
}

function withWatch(state: State, watch: State["watch"]): State {
  return {
    get index() {
      return state.index;
    },
    get logIndex() {
      return state.logIndex;
    },
    get time() {
      return state.time;
    },
    get leadership() {
      return state.leadership;
    },
    outcomeOf: (requestId) => state.outcomeOf(requestId),
    snapshot: () => state.snapshot(),
    apply: (index, envelope) => state.apply(index, envelope),
    watch,
    events: state.events,
    save: () => state.save(),
    load: (chunks) => state.load(chunks),
    digest: () => state.digest(),
    digesting: () => state.digesting(),
    get recordCount() {
      return state.recordCount;
    },
  };
}
