/**
 * A tenure: one transaction on its way at a time, and none before it is known what became of the one before.
 *
 *            ┌──────────── unknown: head unmoved, lock held: the same bytes again ─────────────┐
 *   queued ──┴─► sent ──► done ► acknowledged                                                  │
 *                  ├────► refused ──► read head and lock ──► the head is ours: acknowledged    │
 *                  └────► no answer ─► read head and lock ──► lock gone, head moved: lost      │
 *                                                        └──► ─────────────────────────────────┘  longer than settleMs: lost
 *
 * What waits in the queue goes together (group commit): one append is in flight, so that is what carries throughput.
 */
import { randomUUID } from "node:crypto";
import type { Clock, SharedBatch, Tenure } from "#ports";
import { messageOf } from "#std";
import { ConsulProblem } from "../problem.ts";
import { sealBatch } from "./envelope.ts";
import { notLeading, outcomeUnknown, writeFailed } from "./problem.ts";
import {
  VALUE_BYTES_MAX,
  TREES_MAX,
  batchKey,
  partsId,
  segmentOf,
  segmentTree,
  type Change,
  type Store,
  type StoredHead,
} from "./store.ts";
import { sweepParts } from "./sweep.ts";

export interface TenureOptions {
  readonly store: Store;
  readonly key: Uint8Array;
  readonly session: string;
  readonly head: StoredHead;
  readonly version: number;
  readonly clock: Clock;
  /** An append unsettled for so long ends the tenure. */
  readonly settleMs: number;
  /** Nothing heard for so long ends it too. */
  readonly silenceMs: number;
  /** Gives the lock back, to one server if it is named, and the session; again if it does not get through. */
  readonly end: (successorId?: string) => Promise<void>;
  /** Calls back when the lock may have gone; returns how to leave. */
  readonly whenLockChanges: (listener: () => void) => () => void;
  /** So many bytes were written (base64 aside). */
  readonly wrote: (bytes: number) => void;
  readonly report: (message: string) => void;
}

interface Waiting {
  readonly entries: readonly Uint8Array[];
  readonly bytes: number;
  readonly resolve: (first: number) => void;
  readonly reject: (why: unknown) => void;
}

const LOOK_MS = 500;
const LOOK_WITHIN_MS = 1_000;
/** One sending of a write; an answer that was lost must not take the time of all others with it. */
const SEND_WITHIN_MS = 1_000;
const RETRY_MS = 10;
const PARTS_AT_ONCE = 4;

export interface ConsulTenure extends Tenure {
  /** Nothing more is written, whatever is still queued is refused. */
  lose(why: string): void;
}

export function consulTenure(options: TenureOptions): ConsulTenure {
  const { store, key, session, clock, settleMs, silenceMs } = options;
  let { head, version } = options;
  const Epoch = head.Epoch + 1;
  const EpochId = randomUUID();
  const lost = new AbortController();
  const queue: Waiting[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let isDraining = false;
  let heardMs = clock.nowMs();
  let isLooking = false;

  function lose(why: string): void {
    if (lost.signal.aborted) return;
    leave();
    lost.abort(notLeading(why));
    for (const { reject } of queue.splice(0)) reject(notLeading(why));
    // Ends what may still be on its way.
    options.end().catch(() => undefined);
  }
  /** Whether the lock is still ours; silence is an answer too, after a while. */
  async function look(): Promise<void> {
    if (isLooking || lost.signal.aborted) return;
    isLooking = true;
    try {
      const lock = await store.lock(LOOK_WITHIN_MS);
      heardMs = clock.nowMs();
      if (lock.session !== session) lose("its session was ended");
    } catch {
      if (clock.nowMs() - heardMs >= silenceMs) lose(`Consul has been silent for ${silenceMs} ms`);
    } finally {
      isLooking = false;
    }
  }
  const leave = options.whenLockChanges(() => void look());
  const lookOn = (): void => {
    if (lost.signal.aborted) return;
    if (clock.nowMs() - heardMs >= LOOK_MS) void look();
    clock.after(LOOK_MS, lookOn);
  };
  clock.after(LOOK_MS, lookOn);

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }
  /** Resolves when the change is known to have happened. */
  async function settle(next: StoredHead, more: Omit<Change, "session" | "head">): Promise<void> {
    const change: Change = { ...more, session, head: { version, next } };
    const startedMs = clock.nowMs();
    const leftMs = (): number => Math.max(1, settleMs - (clock.nowMs() - startedMs));
    let mayHaveHappened = false;
    const end = (why: string): never => {
      lose(why);
      throw mayHaveHappened ? outcomeUnknown() : notLeading(why);
    };
    for (;;) {
      if (lost.signal.aborted && !mayHaveHappened) throw notLeading();
      const written = await store.write(change, Math.min(SEND_WITHIN_MS, leftMs())).catch((thrown: unknown) => {
        if (!(thrown instanceof ConsulProblem && thrown.status === 429)) mayHaveHappened = true;
        return undefined;
      });
      if (written !== undefined && "done" in written) return moved(next, written.done);
      if (written !== undefined && "forbidden" in written && !mayHaveHappened) throw writeFailed(written.forbidden);
      const withinMs = Math.min(SEND_WITHIN_MS, leftMs());
      const [there, lock] = await Promise.all([store.head(withinMs), store.lock(withinMs)]).catch(() => [undefined, undefined] as const);
      if (there?.head?.WriteId === next.WriteId) return moved(next, there.version);
      if (lock !== undefined && lock.session !== session) end("its session was ended");
      if (there !== undefined && there.version !== version) end("somebody else wrote the head");
      if (clock.nowMs() - startedMs >= settleMs) end(`a write was unsettled for ${settleMs} ms`);
      await clock.sleep(RETRY_MS);
    }
  }
  function moved(next: StoredHead, at: number): void {
    head = next;
    version = at;
    heardMs = clock.nowMs();
  }
  /** Parts need no fence: nothing names them before the batch does. */
  async function putParts(id: string, parts: readonly Buffer[]): Promise<void> {
    for (let n = 0; n < parts.length; n += PARTS_AT_ONCE) {
      await Promise.all(
        parts.slice(n, n + PARTS_AT_ONCE).map(async (part, at) => {
          const put = (): Promise<void> => store.putPart(id, n + at, part);
          await put().catch((thrown: unknown) => (thrown instanceof ConsulProblem && thrown.passes ? put() : Promise.reject(thrown)));
          options.wrote(part.length);
        }),
      );
    }
  }
  async function commit(entries: readonly Uint8Array[]): Promise<number> {
    if (lost.signal.aborted) throw notLeading();
    const FirstIndex = head.LastIndex + 1;
    const batch: SharedBatch = { FirstIndex, EpochId, PreviousEpochId: head.EpochId, Entries: entries };
    const id = partsId(FirstIndex, randomUUID());
    const { value, parts } = await sealBatch(key, { ...batch, ClusterId: head.ClusterId }, { valueBytesMax: VALUE_BYTES_MAX, partsId: id });
    if (parts.length > 0) {
      await putParts(id, parts).catch((thrown: unknown) => {
        throw writeFailed(messageOf(thrown));
      });
    }
    const isFirst = head.Epoch !== Epoch;
    const next: StoredHead = { ...head, Epoch, EpochId, LastIndex: head.LastIndex + entries.length, WriteId: randomUUID() };
    await settle(next, { set: { key: batchKey(FirstIndex), value } });
    options.wrote(value.length);
    if (isFirst || parts.length > 0) sweepSoon();
    return FirstIndex;
  }
  async function drain(): Promise<void> {
    while (queue.length > 0) {
      await inTurn(async () => {
        const some = takeSome(queue);
        if (some.length === 0) return;
        try {
          let at = await commit(some.flatMap(({ entries }) => entries));
          for (const { entries, resolve } of some) {
            resolve(at);
            at += entries.length;
          }
        } catch (thrown) {
          for (const { reject } of some) reject(thrown);
        }
      });
    }
    // In the turn that found the queue empty: what comes in a later one begins anew.
    isDraining = false;
  }
  /** Not in turn: an append never waits for it. */
  function sweepSoon(): void {
    if (lost.signal.aborted) return;
    sweepParts(store, { session, head, withinMs: settleMs }).catch((thrown: unknown) => {
      options.report(`Cannot sweep parts of batches in Consul: ${messageOf(thrown)}`);
    });
  }
  /** The first index of the batch that holds `index`: a batch is kept whole or not at all. */
  async function batchOf(index: number): Promise<number> {
    for (let segment = segmentOf(index); segment >= segmentOf(head.Floor); segment--) {
      const found = (await store.firsts(segment)).findLast((first) => first <= index);
      if (found !== undefined) return Math.max(found, head.Floor);
    }
    return head.Floor;
  }
  async function cut(throughIndex: number): Promise<void> {
    if (lost.signal.aborted) throw notLeading();
    const through = Math.min(throughIndex, head.LastIndex);
    if (through < head.Floor) return;
    const Floor = through === head.LastIndex ? through + 1 : await batchOf(through + 1);
    const trees = (await store.segments()).filter((segment) => segment < segmentOf(Floor)).map(segmentTree);
    if (Floor === head.Floor && trees.length === 0) return;
    await settle({ ...head, Epoch: head.Epoch, Floor, WriteId: randomUUID() }, { deleteTrees: trees.slice(0, TREES_MAX) });
    for (let at = TREES_MAX; at < trees.length; at += TREES_MAX)
      await store.write({ session, deleteTrees: trees.slice(at, at + TREES_MAX) }, settleMs);
    sweepSoon();
  }

  return {
    Epoch,
    EpochId,
    lost: lost.signal,
    lose,
    append(entries) {
      if (lost.signal.aborted) return Promise.reject(notLeading());
      const copies = entries.map((entry) => new Uint8Array(entry));
      if (copies.length === 0) return inTurn(() => Promise.resolve(head.LastIndex + 1));
      return new Promise((resolve, reject) => {
        queue.push({ entries: copies, bytes: copies.reduce((sum, { length }) => sum + 4 + length, 0), resolve, reject });
        if (isDraining) return;
        isDraining = true;
        void drain();
      });
    },
    cut: (throughIndex) => inTurn(() => cut(throughIndex)),
    async resign(reason, successorId) {
      for (const { reject } of queue.splice(0)) reject(notLeading(reason));
      // What is on its way settles within settleMs, one way or the other.
      await Promise.race([turn, clock.sleep(settleMs)]);
      if (lost.signal.aborted) return;
      leave();
      lost.abort(notLeading(reason));
      for (const { reject } of queue.splice(0)) reject(notLeading(reason));
      await options.end(successorId).catch(() => undefined);
    },
  };
}

/** As many as fit into one transaction, in order; one at least. */
function takeSome(queue: Waiting[]): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const each of queue) {
    if (count > 0 && bytes + each.bytes + 1_024 > VALUE_BYTES_MAX) break;
    bytes += each.bytes;
    count++;
  }
  return queue.splice(0, count);
}
