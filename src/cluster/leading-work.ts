/**
 * What runs only on the server that leads. Begins and ends never overlap: everything goes through one queue, and what has begun is ended, and
 * waited for, before anything begins again.
 *
 *   add(begin) ─► idle ──begin(leadership)──► at work ──end()──► idle
 */
import { messageOf } from "#std";
import type { Cluster, Leadership } from "./contract.ts";

type Begin = Parameters<Cluster["whenLeading"]>[0];

interface Entry {
  readonly begin: Begin;
  end: (() => Promise<void>) | undefined;
}

export class LeadingWork {
  readonly #warn: (message: string) => void;
  readonly #failed: (thrown: unknown) => void;
  readonly #entries = new Set<Entry>();
  #leadership: Leadership | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** `failed`: one that was added while leading could not begin. */
  constructor(warn: (message: string) => void, failed: (thrown: unknown) => void) {
    this.#warn = warn;
    this.#failed = failed;
  }

  async add(begin: Begin): Promise<() => void> {
    const entry: Entry = { begin, end: undefined };
    this.#entries.add(entry);
    await this.#next(async () => {
      if (this.#leadership === undefined || entry.end !== undefined) return;
      try {
        entry.end = await begin(this.#leadership);
      } catch (thrown) {
        this.#failed(thrown);
      }
    });
    return () => {
      this.#entries.delete(entry);
      void this.#next(() => this.#endOne(entry));
    };
  }

  /** Rejects with what the first that failed threw, after the others were ended again. */
  begin(leadership: Leadership): Promise<void> {
    return this.#next(async () => {
      this.#leadership = leadership;
      try {
        for (const entry of Array.from(this.#entries)) {
          if (leadership.lost.aborted) break;
          entry.end ??= await entry.begin(leadership);
        }
      } catch (thrown) {
        await this.#endAll();
        throw thrown;
      }
    });
  }

  end(): Promise<void> {
    return this.#next(() => this.#endAll());
  }

  async #endAll(): Promise<void> {
    this.#leadership = undefined;
    for (const entry of [...this.#entries].toReversed()) await this.#endOne(entry);
  }

  async #endOne(entry: Entry): Promise<void> {
    const { end } = entry;
    entry.end = undefined;
    try {
      await end?.();
    } catch (thrown) {
      this.#warn(`Cannot end what runs on the leader: ${messageOf(thrown)}`);
    }
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
