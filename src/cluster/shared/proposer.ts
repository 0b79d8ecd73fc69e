/**
 * The leader's pen: proposals become batches of one tenure, one append under way at a time, and everything that comes meanwhile goes into the
 * next. Time is given here, so it never goes back in the log. Answered is only what was applied.
 */
import type { Clock, Tenure } from "#ports";
import type { Codec, Envelope, Outcome } from "#state";
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, COMMAND_BYTES_MAX } from "../limits.ts";
import { tooLarge } from "../problems.ts";
import type { Waiting } from "./requests.ts";

export interface ProposerOptions {
  readonly tenure: Tenure;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly waiting: Waiting;
  /** Of the state when the tenure began, unix nanoseconds. */
  readonly time: number;
}

interface Proposal {
  readonly bytes: Uint8Array;
  readonly refuse: (why: unknown) => void;
}

export class Proposer {
  readonly #options: ProposerOptions;
  /** On their way, by request id: one that is asked for again meanwhile is not written again. */
  readonly #underWay = new Map<string, Promise<Outcome>>();
  #queue: Proposal[] = [];
  #appending = false;
  #time: number;

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#time = options.time;
  }

  /** Rejects with what Tenure.append rejects with, COMMAND_TOO_LARGE, or when the server ends. */
  add(proposal: Omit<Envelope, "time">): Promise<Outcome> {
    const known = this.#underWay.get(proposal.requestId);
    if (known !== undefined) return known;
    const outcome = this.#propose(proposal).finally(() => this.#underWay.delete(proposal.requestId));
    this.#underWay.set(proposal.requestId, outcome);
    return outcome;
  }

  async #propose({ version, requestId, command }: Omit<Envelope, "time">): Promise<Outcome> {
    const { codec, clock, waiting, tenure } = this.#options;
    if (tenure.lost.aborted) throw tenure.lost.reason;
    this.#time = Math.max(this.#time, clock.nowNs());
    const bytes = codec.encode({ version, time: this.#time, requestId, command });
    if (bytes.length > COMMAND_BYTES_MAX) throw tooLarge(command, bytes.length);
    const awaited = waiting.request(requestId);
    const refused = new Promise<never>((_resolve, reject) => {
      this.#queue.push({ bytes, refuse: reject });
    });
    if (!this.#appending) void this.#run();
    try {
      return await Promise.race([awaited.outcome, refused]);
    } finally {
      awaited.forget();
    }
  }

  async #run(): Promise<void> {
    this.#appending = true;
    // One turn of the microtask queue, so that what is proposed together travels together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#options.tenure.append(batch.map(({ bytes }) => bytes));
      } catch (thrown) {
        for (const { refuse } of batch) refuse(thrown);
      }
    }
    this.#appending = false;
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
}
