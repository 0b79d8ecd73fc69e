/**
 * Equal short texts kept once. Twenty thousand allocations say "running" and "Task started by client"; decoded from the log each
 * would be a string of its own. Content is never changed, so what is interned when does not matter to determinism.
 */
const LENGTH_MAX = 64;
const ENTRIES_MAX = 8192;

export class Interned {
  readonly #texts = new Map<string, string>();

  text<T extends string>(text: T): T {
    if (text.length > LENGTH_MAX) return text;
    const known = this.#texts.get(text);
    if (known !== undefined) return known as T;
    if (this.#texts.size >= ENTRIES_MAX) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}

const NOTHING: Readonly<Record<string, never>> = Object.freeze({});
const NONE: readonly never[] = Object.freeze([]);

/** The one empty object, if this is one. */
export function sharedIfEmpty<T extends object>(value: T): T {
  if (Array.isArray(value)) return value.length === 0 ? (NONE as unknown as T) : value;
  for (const _ in value) return value;
  return NOTHING as T;
}
