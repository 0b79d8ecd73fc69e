/** A source text and places in it. Offsets count UTF-16 units, as JavaScript does; people get lines and columns. */
import type { Diagnostic, Position } from "../contract.ts";

export class SourceText {
  /** Shown in errors. */
  readonly name: string;
  readonly text: string;
  readonly #fixed: Position | undefined;
  #lineStarts: number[] | undefined;

  /** `fixed`: the text is a decoded part of another one (a JSON string); every place in it is reported as this one. */
  constructor(name: string, text: string, fixed?: Position) {
    this.name = name;
    this.text = text;
    this.#fixed = fixed;
  }

  /** Line and column, both from 1; a column is a character (code point). */
  positionAt(offset: number): Position {
    if (this.#fixed !== undefined) return this.#fixed;
    const starts = this.#starts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    let column = 1;
    const start = starts[low] as number;
    // A byte order mark is no character of the first line.
    for (let at = start === 0 && this.text.charCodeAt(0) === 0xfeff ? 1 : start; at < offset; column++) {
      const unit = this.text.charCodeAt(at);
      at += unit >= 0xd800 && unit < 0xdc00 && at + 1 < offset ? 2 : 1;
    }
    return { file: this.name, line: low + 1, column };
  }

  #starts(): number[] {
    if (this.#lineStarts === undefined) {
      const starts = [0];
      for (let at = this.text.indexOf("\n"); at !== -1; at = this.text.indexOf("\n", at + 1)) starts.push(at + 1);
      this.#lineStarts = starts;
    }
    return this.#lineStarts;
  }
}

/** From `start` up to but not including `end`. */
export interface Range {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
}

export function rangeBetween(first: Range, last: Range): Range {
  return { source: first.source, start: first.start, end: last.end };
}

/** The text a range covers. */
export function textOf(range: Range): string {
  return range.source.text.slice(range.start, range.end);
}

export function errorAt(range: Range, summary: string, detail = ""): Diagnostic {
  return diagnosticAt("error", range, summary, detail);
}

export function warningAt(range: Range, summary: string, detail = ""): Diagnostic {
  return diagnosticAt("warning", range, summary, detail);
}

function diagnosticAt(severity: Diagnostic["severity"], range: Range, summary: string, detail: string): Diagnostic {
  const start = range.source.positionAt(range.start);
  const end = range.source.positionAt(Math.max(range.start, range.end));
  return { severity, summary, detail, start, end };
}

/** More about a mistake; a function where it costs something to find: most failures inside try(…) are never shown. */
type Detail = string | (() => string);

/** Thrown to unwind to the nearest place that can go on: an attribute, a block. Never leaves this folder's doors. */
export class HclFailure extends Error {
  readonly range: Range;
  readonly #detail: Detail;

  constructor(range: Range, summary: string, detail: Detail = "") {
    super(summary);
    this.range = range;
    this.#detail = detail;
  }

  get diagnostic(): Diagnostic {
    return errorAt(this.range, this.message, typeof this.#detail === "string" ? this.#detail : this.#detail());
  }
}

/** The file asks for more than it may have: no try(…) goes on after that. */
export class HclExhausted extends HclFailure {}

export function failAt(range: Range, summary: string, detail: Detail = ""): never {
  throw new HclFailure(range, summary, detail);
}

/** A failure that an expression may go on after: try(…), the answer of a conditional that is not taken. Throws all others again. */
export function survivable(thrown: unknown): HclFailure {
  if (thrown instanceof HclFailure && !(thrown instanceof HclExhausted)) return thrown;
  throw thrown;
}
