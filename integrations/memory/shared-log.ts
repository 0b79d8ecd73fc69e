/**
 * A server's handle on the shared log of a MemorySharedWorld. Every request goes the world's road, so a test decides what comes late or never;
 * what the handle does about it is what the contract of the port asks of every maker.
 */
import { randomUUID } from "node:crypto";
import type { SharedBatch, SharedHead, SharedLeader, SharedLog, Tenure } from "#ports";
import { NamedError } from "#std";
import type { MemorySend, MemorySharedSession, MemorySharedWorld, MemoryStoredHead } from "./shared-log-world.ts";
import { memoryTenure } from "./shared-tenure.ts";

export interface MemorySharedLogOptions {
  /** The server's name in the world. */
  readonly server: string;
  /** Random ids (an EpochId, a write's); default: of this machine. */
  readonly id?: () => string;
  /** An append unsettled for so long ends the tenure. Default 1,000. */
  readonly settleMs?: number;
}

/** How long a request that is not an append may take. */
const ANSWER_MS = 2_000;
const RETRY_MS = 100;

export function memorySharedLog(
  world: MemorySharedWorld,
  { server, id = randomUUID, settleMs = 1_000 }: MemorySharedLogOptions,
): SharedLog {
  const { clock, inside } = world;
  const stopped = new AbortController();
  const listeners = new Set<(leader: SharedLeader | undefined) => void>();
  const waiting = new Set<() => void>();
  let changes = 0;
  let isDead = false;
  let leader: SharedLeader | undefined = world.holder?.leader;
  let contactMs = clock.nowMs();

  const leave = inside.join(
    server,
    () => {
      changes++;
      for (const wake of Array.from(waiting)) wake();
      if (!world.isReachable(server)) return;
      const now = world.holder?.leader;
      if (now === leader) return;
      leader = now;
      for (const listener of Array.from(listeners)) listener(now);
    },
    () => void (isDead = true),
  );

  const send: MemorySend = async (kind, act, { index, withinMs = ANSWER_MS } = {}) => {
    if (isDead) return new Promise<never>(() => undefined);
    if (stopped.signal.aborted) throw closed();
    const lose = (): never => {
      throw unreachable();
    };
    const request = { server, kind, ...(index === undefined ? {} : { index }) };
    const road = async () => {
      await world.deliver?.(request).catch(lose);
      if (!world.isReachable(server)) throw unreachable();
      const result = act();
      await world.answer?.(request).catch(lose);
      if (!world.isReachable(server)) throw unreachable();
      return result;
    };
    const result = world.deliver === undefined && world.answer === undefined ? await road() : await within(road(), withinMs);
    if (isDead) return new Promise<never>(() => undefined);
    contactMs = clock.nowMs();
    return result;
  };
  function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = clock.after(limitMs, () => reject(unreachable()));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
  /** Until the world has changed since `seen`, some time passes, or the signal aborts. */
  function pause(signal: AbortSignal, limitMs: number | undefined, seen = changes): Promise<void> {
    if (seen !== changes || signal.aborted || stopped.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = limitMs === undefined ? undefined : clock.after(limitMs, () => wake());
      const wake = (): void => {
        timer?.cancel();
        waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
  /** As long as it takes, while the signal allows. */
  async function insist<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await ask();
      } catch (thrown) {
        if (stopped.signal.aborted) throw closed();
        if (!(thrown instanceof NamedError)) throw thrown;
        await pause(signal, RETRY_MS);
      }
    }
  }

  const stored = () => send("head", () => ({ head: world.content.head, version: world.version }));
  const readHead = (): Promise<SharedHead | null> =>
    stored().then(
      ({ head }) => (head === null ? null : shown(head)),
      (thrown: unknown) => {
        throw reachProblem(thrown);
      },
    );
  let headSoon: Promise<SharedHead | null> | undefined;

  async function* follow(fromIndex: number, signal: AbortSignal): AsyncGenerator<SharedBatch> {
    let next = fromIndex;
    let previous: string | undefined;
    for (;;) {
      if (signal.aborted || stopped.signal.aborted) return;
      const seen = changes;
      const found = await insist(signal, () => send("follow", () => look(world, next))).catch((thrown: unknown) => {
        if (signal.aborted) return undefined;
        throw thrown;
      });
      if (found === undefined) return;
      if (found.problem !== undefined) throw found.problem;
      if (found.batch === undefined) {
        await pause(signal, undefined, seen);
        continue;
      }
      const batch = tail(found.batch, next);
      if (previous !== undefined && batch.PreviousEpochId !== previous) throw parted(next);
      previous = batch.EpochId;
      next = batch.FirstIndex + batch.Entries.length;
      yield batch;
    }
  }

  function acquire(session: MemorySharedSession, self: SharedLeader): boolean {
    if (world.content.head === null) return false;
    // What an earlier tenure of this server could not give back.
    const earlier = world.holder?.session;
    if (earlier !== session && earlier?.server === server) inside.end(earlier);
    return inside.acquire(session, self);
  }

  async function campaign(self: SharedLeader, signal: AbortSignal): Promise<Tenure> {
    for (;;) {
      const session: MemorySharedSession = { server, alive: true };
      const seen = changes;
      const acquired = await insist(signal, () => send("acquire", () => acquire(session, self)));
      if (!acquired) {
        const { handover } = world;
        await pause(signal, handover === undefined ? undefined : Math.max(1, handover.untilMs - clock.nowMs()), seen);
        continue;
      }
      const { head, version } = await insist(signal, stored).catch((thrown: unknown) => {
        inside.end(session);
        throw thrown;
      });
      if (head === null || !session.alive || signal.aborted) {
        inside.end(session);
        continue;
      }
      return memoryTenure({ world, session, send, head, version, id, settleMs, server, isStopped: () => isDead || stopped.signal.aborted });
    }
  }

  return {
    maker: "memory",
    head: () =>
      (headSoon ??= Promise.resolve().then(() => {
        headSoon = undefined;
        return readHead();
      })),
    async create(head) {
      const fresh: MemoryStoredHead = { ...head, Epoch: 0, Floor: head.LastIndex + 1, WriteId: id() };
      const make = (): boolean => {
        if (world.content.head === null) inside.write(undefined, world.version, fresh);
        return world.content.head?.WriteId === fresh.WriteId;
      };
      return send("create", make)
        .catch(() => send("create", make))
        .catch((thrown: unknown) => {
          throw reachProblem(thrown);
        });
    },
    async replace(head) {
      const make = (): void =>
        inside.replace({ ...head, Epoch: (world.content.head?.Epoch ?? 0) + 1, Floor: head.LastIndex + 1, WriteId: id() });
      await send("replace", make).catch((thrown: unknown) => {
        throw reachProblem(thrown);
      });
    },
    follow,
    campaign,
    get leader() {
      return leader;
    },
    whenLeaderChanges(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    contactAgeMs: () => Math.max(0, clock.nowMs() - contactMs),
    report: (report) =>
      send("report", () => inside.setReport(report)).catch((thrown: unknown) => {
        throw reachProblem(thrown);
      }),
    reports: () =>
      send("reports", () => [...world.content.reports.values()]).catch((thrown: unknown) => {
        throw reachProblem(thrown);
      }),
    forget: (serverId) =>
      send("report", () => inside.deleteReport(serverId)).catch((thrown: unknown) => {
        throw reachProblem(thrown);
      }),
    async close() {
      if (stopped.signal.aborted) return;
      stopped.abort(closed());
      leave();
      for (const wake of Array.from(waiting)) wake();
      const { holder } = world;
      if (!isDead && holder?.session.server === server) inside.end(holder.session);
    },
  };
}

/** What stands at an index, or why nothing will. */
function look(world: MemorySharedWorld, next: number): { batch?: SharedBatch; problem?: NamedError } {
  const { head, batches } = world.content;
  if (head === null) return { problem: behind(next, "no cluster was ever made there") };
  if (head.LastIndex < next - 1) return { problem: behind(next, `its last entry is ${head.LastIndex}`) };
  if (next < head.Floor) return { problem: cutAway(next, head.Floor) };
  if (next > head.LastIndex) return {};
  for (const batch of batches.values()) {
    if (batch.FirstIndex <= next && next < batch.FirstIndex + batch.Entries.length) return { batch };
  }
  throw new Error(`entry ${next} is missing between ${head.Floor} and ${head.LastIndex}`);
}

function tail(batch: SharedBatch, from: number): SharedBatch {
  if (batch.FirstIndex === from) return { ...batch, Entries: batch.Entries.map((entry) => Uint8Array.from(entry)) };
  const Entries = batch.Entries.slice(from - batch.FirstIndex).map((entry) => Uint8Array.from(entry));
  return { FirstIndex: from, EpochId: batch.EpochId, PreviousEpochId: batch.EpochId, Entries };
}

function shown({ ClusterId, Epoch, EpochId, LastIndex, Floor }: MemoryStoredHead): SharedHead {
  return { ClusterId, Epoch, EpochId, LastIndex, Floor };
}

function unreachable(): NamedError {
  return new NamedError("SHARED_LOG_UNREACHABLE", "Cannot reach the shared log: no answer", { statusCode: 503 });
}

function reachProblem(thrown: unknown): NamedError {
  return thrown instanceof NamedError ? thrown : unreachable();
}

function closed(): NamedError {
  return new NamedError("SHARED_LOG_UNREACHABLE", "Cannot reach the shared log: it is closed here", { statusCode: 503 });
}

function behind(next: number, why: string): NamedError {
  return new NamedError("SHARED_LOG_BEHIND", `Cannot follow the shared log from entry ${next}: ${why}`, { statusCode: 503 });
}

function parted(next: number): NamedError {
  return new NamedError("SHARED_LOG_BEHIND", `Cannot follow the shared log from entry ${next}: it is another history`, { statusCode: 503 });
}

function cutAway(next: number, floor: number): NamedError {
  return new NamedError("SHARED_LOG_CUT", `Cannot follow the shared log from entry ${next}: it begins at ${floor}`, { statusCode: 503 });
}
