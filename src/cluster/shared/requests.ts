/**
 * Who waits for what to be applied: a request for its outcome, a reader for an index. The log answers both, whoever wrote it and by whichever
 * way the request got there.
 */
import type { Outcome } from "#state";

export interface AwaitedRequest {
  readonly outcome: Promise<Outcome>;
  forget(): void;
}

export class Waiting {
  readonly #requests = new Map<string, Set<PromiseWithResolvers<Outcome>>>();
  readonly #indexes = new Set<{ readonly index: number; readonly reached: () => void; readonly fail: (why: Error) => void }>();
  #ended: Error | undefined;

  request(requestId: string): AwaitedRequest {
    const answer = Promise.withResolvers<Outcome>();
    // Whoever has another answer by then does not come back for this one.
    answer.promise.catch(() => undefined);
    if (this.#ended !== undefined) answer.reject(this.#ended);
    const waiting = this.#requests.get(requestId) ?? new Set();
    waiting.add(answer);
    this.#requests.set(requestId, waiting);
    return {
      outcome: answer.promise,
      forget: () => {
        waiting.delete(answer);
        if (waiting.size === 0 && this.#requests.get(requestId) === waiting) this.#requests.delete(requestId);
      },
    };
  }

  /** Log indexes. `applied` is where the state is now. Resolves as well, and forgets, when `over` aborts: whoever gave up looks no more. */
  index(index: number, applied: number, over?: AbortSignal): Promise<void> {
    if (index <= applied || over?.aborted === true) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const leave = (): void => over?.removeEventListener("abort", gaveUp);
      const entry = { index, reached: () => (leave(), resolve()), fail: (why: Error) => (leave(), reject(why)) };
      const gaveUp = (): void => {
        this.#indexes.delete(entry);
        resolve();
      };
      this.#indexes.add(entry);
      over?.addEventListener("abort", gaveUp, { once: true });
    });
  }

  /** How many readers wait for an index. */
  get readers(): number {
    return this.#indexes.size;
  }

  answer(requestId: string, outcome: Outcome): void {
    const waiting = this.#requests.get(requestId);
    if (waiting === undefined) return;
    this.#requests.delete(requestId);
    for (const { resolve } of waiting) resolve(outcome);
  }

  reached(index: number): void {
    for (const entry of this.#indexes) {
      if (entry.index > index) continue;
      this.#indexes.delete(entry);
      entry.reached();
    }
  }

  /** Everything may have been answered by what was not seen going by. */
  lookAgain(outcomeOf: (requestId: string) => Outcome | undefined, applied: number): void {
    for (const requestId of Array.from(this.#requests.keys())) {
      const outcome = outcomeOf(requestId);
      if (outcome !== undefined) this.answer(requestId, outcome);
    }
    this.reached(applied);
  }

  end(why: Error): void {
    this.#ended = why;
    for (const waiting of this.#requests.values()) for (const { reject } of waiting) reject(why);
    this.#requests.clear();
    for (const { fail } of this.#indexes) fail(why);
    this.#indexes.clear();
  }
}
