/**
 * Reading the log from an index on.
 *
 *   head ──► behind? cut? reject
 *     │ ▲
 *     │ └── a name is missing, or nothing came for a while
 *     ├──► below the head: catch up (names of a segment, then its batches, sixteen at once)
 *     └──► at the head: wait for the next batch by its name
 *
 * The next batch's name is known: one request a batch, and the index is carried on, also from "there is none" (consul-log.md 8, 10, 12).
 */
import type { SharedBatch } from "#ports";
import { ConsulProblem } from "../problem.ts";
import { openBatch } from "./envelope.ts";
import { behind, cutAway } from "./problem.ts";
import { segmentOf, type HeadRead, type Store } from "./store.ts";

export interface FollowOptions {
  readonly store: Store;
  readonly key: Uint8Array;
  /** Never stale; tries until it is answered. Rejects with the signal's reason. */
  readonly head: (signal: AbortSignal) => Promise<HeadRead>;
  /** Tries again until there is an answer. Rejects with the signal's reason, and with anything but ConsulProblem. */
  readonly insist: <T>(signal: AbortSignal, ask: () => Promise<T>) => Promise<T>;
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** How long one wait for the next batch lasts; then the head is looked at. */
  readonly waitMs: number;
}

const AT_ONCE = 16;
/** A name that is missing though the head says it is there: a server that lags answered. */
const MISSING_PAUSE_MS = 20;

type Opened = SharedBatch & { readonly ClusterId: string };

/** Ends without a word when the signal aborts. */
export async function* followLog(options: FollowOptions, fromIndex: number, signal: AbortSignal): AsyncGenerator<SharedBatch> {
  const place: Place = { next: fromIndex, previous: undefined, clusterId: undefined };
  try {
    for (;;) {
      const { head } = await options.head(signal);
      if (head === null) throw behind(place.next, "no cluster was ever made there");
      if (place.clusterId !== undefined && head.ClusterId !== place.clusterId) throw behind(place.next, "it belongs to another cluster");
      if (head.LastIndex < place.next - 1) throw behind(place.next, `its last entry is ${head.LastIndex}`);
      if (place.next < head.Floor) throw cutAway(place.next, head.Floor);
      place.clusterId = head.ClusterId;
      if (place.next <= head.LastIndex) {
        const before = place.next;
        yield* catchUp(options, place, { last: head.LastIndex, floor: head.Floor }, signal);
        if (place.next === before) await options.pause(MISSING_PAUSE_MS, signal);
      } else yield* tailOn(options, place, signal);
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

interface Place {
  next: number;
  /** The EpochId of the batch before; undefined: none was read yet. */
  previous: string | undefined;
  clusterId: string | undefined;
}

/** Waits for one batch after the other; returns when nothing came for a while. */
async function* tailOn(options: FollowOptions, place: Place, signal: AbortSignal): AsyncGenerator<SharedBatch> {
  const { store, insist, waitMs } = options;
  let index = 0;
  for (;;) {
    const asked = index;
    const answer = await insist(signal, () => store.batch(place.next, signal, { index: asked, waitMs }));
    index = answer.index < asked ? 0 : answer.index;
    if (answer.value === undefined) {
      // The first answer only says from where to wait.
      if (asked === 0 && index !== 0) continue;
      return;
    }
    const batch = await opened(options, answer.value, signal);
    if (batch === undefined) return;
    yield taken(place, batch);
  }
}

/** Yields what is held up to `last`; returns early when something is missing. */
async function* catchUp(
  options: FollowOptions,
  place: Place,
  { last, floor }: { readonly last: number; readonly floor: number },
  signal: AbortSignal,
): AsyncGenerator<SharedBatch> {
  const { store, insist } = options;
  const start = await startOf(options, place.next, floor, signal);
  if (start === undefined) return;
  for (let segment = segmentOf(start); segment <= segmentOf(last); segment++) {
    const names = (await insist(signal, () => store.firsts(segment))).filter((first) => first >= start && first <= last);
    const fetched: Promise<Opened | undefined>[] = [];
    const fetchNext = (): void => {
      const first = names[fetched.length];
      if (first === undefined) return;
      const work = insist(signal, () => store.batch(first, signal)).then(({ value }) =>
        value === undefined ? undefined : opened(options, value, signal),
      );
      // Awaited in order below; one that fails meanwhile is no surprise to the process.
      work.catch(() => undefined);
      fetched.push(work);
    };
    for (let n = 0; n < AT_ONCE; n++) fetchNext();
    for (let n = 0; n < names.length; n++) {
      const batch = await fetched[n];
      fetchNext();
      if (batch === undefined || batch.FirstIndex > place.next) return;
      if (batch.FirstIndex + batch.Entries.length <= place.next) continue;
      yield taken(place, batch);
    }
  }
}

/** The first index of the batch that holds `next`: itself in most cases; who goes on from a snapshot may stand in the middle. */
async function startOf({ store, insist }: FollowOptions, next: number, floor: number, signal: AbortSignal): Promise<number | undefined> {
  for (let segment = segmentOf(next); segment >= segmentOf(floor); segment--) {
    const found = (await insist(signal, () => store.firsts(segment))).findLast((first) => first <= next);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** undefined: a part is gone, which the head explains. */
function opened({ store, key, insist }: FollowOptions, value: Buffer, signal: AbortSignal): Promise<Opened | undefined> {
  return openBatch(key, value, async ({ Id, Count }) => {
    const parts: Buffer[] = [];
    for (let n = 0; n < Count; n += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, Count - n) }, (_, m) => insist(signal, () => store.part(Id, n + m)));
      for (const part of await Promise.all(some)) {
        if (part === undefined) throw new PartMissing();
        parts.push(part);
      }
    }
    return parts;
  }).catch((thrown: unknown) => {
    if (thrown instanceof PartMissing) return undefined;
    throw thrown;
  });
}

class PartMissing extends ConsulProblem {
  constructor() {
    super(404, "a part of a batch is gone");
  }
}

/** Moves on past a batch, of which only what is wanted is given. */
function taken(place: Place, { ClusterId, ...batch }: Opened): SharedBatch {
  if (place.clusterId !== undefined && ClusterId !== place.clusterId) throw behind(place.next, "it belongs to another cluster");
  const skip = place.next - batch.FirstIndex;
  const wanted: SharedBatch =
    skip === 0
      ? batch
      : { FirstIndex: place.next, EpochId: batch.EpochId, PreviousEpochId: batch.EpochId, Entries: batch.Entries.slice(skip) };
  if (place.previous !== undefined && wanted.PreviousEpochId !== place.previous) throw behind(place.next, "it is another history");
  place.next += wanted.Entries.length;
  place.previous = batch.EpochId;
  return wanted;
}
