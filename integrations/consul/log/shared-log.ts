/**
 * The shared log on Consul (ports/shared-log). Consul's Raft orders and keeps it; Drover writes none of its own.
 *
 * Every append and cut is one transaction [the lock is held by my session · the head is what I last saw · here is the batch]: without the first
 * a deposed leader's late transaction would still count (measured, consul-log.md 1).
 *
 * Read next: store.ts (what lies where), lock.ts (who may lead), tenure.ts, follow.ts, session.ts, envelope.ts.
 */
import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Clock, ServerReport, SharedHead, SharedLeader, SharedLog, Tenure } from "#ports";
import type { ConsulConnection } from "../connection.ts";
import { ConsulProblem } from "../problem.ts";
import { byteCount } from "./byte-count.ts";
import { followLog } from "./follow.ts";
import { hedged } from "./hedge.ts";
import { lockOf } from "./lock.ts";
import { sameLeader, watchLock } from "./lock-watch.ts";
import { inUse, unreachable } from "./problem.ts";
import { sessionsOf, type Pulse } from "./session.ts";
import { storeOf, type HeadRead, type StoredHead } from "./store.ts";
import { consulTenure, type ConsulTenure } from "./tenure.ts";

export interface ConsulSharedLogOptions {
  readonly connection: ConsulConnection;
  /** Where in the KV; default "drover". */
  readonly prefix?: string;
  /** The cluster key: 32 bytes, AES-256-GCM. A secret. */
  readonly key: Uint8Array;
  readonly pulse: Pulse;
  readonly clock: Clock;
  /** For the operator's log: what keeps this server from the log or from leading. Not more often than it changes. */
  readonly report?: (message: string) => void;
  /** Default 0: the transactions are fenced, so nothing is won by waiting. */
  readonly lockDelayMs?: number;
  /**
   * An append unsettled for so long ends the tenure. Default 3,000: longer than Consul takes to elect (1–2.6 s), while nobody else can lead either. Who
   * replaces us does not wait for it: the session goes with our Consul agent, and what we still have on the way is fenced.
   */
  readonly settleMs?: number;
  /** Nothing heard of Consul for so long ends it too. Default 5,000. */
  readonly silenceMs?: number;
  /** On a Consul that others use too: reported once a day when more is appended. Default: never. */
  readonly dailyBytesMax?: number;
}

/** How long one wait for a change lasts. */
const WAIT_MS = 5_000;
/** Silence is broken so often, so that the age of contact is true, and a lost connection is noticed. */
const PING_MS = 1_000;
const RETRY_FIRST_MS = 25;
const RETRY_MAX_MS = 500;
/** So often a head is put down that does not come to stand there, though nobody else put one. */
const PUT_ATTEMPTS = 3;
/** So often an operator's head loses to another's before he is told that somebody still writes: a leader that is hung loses to it, one that works may not. */
const REPLACE_ATTEMPTS = 20;

export function consulSharedLog(options: ConsulSharedLogOptions): SharedLog {
  const { connection, prefix = "drover", key, pulse, clock, lockDelayMs = 0, settleMs = 3_000, silenceMs = 5_000 } = options;
  const stopped = new AbortController();
  setMaxListeners(0, stopped.signal);
  let contactMs = clock.nowMs();
  let lastReport = "";
  const report = (message: string): void => {
    if (message === lastReport) return;
    lastReport = message;
    options.report?.(message);
  };
  const store = storeOf(connection.raw, prefix, () => {
    contactMs = clock.nowMs();
  });
  const sessions = sessionsOf(store, { pulse, clock, lockDelayMs });
  const counted = byteCount(clock, options.dailyBytesMax ?? Number.POSITIVE_INFINITY, report);
  let tenure: ConsulTenure | undefined;

  function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.after(milliseconds, () => over());
      const over = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", over);
        resolve();
      };
      signal.addEventListener("abort", over, { once: true });
    });
  }
  async function insist<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    for (let retryMs = RETRY_FIRST_MS; ; retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)) {
      signal.throwIfAborted();
      try {
        return await ask();
      } catch (thrown) {
        signal.throwIfAborted();
        if (!(thrown instanceof ConsulProblem)) throw thrown;
        report(thrown.message);
        await pause(retryMs, signal);
      }
    }
  }

  const watch = watchLock({ store, clock, insist, signal: stopped.signal, waitMs: WAIT_MS });
  const ping = (): void => {
    if (stopped.signal.aborted) return;
    const isSilent = clock.nowMs() - contactMs >= PING_MS - 100;
    void (isSilent ? store.head(PING_MS).catch(() => undefined) : Promise.resolve()).then(() => clock.after(PING_MS, ping));
  };
  clock.after(PING_MS, ping);

  const leaderListeners = new Map<symbol, (leader: SharedLeader | undefined) => void>();
  let leader: SharedLeader | undefined;
  watch.whenChanged(() => {
    const now = watch.lock.leader;
    if (sameLeader(now, leader)) return;
    leader = now;
    for (const listener of Array.from(leaderListeners.values())) listener(now);
  });

  /** One at a time; who asks meanwhile waits for the next, which is sent after they asked. */
  let asking: Promise<HeadRead> | undefined;
  let nextAsking: Promise<HeadRead> | undefined;
  function sharedHead(): Promise<HeadRead> {
    if (asking === undefined) {
      // Sent in the next turn: whoever asks in this one is a part of it.
      const sent = new Promise<void>((resolve) => queueMicrotask(resolve)).then(() => hedged(clock, () => store.head()));
      asking = sent;
      const over = (): void => void (asking = undefined);
      sent.then(over, over);
      return sent;
    }
    const before = asking;
    nextAsking ??= before
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        nextAsking = undefined;
        return sharedHead();
      });
    return nextAsking;
  }
  const open = (): void => {
    if (stopped.signal.aborted) throw unreachable(new Error("it is closed here"));
  };
  async function asked<T>(ask: () => Promise<T>): Promise<T> {
    open();
    try {
      return await ask();
    } catch (thrown) {
      throw unreachable(thrown);
    }
  }

  const lock = lockOf({ store, sessions, watch, clock, insist, pause, report, stopped: stopped.signal });
  async function campaign(self: SharedLeader, asker: AbortSignal): Promise<Tenure> {
    const { session, head, version } = await lock.campaign(self, AbortSignal.any([asker, stopped.signal]));
    lastReport = "";
    tenure = consulTenure({
      store,
      key,
      session,
      head,
      version,
      clock,
      settleMs,
      silenceMs,
      end: (successorId) => lock.giveBack(session, successorId),
      whenLockChanges: (listener) => watch.whenChanged(listener),
      wrote: counted,
      report,
    });
    return tenure;
  }
  const fresh = (head: Omit<SharedHead, "Epoch" | "Floor">, Epoch: number): StoredHead => ({
    ClusterId: head.ClusterId,
    Epoch,
    EpochId: head.EpochId,
    LastIndex: head.LastIndex,
    Floor: head.LastIndex + 1,
    WriteId: randomUUID(),
  });
  /** Written whether or not the answer came; false: another head was there first. */
  async function putHead(next: StoredHead, version: number): Promise<boolean> {
    for (let attempts = 1; ; attempts++) {
      const written = await store.write({ head: { version, next }, deleteTrees: ["log/", "parts/"] }, 2_000).catch((thrown: unknown) => {
        if (attempts === PUT_ATTEMPTS) throw thrown;
        return undefined;
      });
      if (written !== undefined && "done" in written) return true;
      if (written !== undefined && "forbidden" in written) throw new ConsulProblem(403, written.forbidden);
      const there = await store.head();
      if (there.head?.WriteId === next.WriteId) return true;
      if (there.version !== version) return false;
      if (written !== undefined && attempts === PUT_ATTEMPTS) throw new ConsulProblem(409, `Consul refuses the head: ${written.refused}`);
      await pause(RETRY_FIRST_MS * attempts, stopped.signal);
    }
  }

  return {
    maker: "consul",
    head: () => asked(async () => shown((await sharedHead()).head)),
    create: (head) => asked(() => putHead(fresh(head, 0), 0)),
    replace: (head) =>
      asked(async () => {
        for (let attempts = 0; attempts < REPLACE_ATTEMPTS; attempts++) {
          open();
          const there = await store.head();
          if (await putHead(fresh(head, (there.head?.Epoch ?? 0) + 1), there.version)) return;
        }
        const { leader: writer } = await store.lock();
        throw inUse(writer?.Name ?? "");
      }),
    follow: (fromIndex, asker) =>
      followLog(
        { store, key, insist, pause, waitMs: WAIT_MS, head: (signal) => insist(signal, () => sharedHead()) },
        fromIndex,
        AbortSignal.any([asker, stopped.signal]),
      ),
    campaign,
    get leader() {
      return leader;
    },
    whenLeaderChanges(listener) {
      const id = Symbol();
      leaderListeners.set(id, listener);
      return () => void leaderListeners.delete(id);
    },
    contactAgeMs: () => Math.max(0, clock.nowMs() - contactMs),
    report: (said) => asked(() => store.put(`reports/${said.ServerId}`, JSON.stringify(said))),
    reports: () => asked(async () => (await store.texts("reports/")).map((text) => JSON.parse(text) as ServerReport)),
    forget: (serverId) => asked(() => store.remove(`reports/${serverId}`)),
    async close() {
      if (stopped.signal.aborted) return;
      stopped.abort(unreachable(new Error("it is closed here")));
      await tenure?.resign("the shared log is closed here");
      await sessions.close().catch(() => undefined);
    },
  };
}

function shown(head: StoredHead | null): SharedHead | null {
  if (head === null) return null;
  const { ClusterId, Epoch, EpochId, LastIndex, Floor } = head;
  return { ClusterId, Epoch, EpochId, LastIndex, Floor };
}
