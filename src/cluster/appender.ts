/**
 * Group commit: one append is in flight, and everything that is proposed meanwhile goes into the next. What has become durable is
 * applied in order, while the next append is already under way.
 *
 *   propose ─► queue ─► [append: durable] ─► [apply] ─► answered
 *                 └─ the append failed: the whole batch is refused, the state never saw it
 */
import type { Clock, Log } from "#ports";
import type { Codec, Outcome, State } from "#state";
import { messageOf, NamedError } from "#std";
import { APPLY_SLICE_MS, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX } from "./limits.ts";
import { turn } from "./recover.ts";

interface Proposal {
  readonly bytes: Uint8Array;
  readonly answer: PromiseWithResolvers<Outcome>;
}

export class Appender {
  readonly #log: Log;
  readonly #state: State;
  readonly #codec: Codec;
  readonly #clock: Clock;
  readonly #applied: (index: number) => void;
  #queue: Proposal[] = [];
  /** Batches that are durable and wait to be applied. */
  #applying: Promise<void> = Promise.resolve();
  #appending: Promise<void> | undefined;
  /** Set when the state cannot go on: a broken invariant, a command this program does not know. */
  #halted: NamedError | undefined;

  constructor(options: { log: Log; state: State; codec: Codec; clock: Clock; applied: (index: number) => void }) {
    this.#log = options.log;
    this.#state = options.state;
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#applied = options.applied;
  }

  add(bytes: Uint8Array): Promise<Outcome> {
    if (this.#halted !== undefined) return Promise.reject(this.#halted);
    const answer = Promise.withResolvers<Outcome>();
    this.#queue.push({ bytes, answer });
    // One turn of the microtask queue, so that what is proposed together travels together.
    this.#appending ??= Promise.resolve().then(() => this.#run());
    return answer.promise;
  }

  /** Resolves when everything added before has been answered. */
  async drained(): Promise<void> {
    while (this.#appending !== undefined) await this.#appending;
    await this.#applying;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) await this.#appendBatch(this.#takeBatch());
    this.#appending = undefined;
  }

  #takeBatch(): Proposal[] {
    let bytes = 0;
    let count = 0;
    for (const proposal of this.#queue) {
      bytes += proposal.bytes.length;
      if (count > 0 && (bytes > BATCH_BYTES_MAX || count >= BATCH_ENTRIES_MAX)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #appendBatch(batch: readonly Proposal[]): Promise<void> {
    let first: number;
    try {
      first = await this.#log.append(batch.map(({ bytes }) => bytes));
    } catch (thrown) {
      const refusal = writeFailed(thrown);
      for (const { answer } of batch) answer.reject(refusal);
      return;
    }
    this.#applying = this.#applying.then(() => this.#applyBatch(first, batch));
  }

  async #applyBatch(first: number, batch: readonly Proposal[]): Promise<void> {
    let sliceStart = this.#clock.nowMs();
    for (const [offset, { bytes, answer }] of batch.entries()) {
      try {
        if (this.#halted !== undefined) throw this.#halted;
        answer.resolve(this.#state.apply(first + offset, this.#codec.decode(bytes)));
        this.#applied(first + offset);
      } catch (thrown) {
        // Durable, but not applied: whoever asks must not be told that nothing happened, and nothing may be applied over the hole.
        this.#halted ??= halted(thrown);
        answer.reject(this.#halted);
      }
      if (this.#clock.nowMs() - sliceStart < APPLY_SLICE_MS) continue;
      await turn();
      sliceStart = this.#clock.nowMs();
    }
  }
}

function writeFailed(thrown: unknown): NamedError {
  if (thrown instanceof NamedError && thrown.code === "LOG_WRITE_FAILED") return thrown;
  return new NamedError("LOG_WRITE_FAILED", `Cannot append to log: ${messageOf(thrown)}`, { statusCode: 503, cause: thrown });
}

function halted(thrown: unknown): NamedError {
  return new NamedError("CLUSTER_HALTED", `Cannot go on applying the log: ${messageOf(thrown)}`, {
    fix: "Restart the agent; the entry is in the log and will be tried again.",
    cause: thrown,
  });
}
