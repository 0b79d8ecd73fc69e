/**
 * The way to the lock and back.
 *
 *   session opened ──► held by another: wait ──► free, for anybody or for me ──► acquired ──► read again that it is mine ──► leads
 *                         ▲    free, another is named: SUCCESSOR_MS at most ─┘       └── refused, and yet free: a new session
 *                         └─────────────────────── taken by another ─────────────────┘
 *
 * The watch says who holds it and who is named; a read of one's own is made only where it has said nothing for a while.
 */
import { type Clock, type SharedLeader, SUCCESSOR_MS } from "#ports";
import { messageOf } from "#std";
import { ConsulProblem } from "../problem.ts";
import type { LockWatch } from "./lock-watch.ts";
import type { Sessions } from "./session.ts";
import type { HeadRead, LockRead, Store, StoredHead } from "./store.ts";

export interface LockOptions {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly watch: LockWatch;
  readonly clock: Clock;
  /** Tries again until there is an answer. Rejects with the signal's reason, and with anything but ConsulProblem. */
  readonly insist: <T>(signal: AbortSignal, ask: () => Promise<T>) => Promise<T>;
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly report: (message: string) => void;
  /** The handle was closed. */
  readonly stopped: AbortSignal;
}

export interface Held {
  readonly session: string;
  readonly head: StoredHead;
  readonly version: number;
}

export interface Lock {
  /** Waits until it holds the lock; tries again for ever. Rejects with the signal's reason. */
  campaign(self: SharedLeader, signal: AbortSignal): Promise<Held>;
  /** Gives it back, for `successorId` to take if one is named. */
  giveBack(session: string, successorId?: string): Promise<void>;
}

/** The watch may be behind: looked at itself so often. */
const LOOK_MS = 1_000;
const RETRY_FIRST_MS = 25;
const RETRY_MAX_MS = 500;

/** What is known of the lock, and what the watch said when that was asked for. */
interface Known {
  readonly lock: LockRead;
  readonly told: LockRead;
}

export function lockOf({ store, sessions, watch, clock, insist, pause, report, stopped }: LockOptions): Lock {
  /** Of the handover seen last: since when it is known. */
  let handover = { index: 0, sinceMs: 0 };
  const holdBackMs = ({ successorId, index }: LockRead, self: string): number => {
    if (successorId === undefined) return 0;
    if (handover.index !== index) handover = { index, sinceMs: clock.nowMs() };
    return successorId === self ? 0 : Math.max(0, handover.sinceMs + SUCCESSOR_MS - clock.nowMs());
  };
  // Also seen by who is not campaigning yet.
  watch.whenChanged(() => void holdBackMs(watch.lock, ""));

  const told = (): Known => ({ lock: watch.lock, told: watch.lock });
  async function look(): Promise<Known> {
    const before = watch.lock;
    return { lock: await store.lock(), told: before };
  }
  /** Until it may be taken, as far as is known: it is free, and nobody else is waited for. */
  async function free(from: Known, self: string, signal: AbortSignal): Promise<void> {
    for (let known = from; ;) {
      const waitMs = known.lock.session === "" ? holdBackMs(known.lock, self) : LOOK_MS;
      if (waitMs === 0) return;
      const isTold = await changed(known, Math.min(waitMs, LOOK_MS), signal);
      signal.throwIfAborted();
      known = isTold ? told() : await look();
    }
  }
  /** true: the watch has said something since; false: nothing came in time. */
  function changed(known: Known, limitMs: number, signal: AbortSignal): Promise<boolean> {
    if (watch.lock !== known.told) return Promise.resolve(true);
    return new Promise((resolve) => {
      const over = (isTold: boolean): void => {
        leave();
        timer.cancel();
        signal.removeEventListener("abort", aborted);
        resolve(isTold);
      };
      const aborted = (): void => over(false);
      const leave = watch.whenChanged(() => over(true));
      const timer = clock.after(limitMs, () => over(false));
      signal.addEventListener("abort", aborted, { once: true });
    });
  }
  /** Holds the lock, or knows why not. */
  async function attempt(self: SharedLeader, session: string, signal: AbortSignal): Promise<HeadRead | undefined> {
    let known = watch.lock.index > 0 ? told() : await look();
    for (;;) {
      await free(known, self.ServerId, signal);
      signal.throwIfAborted();
      if (await store.acquire(session, self)) break;
      known = await look();
      if (known.lock.session === session) break;
      // Free, and yet refused: the session is gone (this process hung), or the lock is delayed.
      if (known.lock.session === "" && holdBackMs(known.lock, self.ServerId) === 0) return undefined;
    }
    const read = await store.head();
    const lock = await store.lock();
    return lock.session === session ? read : undefined;
  }
  /** What does not get through is said again until it does: a session that stays holds the lock for a server that does not lead. */
  async function giveBack(session: string, successorId?: string): Promise<void> {
    // Unheard it is anybody's.
    if (successorId !== undefined) await store.release(session, successorId).catch(() => undefined);
    const end = (): Promise<void> =>
      sessions.end(session).catch((thrown: unknown) => {
        if (!(thrown instanceof ConsulProblem) || thrown.passes) throw thrown;
        report(`Cannot give leadership back: ${thrown.message}`);
      });
    await end().catch(() => void insist(stopped, end).catch(() => undefined));
  }

  return {
    async campaign(self, signal) {
      for (let retryMs = RETRY_FIRST_MS; ; retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)) {
        signal.throwIfAborted();
        let session: string | undefined;
        try {
          // Nobody leads what is not there.
          while ((await insist(signal, () => store.head())).head === null) await pause(RETRY_MAX_MS, signal);
          session = await sessions.open(signal);
          const read = await attempt(self, session, signal);
          signal.throwIfAborted();
          if (read?.head !== null && read?.head !== undefined) return { session, head: read.head, version: read.version };
          await giveBack(session);
        } catch (thrown) {
          if (session !== undefined) await giveBack(session);
          signal.throwIfAborted();
          if (!(thrown instanceof ConsulProblem)) throw thrown;
          report(`Cannot campaign for leadership: ${messageOf(thrown)}`);
        }
        await pause(retryMs, signal);
      }
    },
    giveBack,
  };
}
