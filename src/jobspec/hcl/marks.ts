/**
 * Sensitive values: whatever is computed from one is one. A marked value is a Marked, for nobody but the evaluator and the decoder to open; lists
 * and maps may hold marked ones inside. What does not know of marks (functions, operators) is given what stands inside, and its
 * result is marked whole.
 *
 *   var.password ─► Marked      "x-${Marked}" ─► Marked in part      { A = Marked, B = 1 } ─► { A: Marked, B: 1 }      upper(Marked) ─► Marked
 *
 * Where it is forgotten a Marked is of no kind there is: an error, never the value.
 */
import { isList, isMap, isSet, type Value } from "./value.ts";

export interface Piece {
  readonly text: string;
  readonly sensitive: boolean;
}

export class Marked {
  readonly #value: Value;
  /** Of a text that is sensitive in parts. */
  readonly pieces: readonly Piece[] | undefined;

  constructor(value: Value, pieces?: readonly Piece[]) {
    this.#value = value;
    this.pieces = pieces;
  }

  /** The value itself. It may hold marked ones. */
  open(): Value {
    return this.#value;
  }

  toString(): string {
    return "(sensitive)";
  }

  toJSON(): string {
    return "(sensitive)";
  }
}

/** To every type a value; only `isMarked` tells. */
export function mark(value: Value, pieces?: readonly Piece[]): Value {
  return isMarked(value) ? value : (new Marked(value, pieces) as unknown as Value);
}

export function textOfPieces(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join("");
}

export function isMarked(value: unknown): value is Marked {
  return value instanceof Marked;
}

/** The value without its own mark. */
export function open(value: Value): Value {
  return isMarked(value) ? (value as unknown as Marked).open() : value;
}

/** The value without any mark, and whether there was one. What holds none is passed on as it is. */
export function openDeep(value: Value): { readonly value: Value; readonly marked: boolean } {
  if (isMarked(value)) return { value: openDeep(open(value)).value, marked: true };
  if (isSet(value)) return { value, marked: false };
  if (value !== null && isList(value)) {
    const items = value.map(openDeep);
    return items.some(({ marked }) => marked) ? { value: items.map((item) => item.value), marked: true } : { value, marked: false };
  }
  if (value !== null && isMap(value)) {
    const entries = [...value].map(([key, inner]) => [key, openDeep(inner)] as const);
    if (!entries.some(([, { marked }]) => marked)) return { value, marked: false };
    return { value: new Map(entries.map(([key, inner]) => [key, inner.value])), marked: true };
  }
  return { value, marked: false };
}

/**
 * Runs what does not know of marks with a way to read that opens them, and marks the result when one was there. `deep`: it looks inside lists
 * and maps.
 */
export function carrying<Asked extends readonly unknown[]>(
  evaluate: (...asked: Asked) => Value,
  run: (read: (...asked: Asked) => Value) => Value,
  deep = false,
): Value {
  let marked = false;
  const read = (...asked: Asked): Value => {
    const value = evaluate(...asked);
    const opened = deep ? openDeep(value) : { value: open(value), marked: isMarked(value) };
    marked ||= opened.marked;
    return opened.value;
  };
  const result = run(read);
  return marked ? mark(result) : result;
}
