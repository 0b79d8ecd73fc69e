/**
 * This server's digests of its own state, for the others to compare: at indexes that are the same on all (digest-verdict.ts), over a pinned
 * version, in slices beside all other work. One at a time: what is due meanwhile is passed over.
 *
 *   entry applied ──due?──► pinned ──slices──► one of the last few, told with the next report
 *                               └── the state was replaced: dropped, and those before it
 */
import type { Clock, StateDigest } from "#ports";
import type { State } from "#state";
import { pause } from "../deadline.ts";
import { digestIsDue, type DigestSchedule, type DigestVerdict } from "./digest-verdict.ts";

/** Servers are apart by seconds at most, or by far more than these. */
const DIGESTS_KEPT = 4;
/** With the record that is at hand when it is over: 5 ms. */
const SLICE_MS = 3;
/** After each slice: a fifth of a core while it lasts. */
const REST_MS = 12;

export class Digests {
  readonly #state: State;
  readonly #clock: Clock;
  readonly #schedule: DigestSchedule;
  readonly #signal: AbortSignal;
  #timeNs: number;
  #kept: readonly StateDigest[] = [];
  #isBusy = false;
  #agreedIndex = 0;
  #tiedIndex = 0;
  /** Of what the state was made: another after it was replaced. */
  #origin = {};

  constructor({ state, clock, schedule, signal }: { state: State; clock: Clock; schedule: DigestSchedule; signal: AbortSignal }) {
    this.#state = state;
    this.#clock = clock;
    this.#schedule = schedule;
    this.#signal = signal;
    this.#timeNs = state.time;
  }

  /** Up to where the others hold the same as this server, as far as that was ever compared. */
  get agreedIndex(): number {
    return this.#agreedIndex;
  }

  told(verdict: Extract<DigestVerdict, { readonly kind: "agrees" | "tied" }>, warn: (message: string) => void): void {
    if (verdict.kind === "agrees") this.#agreedIndex = Math.max(this.#agreedIndex, verdict.index);
    else if (verdict.index !== this.#tiedIndex) {
      this.#tiedIndex = verdict.index;
      warn(`At index ${verdict.index} the servers' states differ, and no majority says which is right: all go on with theirs; report it`);
    }
  }

  /** Newest last. */
  get kept(): readonly StateDigest[] {
    return this.#kept;
  }

  /** After each entry, in the turn that applied it. */
  applied(): void {
    const state = this.#state;
    const previousTimeNs = this.#timeNs;
    this.#timeNs = state.time;
    const entry = { logIndex: state.logIndex, timeNs: state.time, previousTimeNs };
    if (!digestIsDue(entry, () => state.recordCount, this.#schedule) || this.#isBusy) return;
    this.#isBusy = true;
    const of = { Index: entry.logIndex, EpochId: state.leadership?.EpochID ?? "" };
    void this.#compute(of, state.digesting()).finally(() => (this.#isBusy = false));
  }

  /** The state has become another one: what was said of it says nothing any more. */
  forget(): void {
    this.#origin = {};
    this.#kept = [];
    this.#agreedIndex = 0;
    this.#timeNs = this.#state.time;
  }

  async #compute(of: Omit<StateDigest, "Digest">, steps: Iterator<undefined, string>): Promise<void> {
    const origin = this.#origin;
    for (;;) {
      await pause(this.#clock, REST_MS, this.#signal);
      if (this.#signal.aborted || origin !== this.#origin) return;
      const Digest = this.#slice(steps);
      if (Digest === undefined) continue;
      this.#kept = [...this.#kept, { ...of, Digest }].slice(-DIGESTS_KEPT);
      return;
    }
  }

  /** The digest, when that was the last. */
  #slice(steps: Iterator<undefined, string>): string | undefined {
    const startedMs = this.#clock.nowMs();
    do {
      const { done, value } = steps.next();
      if (done === true) return value;
    } while (this.#clock.nowMs() - startedMs < SLICE_MS);
    return undefined;
  }
}
