/**
 * What comes from the shared log, onto the own disk and into the state. One path for leader and followers: nothing is applied that the own disk
 * does not hold, and the own disk never holds what the shared log did not.
 *
 *   follow ─► checked: next index, same history ─► queue ─► own log (what waits goes together) ─► applied in slices ─► answered
 *
 * A disk that refuses is asked again, for ever; meanwhile this server is `stuck` and may not lead. An entry that this program cannot read
 * halts it: nothing may be applied over a hole.
 */
import assert from "node:assert/strict";
import type { Clock, Log, SharedBatch, SharedLog } from "#ports";
import type { Codec, State } from "#state";
import { messageOf, type NamedError } from "#std";
import { pause, unlessAborted } from "../deadline.ts";
import { APPLY_SLICE_MS } from "../limits.ts";
import { closed, diverged, halted } from "../problems.ts";
import { turn } from "../recover.ts";
import type { Waiting } from "./requests.ts";

export interface TailOptions {
  readonly log: Log;
  readonly state: State;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly waiting: Waiting;
  readonly warn: (message: string) => void;
  /** After each entry, in the turn that applied it. */
  readonly entryApplied: () => void;
  /** After a batch was applied, between two. */
  readonly applied: (logIndex: number) => void;
  /** The disk began or ceased to refuse, or the state halted. */
  readonly changed: () => void;
  readonly signal: AbortSignal;
}

/** Read ahead of the disk at most. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;
const DISK_RETRY_MS = 500;

export class Tail {
  readonly #options: TailOptions;
  #queue: SharedBatch[] = [];
  #queueBytes = 0;
  #writing: Promise<void> | undefined;
  #applying: Promise<void> = Promise.resolve();
  #roomMade = Promise.withResolvers<void>();
  #withinBatch = false;
  #boundaries: { readonly run: () => void; readonly refuse: (why: Error) => void }[] = [];
  stuck: NamedError | Error | undefined;
  halted: NamedError | undefined;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  get #state(): State {
    return this.#options.state;
  }

  /**
   * Until the signal aborts. Rejects as SharedLog.follow does, with SHARED_LOG_DIVERGED, or with CLUSTER_HALTED; by then everything that had come
   * is applied, as far as it can be.
   */
  async follow(shared: SharedLog, signal: AbortSignal): Promise<void> {
    let next = this.#state.logIndex + 1;
    let epochId = this.#state.leadership?.EpochID ?? "";
    try {
      for await (const batch of shared.follow(next, signal)) {
        if (this.halted !== undefined) throw this.halted;
        if (batch.FirstIndex !== next || batch.PreviousEpochId !== epochId) throw diverged(batch.FirstIndex);
        next += batch.Entries.length;
        epochId = batch.EpochId;
        this.#take(batch);
        while (this.#queueBytes > QUEUE_BYTES_MAX && !signal.aborted)
          await unlessAborted(signal, this.#roomMade.promise, closed).catch(() => undefined);
      }
      if (this.halted !== undefined) throw this.halted;
    } finally {
      await this.drained();
    }
  }

  async drained(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    await this.#applying;
  }

  /** `take` runs when no batch is half applied, in one turn: now or after the one at hand. Rejects with CLUSTER_HALTED: that one stays half applied. */
  atBoundary<T>(take: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(take());
        } catch (thrown) {
          reject(thrown as Error);
        }
      };
      if (this.halted !== undefined) reject(this.halted);
      else if (this.#withinBatch) this.#boundaries.push({ run, refuse: reject });
      else run();
    });
  }

  #take(batch: SharedBatch): void {
    this.#queue.push(batch);
    this.#queueBytes += bytesOf(batch);
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    try {
      // What arrives in the same turn travels together.
      await Promise.resolve();
      while (this.#queue.length > 0 && !this.#options.signal.aborted) {
        const batches = this.#queue.splice(0);
        const first = (batches[0] as SharedBatch).FirstIndex;
        const at = await this.#append(batches.flatMap(({ Entries }) => Entries));
        if (at === undefined) return;
        assert.equal(at, first, "the own log goes on where the shared one does");
        this.#queueBytes -= batches.reduce((sum, batch) => sum + bytesOf(batch), 0);
        this.#roomMade.resolve();
        this.#roomMade = Promise.withResolvers();
        for (const batch of batches) this.#applying = this.#applying.then(() => this.#apply(batch));
      }
    } finally {
      // In the turn that found the queue empty: what comes in a later one begins anew.
      this.#writing = undefined;
    }
  }

  /** The index of the first; undefined when this server ends before the disk takes it. */
  async #append(entries: readonly Uint8Array[]): Promise<number | undefined> {
    const { log, warn, clock, signal, changed } = this.#options;
    for (;;) {
      try {
        const at = await log.append(entries);
        if (this.stuck !== undefined) {
          this.stuck = undefined;
          changed();
        }
        return at;
      } catch (thrown) {
        if (signal.aborted) return undefined;
        if (this.stuck === undefined) {
          warn(`Cannot keep what the cluster wrote: ${messageOf(thrown)}; it is tried again, and this server does not lead meanwhile`);
          this.stuck = thrown as Error;
          changed();
        }
        await pause(clock, DISK_RETRY_MS, signal);
        if (signal.aborted) return undefined;
      }
    }
  }

  async #apply({ FirstIndex, Entries }: SharedBatch): Promise<void> {
    if (this.halted !== undefined) return;
    const { codec, waiting, clock, entryApplied, applied, changed } = this.#options;
    let sliceStart = clock.nowMs();
    this.#withinBatch = true;
    try {
      for (const [offset, bytes] of Entries.entries()) {
        const envelope = codec.decode(bytes);
        const outcome = this.#state.apply(FirstIndex + offset, envelope);
        entryApplied();
        waiting.answer(envelope.requestId, outcome);
        if (clock.nowMs() - sliceStart < APPLY_SLICE_MS || offset === Entries.length - 1) continue;
        await turn();
        sliceStart = clock.nowMs();
      }
    } catch (thrown) {
      this.halted = halted(thrown);
      for (const { refuse } of this.#boundaries.splice(0)) refuse(this.halted);
      changed();
      return;
    }
    this.#withinBatch = false;
    for (const { run } of this.#boundaries.splice(0)) run();
    waiting.reached(this.#state.logIndex);
    applied(this.#state.logIndex);
  }
}

function bytesOf({ Entries }: SharedBatch): number {
  return Entries.reduce((sum, { length }) => sum + length, 0);
}
