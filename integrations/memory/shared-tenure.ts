/**
 * A tenure in a MemorySharedWorld: one write on the road at a time, and none before it is known what became of the one before.
 *
 *            ┌────────── unknown, head unmoved, lock held: the same bytes again ──────────┐
 *   queued ──┴─► sent ──► done ► acknowledged                                             │
 *                  ├────► refused ──► read the head ──► mine: acknowledged                │
 *                  └────► no answer ─► read the head ──► not mine, lock gone: tenure lost │
 *                                                   └──► ─────────────────────────────────┘  too long: tenure lost
 */
import type { SharedBatch, Tenure } from "#ports";
import { NamedError } from "#std";
import type { MemorySend, MemorySharedSession, MemorySharedWorld, MemoryStoredHead } from "./shared-log-world.ts";

export interface MemoryTenureOptions {
  readonly world: MemorySharedWorld;
  readonly session: MemorySharedSession;
  readonly send: MemorySend;
  readonly head: MemoryStoredHead;
  readonly version: number;
  readonly id: () => string;
  readonly settleMs: number;
  readonly server: string;
  readonly isStopped: () => boolean;
}

const LOOK_MS = 500;
/** Silence for so long, and somebody else may lead. */
const SILENCE_MS = 3_000;

export function memoryTenure(options: MemoryTenureOptions): Tenure {
  const { world, session, send, id, settleMs, server } = options;
  const { clock, inside } = world;
  let { head, version } = options;
  const Epoch = head.Epoch + 1;
  const EpochId = id();
  const lost = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let heardMs = clock.nowMs();

  const leave = inside.join(
    server,
    () => void (world.isReachable(server) && !session.alive && lose("its session was ended")),
    () => leave(),
  );
  const lose = (why: string, successorId?: string): void => {
    leave();
    if (lost.signal.aborted) return;
    lost.abort(new NamedError("SHARED_LOG_NOT_LEADING", `Cannot lead on: ${why}`, { statusCode: 503 }));
    // Best effort, as a request of its own: out there it may never come.
    if (session.alive) send("release", () => inside.end(session, successorId)).catch(() => undefined);
  };
  const look = (): void => {
    if (lost.signal.aborted || options.isStopped()) return leave();
    if (!world.isReachable(server)) {
      if (clock.nowMs() - heardMs >= SILENCE_MS) return lose("the shared log is silent");
    } else heardMs = clock.nowMs();
    clock.after(LOOK_MS, look);
  };
  clock.after(LOOK_MS, look);

  /** Resolves when the write is known to have happened. */
  async function write(kind: "append" | "cut", next: MemoryStoredHead, batch?: SharedBatch): Promise<void> {
    if (lost.signal.aborted) throw notLeading();
    const startedMs = clock.nowMs();
    // What is on the road compares with what was known when it was sent, however late it comes.
    const expected = version;
    let mayHaveHappened = false;
    for (;;) {
      const leftMs = settleMs - (clock.nowMs() - startedMs);
      const index = batch?.FirstIndex;
      const done = await send(kind, () => inside.write(session, expected, next, batch) && world.version, {
        withinMs: Math.max(1, leftMs),
        ...(index === undefined ? {} : { index }),
      }).catch(() => undefined);
      if (done === undefined) mayHaveHappened = true;
      if (typeof done === "number") return settled(next, done);
      const there = await send(
        "head",
        () => ({ head: world.content.head, version: world.version, held: world.holder?.session === session }),
        { withinMs: Math.max(1, settleMs - (clock.nowMs() - startedMs)) },
      ).catch(() => undefined);
      if (there?.head?.WriteId === next.WriteId) return settled(next, there.version);
      if (there !== undefined && (!there.held || there.version !== expected)) {
        lose("another one leads");
        throw mayHaveHappened ? outcomeUnknown() : notLeading();
      }
      if (clock.nowMs() - startedMs >= settleMs || lost.signal.aborted) {
        lose(`an append was unsettled for ${settleMs} ms`);
        throw mayHaveHappened ? outcomeUnknown() : notLeading();
      }
      await clock.sleep(20);
    }
  }
  function settled(next: MemoryStoredHead, at: number): void {
    head = next;
    version = at;
    heardMs = clock.nowMs();
  }
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  return {
    Epoch,
    EpochId,
    lost: lost.signal,
    append(entries) {
      const Entries = entries.map((entry) => Uint8Array.from(entry));
      return inTurn(async () => {
        if (lost.signal.aborted) throw notLeading();
        const FirstIndex = head.LastIndex + 1;
        if (Entries.length === 0) return FirstIndex;
        const batch = { FirstIndex, EpochId, PreviousEpochId: head.EpochId, Entries };
        await write("append", { ...head, Epoch, EpochId, LastIndex: head.LastIndex + Entries.length, WriteId: id() }, batch);
        return FirstIndex;
      });
    },
    cut(throughIndex) {
      return inTurn(async () => {
        const through = Math.min(throughIndex, head.LastIndex);
        if (through < head.Floor) return;
        // A batch is held whole or not at all.
        const firsts = [...world.content.batches.keys()].filter((first) => first <= through + 1);
        const Floor = through === head.LastIndex ? through + 1 : Math.max(head.Floor, ...firsts);
        await write("cut", { ...head, Floor, WriteId: id() });
      });
    },
    async resign(reason, successorId) {
      const busy = last;
      await Promise.race([busy, clock.sleep(settleMs)]);
      lose(reason, successorId);
    },
  };
}

function notLeading(): NamedError {
  return new NamedError("SHARED_LOG_NOT_LEADING", "Cannot append to the shared log: this server does not lead", { statusCode: 503 });
}

function outcomeUnknown(): NamedError {
  return new NamedError(
    "SHARED_LOG_OUTCOME_UNKNOWN",
    "Cannot tell whether the shared log took it: its answer is lost, and so is leadership",
    {
      statusCode: 503,
      fix: "Ask again under the same request id.",
    },
  );
}
