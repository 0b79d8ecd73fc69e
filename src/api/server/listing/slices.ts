/** Long work in short pieces, so that no list stops the event loop: everything here gives way after a bounded amount of work. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Items looked at before giving way. */
const ITEMS_PER_SLICE = 2000;
/** Characters of JSON made before giving way: about 2 ms of work. */
const CHARACTERS_PER_SLICE = 256 * 1024;
const SORT_RUN = 8192;

/** Those of `items` that `keep` holds for, until `enough` of them. */
export async function collect<T>(items: Iterable<T>, keep: (item: T) => boolean, enough = Infinity): Promise<T[]> {
  const kept: T[] = [];
  let seen = 0;
  for (const item of items) {
    if (keep(item)) {
      kept.push(item);
      if (kept.length >= enough) break;
    }
    if (++seen % ITEMS_PER_SLICE === 0) await nextTurn();
  }
  return kept;
}

/** A sorted copy. Runs are sorted one a turn, then merged pairwise. */
export async function sortInSlices<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<readonly T[]> {
  if (items.length <= SORT_RUN) return items.toSorted(compare);
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += SORT_RUN) {
    runs.push(items.slice(at, at + SORT_RUN).sort(compare));
    await nextTurn();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at] as T[], runs[at + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] as T[];
}

async function merge<T>(left: T[], right: T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const merged: T[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const takeLeft = r >= right.length || (l < left.length && compare(left[l] as T, right[r] as T) <= 0);
    merged.push((takeLeft ? left[l++] : right[r++]) as T);
    if (merged.length % (4 * ITEMS_PER_SLICE) === 0) await nextTurn();
  }
  return merged;
}

/** A JSON array as pieces of text. Give way between two pieces: the consumer writes, then asks for the next. */
export function* arrayText<T>(items: readonly T[], text: (item: T) => string): Generator<string> {
  let piece: string[] = [];
  let size = 0;
  let opening = "[";
  for (const item of items) {
    const one = text(item);
    piece.push(opening, one);
    opening = ",";
    size += one.length;
    if (size >= CHARACTERS_PER_SLICE) {
      yield piece.join("");
      piece = [];
      size = 0;
    }
  }
  piece.push(items.length === 0 ? "[]" : "]");
  yield piece.join("");
}
