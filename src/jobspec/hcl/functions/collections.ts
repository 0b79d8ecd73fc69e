/** Functions on lists, sets and maps. */
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";
import { toSet } from "../type-expression.ts";
import {
  entriesOf,
  equalValues,
  describe,
  isList,
  isMap,
  isSet,
  keyOf,
  kindOf,
  toNumber,
  toText,
  unify,
  withoutDoubles,
  type ListValue,
  type MapValue,
  type Value,
} from "../value.ts";
import { reversed } from "./strings.ts";

/** Results longer than this are refused: a few words could fill the memory. */
const ITEMS_MAX = 1_000_000;

export const COLLECTIONS: FunctionTable = new Map([
  ["chunklist", define(["list: items", "size: number"], chunk)],
  ["coalesce", define([], coalesce, "vals: any?")],
  ["coalescelist", define([], coalesceList, "vals: list")],
  ["compact", define(["list: strings"], (list: (string | null)[]) => list.filter((each) => each !== null && each !== ""))],
  ["concat", define(["seqs: list"], (...lists: ListValue[]) => lists.flat(), "seqs: list")],
  ["contains", define(["list: items", "value: any"], contains)],
  ["distinct", define(["list: items"], (list: ListValue) => withoutDoubles(ofOneKind(list, 0)))],
  ["element", define(["list: list", "index: number"], element)],
  ["flatten", define(["list: items"], (list: ListValue) => flatten(list))],
  ["index", define(["collection: any", "key: any"], index)],
  ["keys", define(["inputMap: map"], (map: MapValue) => entriesOf(map).map(([key]) => key))],
  ["length", define(["collection: any"], length)],
  [
    "lookup",
    define(["inputMap: map", "key: string", "default: any"], (map: MapValue, key: string, otherwise: Value) => map.get(key) ?? otherwise),
  ],
  ["merge", define([], merge, "maps: any?")],
  ["range", define(["first: number"], range, "more: number")],
  ["reverse", define(["list or str: any"], reverse)],
  ["setintersection", define(["first_set: items"], intersection, "other_sets: items")],
  ["setproduct", define([], product, "sets: items")],
  ["setunion", define(["first_set: items"], (...sets: ListValue[]) => asSet(sets.flat()), "other_sets: items")],
  ["slice", define(["list: list", "start_index: number", "end_index: number"], slice)],
  ["values", define(["mapping: map"], (map: MapValue) => entriesOf(map).map(([, value]) => value))],
  ["zipmap", define(["keys: strings", "values: list"], zip)],
]);

/** Nomad's own turns texts round, under both names; its manual promises lists. */
function reverse(given: Value): Value {
  if (given !== null && isList(given)) return given.toReversed();
  const text = toText(given);
  if (text === undefined) throw new FunctionFailure(`wants a list or a text, got ${describe(given)}`, 0);
  return reversed(text);
}

function asSet(items: ListValue): Value[] {
  return toSet(ofOneKind(items));
}

/** Items as a list or a set has them, which holds one kind: text makes text of numbers and booleans beside it. */
function ofOneKind(items: ListValue, argument?: number): ListValue {
  const unified = unify(items);
  const kinds = new Set(unified.filter((item) => item !== null).map(kindOf));
  if (kinds.size > 1) throw new FunctionFailure(`items must be of one kind, got ${[...kinds].join(" and ")}`, argument);
  return unified;
}

function whole(value: number, argument: number): number {
  if (!Number.isInteger(value)) throw new FunctionFailure("wants a whole number", argument);
  return value;
}

function chunk(list: ListValue, size: number): Value {
  if (whole(size, 1) < 0) throw new FunctionFailure("the size must not be negative", 1);
  const items = ofOneKind(list, 0);
  if (size === 0) return items.length === 0 ? [] : [items];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}

function coalesce(...given: ListValue): Value {
  const found = unify(given).find((value) => value !== null && value !== "");
  if (found === undefined || found === null) throw new FunctionFailure("no argument is neither null nor empty");
  return found;
}

function coalesceList(...given: ListValue): Value {
  const found = given.find((value) => (value as ListValue).length > 0);
  if (found === undefined) throw new FunctionFailure("no argument is a list with items");
  return found;
}

function contains(list: ListValue, value: Value): boolean {
  return list.some((item) => equalValues(item, value));
}

function element(list: ListValue, at: number): Value {
  if (list.length === 0) throw new FunctionFailure("the list is empty", 0);
  const remainder = whole(at, 1) % list.length;
  return list[remainder < 0 ? remainder + list.length : remainder] as Value;
}

function flatten(list: ListValue): Value[] {
  return list.flatMap((item) => (item !== null && isList(item) ? flatten(item) : [item]));
}

function index(collection: Value, key: Value): Value {
  if (collection !== null && isList(collection)) {
    const value = collection[toNumber(key) ?? -1];
    if (value === undefined) throw new FunctionFailure(`the list has no item ${describe(key)}`, 1);
    return value;
  }
  if (collection !== null && isMap(collection)) {
    const value = collection.get(toText(key) ?? "");
    if (value === undefined) throw new FunctionFailure(`the map has no key ${describe(key)}`, 1);
    return value;
  }
  throw new FunctionFailure(`collection must be a list or a map, got ${describe(collection)}`, 0);
}

function length(collection: Value): number {
  if (collection !== null && isList(collection)) return collection.length;
  if (collection !== null && isMap(collection)) return collection.size;
  const hint = typeof collection === "string" ? " (the length of a string is strlen)" : "";
  throw new FunctionFailure(`collection must be a list or a map, got ${describe(collection)}${hint}`, 0);
}

function merge(...maps: ListValue): Value {
  const merged = new Map<string, Value>();
  for (const [at, map] of maps.entries()) {
    if (map === null) continue;
    if (!isMap(map)) throw new FunctionFailure(`wants maps, got ${describe(map)}`, at);
    for (const [key, value] of map) merged.set(key, value);
  }
  return merged;
}

function range(first: number, ...more: number[]): Value {
  if (more.length > 2) throw new FunctionFailure("wants 1 to 3 arguments (start, limit, step)");
  const [start, limit] = more.length === 0 ? [0, first] : [first, more[0] as number];
  const step = more[1] ?? (limit < start ? -1 : 1);
  if (step === 0) throw new FunctionFailure("the step must not be zero", 2);
  if (limit > start !== step > 0 && limit !== start) throw new FunctionFailure("the step leads away from the limit", 2);
  const count = Math.max(0, Math.ceil((limit - start) / step));
  if (count > 1024) throw new FunctionFailure("more than 1024 values were generated; either decrease the difference or use a larger step");
  return Array.from({ length: count }, (_, at) => start + at * step);
}

function intersection(...sets: ListValue[]): Value {
  // One kind for all of them: 1 and "1" meet.
  const all = ofOneKind(sets.flatMap((set, index) => ofOneKind(set, index)));
  let taken = 0;
  const [first = [], ...others] = sets.map((set) => toSet(all.slice(taken, (taken += set.length))));
  const shared = others.reduce<Value[]>((left, right) => {
    const known = new Set(right.map(keyOf));
    return left.filter((item) => known.has(keyOf(item)));
  }, first);
  return toSet(shared);
}

function product(...sets: ListValue[]): Value {
  if (sets.length < 2) throw new FunctionFailure("wants at least two lists");
  if (sets.reduce((count, set) => count * set.length, 1) > ITEMS_MAX)
    throw new FunctionFailure(`the result has more than ${ITEMS_MAX} items`);
  const rows = sets
    .map((set, index) => ofOneKind(set, index))
    .reduce<Value[][]>((before, set) => before.flatMap((row) => set.map((item) => [...row, item])), [[]]);
  return sets.some(isSet) ? toSet(rows) : rows;
}

function slice(list: ListValue, start: number, end: number): Value {
  if (whole(start, 1) < 0 || start > list.length) throw new FunctionFailure(`the start must be from 0 to ${list.length}`, 1);
  if (whole(end, 2) > list.length || end < 0) throw new FunctionFailure(`the end must be from 0 to ${list.length}`, 2);
  if (start > end) throw new FunctionFailure("the start must not be after the end", 1);
  return list.slice(start, end);
}

function zip(keys: (string | null)[], values: ListValue): Value {
  if (keys.length !== values.length)
    throw new FunctionFailure(`${keys.length} keys and ${values.length} values: there must be as many of each`);
  return new Map(
    keys.map((key, at) => {
      if (key === null) throw new FunctionFailure(`key ${at} is null`, 0);
      return [key, values[at] as Value];
    }),
  );
}
