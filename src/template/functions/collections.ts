/** Lists and maps: grouped, searched, unfolded, merged. */
import { compareText } from "../go/bytes.ts";
import { GoMap, GoSlice, GoStruct, type Key, type Value } from "../go/value.ts";
import { type Declared, fail, takes } from "./declare.ts";
import { integerOf, isEmpty, isMap, itemsOf, kindOf, mapOf, textOfValue, typeNameOf } from "./reflect.ts";

/** A field of a struct, or a key of a map: facts come as the one, what was parsed as the other. */
export function memberOf(value: Value, name: string): Value {
  if (value instanceof GoStruct) return value.fields.get(name);
  return value instanceof GoMap ? value.entries.get(name) : undefined;
}

function grouped(items: readonly Value[], keysOf: (item: Value) => readonly Key[]): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const item of items) {
    for (const key of keysOf(item)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [item]);
      else group.push(item);
    }
  }
  return groups;
}

function listOf(value: Value, what: string): readonly Value[] {
  if (value === null || value === undefined) return [];
  return itemsOf(value) ?? fail(`${what}: a list of services is wanted, not ${typeNameOf(value)}`);
}

function byTag([services]: readonly Value[]): Value {
  const items = listOf(services, "byTag");
  return mapOf(
    grouped(items, (item) => {
      const tags = itemsOf(memberOf(item, "Tags") ?? null);
      return tags === undefined ? fail("byTag: a list of services is wanted") : (tags as readonly string[]);
    }),
    "map[string][]interface {}",
  );
}

function byPort([services]: readonly Value[]): Value {
  const items = listOf(services, "byPort");
  return mapOf(
    grouped(items, (item) => {
      const port = memberOf(item, "Port");
      return kindOf(port) === "int" ? [integerOf(port)] : fail("byPort: a list of services is wanted");
    }),
    "map[int][]interface {}",
  );
}

/** `byMeta "version,shard|int"`: values of these, joined by "_"; numbers with five digits. */
function byMeta([fields, services]: readonly Value[]): Value {
  const names = (fields as string).split(",");
  const groups = grouped(listOf(services, "byMeta"), (item) => [
    names.map((name) => metaPart(name, memberOf(item, "ServiceMeta"))).join("_"),
  ]);
  const slices = [...groups].map(([key, items]) => [key, new GoSlice("[]*dependency.HealthService", items)] as const);
  return mapOf(slices, "map[string][]*dependency.HealthService");
}

function metaPart(name: string, meta: Value): string {
  const numeric = name.endsWith("|int");
  const bare = numeric ? name.slice(0, -"|int".length) : name;
  const found = memberOf(meta, bare);
  const value = typeof found === "string" && found !== "" ? found : numeric ? "0" : `_no_${bare}_`;
  if (numeric && !/^[+-]?\d{1,18}$/.test(value)) return fail("byMeta: a value that is to be a number is none");
  const number = Number(value);
  return (numeric ? (number < 0 ? `-${String(-number).padStart(4, "0")}` : String(number).padStart(5, "0")) : value).replace(
    /[^a-zA-Z0-9_-]/g,
    "_",
  );
}

/** "redis/a/b" under redis as "a/b"; what has nothing below it is left out. */
function byKey([pairs]: readonly Value[]): Value {
  const groups = new Map<Key, Map<Key, Value>>();
  for (const pair of itemsOf(pairs) ?? []) {
    const [top = "", ...rest] = String(memberOf(pair, "Key") ?? "").split("/");
    const key = rest.join("/");
    if (key === "") continue;
    const group = groups.get(top) ?? new Map<Key, Value>();
    groups.set(top, group.set(key, pair instanceof GoStruct ? withField(pair, "Key", key) : pair));
  }
  const inner = "map[string]*dependency.KeyPair";
  return mapOf(
    [...groups].map(([top, entries]) => [top, mapOf(entries, inner)]),
    `map[string]${inner}`,
  );
}

const withField = (struct: GoStruct, name: string, value: Value): GoStruct =>
  new GoStruct(struct.typeName, new Map(struct.fields).set(name, value), { pointer: struct.pointer });

/** Go's idea of it: types must be the same, except that all widths of whole numbers are. */
export function holds(list: Value, wanted: Value): boolean {
  const items = itemsOf(list);
  if (items === undefined) return typeof list === "string" && typeof wanted === "string" && list.includes(wanted);
  const kind = kindOf(wanted);
  return items.some((item) => {
    if (kindOf(item) !== kind) return false;
    if (kind === "int") return integerOf(item) === integerOf(wanted);
    if (kind === "float") return item === wanted;
    return kind === "string" && typeNameOf(item) === typeNameOf(wanted) && textOfValue(item) === textOfValue(wanted);
  });
}

function containsSome(atEnd: boolean, inverted: boolean): Declared {
  return takes(["list", "any"], ([wanted, list]: readonly Value[]) => {
    const stops = (itemsOf(wanted) ?? []).some((item) => holds(list, item) !== inverted);
    return stops ? !atEnd : atEnd;
  });
}

type Unfolded = Map<string, Value | Unfolded>;

function unfold(pairs: readonly (readonly [string, Value])[], what: string): GoMap {
  const root: Unfolded = new Map();
  for (const [path, value] of pairs) unfoldOne(root, path.split("/"), value, what);
  return folded(root);
}

function unfoldOne(root: Unfolded, parts: readonly string[], value: Value, what: string): void {
  let at = root;
  for (const part of parts.slice(0, -1)) {
    const next = at.get(part) ?? new Map<string, Value | Unfolded>();
    if (!(next instanceof Map)) return fail(`${what}: a path is both a value and the beginning of another path`);
    at.set(part, next);
    at = next;
  }
  const last = parts.at(-1) as string;
  if (last !== "") at.set(last, value);
}

const folded = (map: Unfolded): GoMap => mapOf([...map].map(([key, value]) => [key, value instanceof Map ? folded(value) : value]));

function explode([pairs]: readonly Value[]): Value {
  const items = itemsOf(pairs) ?? [];
  return unfold(
    items.map((pair) => [String(memberOf(pair, "Key") ?? ""), memberOf(pair, "Value")]),
    "explode",
  );
}

function explodeMap([map]: readonly Value[]): Value {
  const entries = [...(map as GoMap).entries].map(([key, value]) => [String(key), value] as const);
  return unfold(
    entries.toSorted(([a], [b]) => compareText(a, b)),
    "explodeMap",
  );
}

/** What the first lacks (or has empty) comes from the second; `override`: the second wins. Maps are merged in depth; nil is nothing to add. */
export function merged(first: GoMap, second: GoMap, override: boolean, depth = 0): GoMap {
  if (depth > 100) return fail("the maps are nested too deeply");
  const entries = new Map(first.entries);
  for (const [key, theirs] of second.entries) {
    const ours = entries.get(key);
    if (isMap(theirs) && isMap(ours)) entries.set(key, merged(ours, theirs, override, depth + 1));
    else if (override || (theirs !== null && theirs !== undefined && isEmpty(ours))) entries.set(key, theirs);
  }
  return new GoMap(entries, first.typeName);
}

const merge = (override: boolean): Declared =>
  takes(["map", "map"], ([first, second]: readonly Value[]) => merged(first as GoMap, second as GoMap, override));

export const COLLECTIONS: Readonly<Record<string, Declared>> = {
  byKey: takes(["list"], byKey),
  byMeta: takes(["string", "list"], byMeta),
  byPort: takes(["any"], byPort),
  byTag: takes(["any"], byTag),
  contains: takes(["any", "any"], ([wanted, list]: readonly Value[]) => holds(list, wanted)),
  containsAll: containsSome(true, true),
  containsAny: containsSome(false, false),
  containsNone: containsSome(true, false),
  containsNotAll: containsSome(false, true),
  explode: takes(["list"], explode),
  explodeMap: takes(["map"], explodeMap),
  in: takes(["any", "any"], ([list, wanted]: readonly Value[]) => holds(list, wanted)),
  mergeMap: merge(false),
  mergeMapWithOverride: merge(true),
};
