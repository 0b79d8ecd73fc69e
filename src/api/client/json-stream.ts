/**
 * Values out of a stream of JSON objects, one after the other, with or without newlines between them: the event stream, log
 * frames, the agent's monitor. nomad.md §3.4.
 */

/** Splits text that arrives in pieces into complete top-level objects. Pure but for what it remembers. */
export class JsonSplitter {
  #text = "";
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** The objects complete so far. Throws SyntaxError for what is not JSON. */
  push(piece: string): unknown[] {
    this.#text += piece;
    const values: unknown[] = [];
    let start = 0;
    for (let at = this.#scanned; at < this.#text.length; at++) {
      const character = this.#text.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === 0x5c) this.#escaped = true;
        else if (character === 0x22) this.#inString = false;
      } else if (character === 0x22) this.#inString = true;
      else if (character === 0x7b || character === 0x5b) this.#depth++;
      else if (character === 0x7d || character === 0x5d) {
        this.#depth--;
        if (this.#depth <= 0) {
          values.push(JSON.parse(this.#text.slice(start, at + 1)));
          start = at + 1;
          this.#depth = 0;
        }
      }
    }
    this.#text = this.#text.slice(start);
    this.#scanned = this.#text.length;
    return values;
  }
}

export async function* jsonValues<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const splitter = new JsonSplitter();
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    for (const value of splitter.push(decoder.decode(chunk, { stream: true }))) yield value as T;
  }
}
