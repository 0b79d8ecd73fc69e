/**
 * Whole list answers, kept while the state they were made from is the newest: a client that asks for the jobs a thousand times a
 * second gets the same bytes. Bounded in number and bytes; the oldest goes first.
 */
export interface KeptText {
  readonly plain: Buffer;
  gzip?: Buffer;
}

const ENTRIES_MAX = 32;
const BYTES_MAX = 16 * 1024 * 1024;
/** Longer ones are not worth the memory. */
const ENTRY_BYTES_MAX = 4 * 1024 * 1024;

export class KeptTexts {
  readonly #entries = new Map<string, KeptText>();
  #bytes = 0;

  get(key: string): KeptText | undefined {
    return this.#entries.get(key);
  }

  put(key: string, plain: Buffer): void {
    if (plain.length > ENTRY_BYTES_MAX) return;
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    this.#entries.set(key, { plain });
    this.#bytes += plain.length;
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= ENTRIES_MAX && this.#bytes <= BYTES_MAX) break;
      this.#remove(oldest, entry);
    }
  }

  #remove(key: string, entry: KeptText): void {
    this.#entries.delete(key);
    this.#bytes -= entry.plain.length;
  }
}
