/** Sprig's functions on numbers, lists, maps and times: `sprig_NAME`. What Go leaves in any order (keys, values) is in order here. */
import { formatDuration, parseDuration } from "#std";
import { compareText } from "../go/bytes.ts";
import { GoInteger, GoMap, GoSlice, type Key, type Value } from "../go/value.ts";
import { merged } from "./collections.ts";
import { allowItems, allowParsed, type Declared, fail, takes, takesMany } from "./declare.ts";
import { readFloat } from "./float-text.ts";
import { jsonText, valueOfJson } from "./json-text.ts";
import { deepEqual, int64, integerOf, isEmpty, itemsOf, kindOf, mapOf, typeNameOf } from "./reflect.ts";
import { textFor, texts, textsFor } from "./sprig-text.ts";
import { TimeValue } from "./time-value.ts";

type Args = readonly Value[];

function wholeFor(value: Value): bigint {
  const kind = kindOf(value);
  if (kind === "int" || kind === "uint") return BigInt.asIntN(64, integerOf(value));
  if (kind === "float") return Number.isFinite(value as number) ? BigInt(Math.trunc(value as number)) : 0n;
  if (kind === "bool") return value === true ? 1n : 0n;
  if (kind !== "string") return 0n;
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|\d+)(?:\.0*)?$/.exec(textFor(value));
  if (match === null) return 0n;
  const size = BigInt((match[2] as string).replace(/^0[oO]?(?=[0-7])/, (zero) => (match[2] === "0" ? zero : "0o")));
  return match[1] === "-" ? -size : size;
}

function floatFor(value: Value): number {
  const kind = kindOf(value);
  if (kind === "int" || kind === "uint") return Number(integerOf(value));
  if (kind === "float") return value as number;
  if (kind === "bool") return value === true ? 1 : 0;
  return kind === "string" ? (readFloat(textFor(value)) ?? 0) : 0;
}

const wholes = (fold: (a: bigint, b: bigint) => bigint): Declared =>
  takesMany(["any"], 1, (args: Args) => int64(args.map(wholeFor).reduce((a, b) => BigInt.asIntN(64, fold(a, b)))));
const floats = (fold: (a: number, b: number) => number): Declared =>
  takesMany(["any"], 1, (args: Args) => exact(args.map(floatFor).reduce(fold)));
/** Sprig counts in decimals: 0.1 and 0.2 are 0.3. */
const exact = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(15)) : value);
const nonZero = (value: bigint): bigint => (value === 0n ? fail("the divisor is zero") : value);
const whole2 = (call: (a: bigint, b: bigint) => bigint): Declared =>
  takes(["any", "any"], ([a, b]: Args) => int64(call(wholeFor(a), wholeFor(b))));
const float1 = (call: (value: number) => number): Declared => takes(["any"], ([value]: Args) => call(floatFor(value)));

function steps(from: number, to: number, step: number): bigint[] {
  if (to < from ? step >= 0 : step <= 0) return [];
  const count = Math.ceil((to - from) / step);
  allowItems(count);
  return Array.from({ length: count }, (_, index) => BigInt(from + index * step));
}

const ints = (items: readonly bigint[]): GoSlice => new GoSlice("[]int", items);

function sequence(args: Args): Value {
  const [first = 0, second = 0, third = 0] = args.map(Number);
  if (args.length === 0 || args.length > 3) return "";
  const [from, step, to] =
    args.length === 1
      ? [1, first < 1 ? -1 : 1, first]
      : args.length === 2
        ? [first, second < first ? -1 : 1, second]
        : [first, second, third];
  if (to < from && step > 0) return "";
  return steps(from, to + (to < from ? -1 : 1), step).join(" ");
}

function round([value, places, at]: Args): Value {
  const power = 10 ** Number(places);
  const digit = power * floatFor(value);
  return (digit - Math.trunc(digit) >= ((at as number | undefined) ?? 0.5) ? Math.ceil(digit) : Math.floor(digit)) / power;
}

const listOf = (value: Value, what: string): readonly Value[] =>
  itemsOf(value ?? null) ?? fail(`sprig_${what}: a list is wanted, not ${typeNameOf(value)}`);
const list1 = (name: string, call: (items: readonly Value[]) => Value): readonly (readonly [string, Declared])[] => {
  const declared = takes(["any"], ([list]: Args) => call(listOf(list, name)));
  return both(name, declared);
};
const both = (name: string, declared: Declared): readonly (readonly [string, Declared])[] => [
  [name, declared],
  [`must${(name[0] as string).toUpperCase()}${name.slice(1)}`, declared],
];
const has = (items: readonly Value[], wanted: Value): boolean => items.some((item) => deepEqual(item, wanted));

function unique(items: readonly Value[]): Value[] {
  const kept: Value[] = [];
  const simple = new Set<Value>();
  for (const item of items) {
    if (typeof item === "string" || typeof item === "bigint") {
      if (simple.has(item)) continue;
      simple.add(item);
    } else if (has(kept, item)) continue;
    kept.push(item);
  }
  return kept;
}

function slice([list, ...bounds]: Args): Value {
  const items = listOf(list, "slice");
  const [from = 0, to = items.length] = bounds.map((bound) => Number(wholeFor(bound)));
  return from < 0 || to > items.length || from > to ? fail("sprig_slice: out of range") : items.slice(from, to);
}

function chunks([size, list]: Args): Value {
  const [length, items] = [Number(size), listOf(list, "chunk")];
  if (length <= 0) return fail("sprig_chunk: the size must be positive");
  const made = Array.from({ length: Math.ceil(items.length / length) }, (_, index) => items.slice(index * length, (index + 1) * length));
  return new GoSlice("[][]interface {}", made);
}

const entries = (map: Value): Map<Key, Value> => (map as GoMap).entries as Map<Key, Value>;
const sortedEntries = (map: Value): [Key, Value][] => [...entries(map)].toSorted(([a], [b]) => compareText(String(a), String(b)));

function dict(args: Args): Value {
  const pairs = Array.from({ length: Math.ceil(args.length / 2) }, (_, index): [Key, Value] => [
    textFor(args[2 * index]),
    2 * index + 1 < args.length ? (args[2 * index + 1] ?? null) : "",
  ]);
  return mapOf(pairs);
}

/** These two change the map they are given, as in Go. */
function set([map, key, value]: Args): Value {
  entries(map).set(key as string, value ?? null);
  return map;
}

function unset([map, key]: Args): Value {
  entries(map).delete(key as string);
  return map;
}

function dig(args: Args): Value {
  const keys = args.slice(0, -2);
  let at: Value = args.at(-1);
  for (const key of keys) {
    if (!(at instanceof GoMap) || typeof key !== "string") return fail("sprig_dig: its arguments are KEY… DEFAULT MAP");
    if (!at.entries.has(key)) return args.at(-2);
    at = at.entries.get(key);
  }
  return at;
}

const merge = (override: boolean): Declared =>
  takesMany(["map"], 1, ([first, ...others]: Args) => {
    const target = entries(first);
    for (const other of others) for (const [key, value] of merged(first as GoMap, other as GoMap, override).entries) target.set(key, value);
    return first;
  });

const kept = (wanted: boolean): Declared =>
  takesMany(["map", "string"], 1, ([map, ...keys]: Args) =>
    mapOf([...entries(map)].filter(([key]) => keys.includes(key as string) === wanted)),
  );

function fromJson(text: string): Value {
  allowParsed(text);
  try {
    return valueOfJson(JSON.parse(text));
  } catch {
    return null;
  }
}

const json = (indent: string, escapeHtml: boolean): Declared => takes(["any"], ([value]: Args) => jsonText(value, { indent, escapeHtml }));

const KINDS: Readonly<Record<string, string>> = { "interface {}": "interface", float64: "float64", complex128: "complex128", bool: "bool" };

/** reflect's Kind. */
function goKind(value: Value): string {
  const kind = kindOf(value);
  if (kind === "uint" || kind === "int") return value instanceof GoInteger ? value.typeName : "int";
  return kind === "float" || kind === "complex" ? (KINDS[typeNameOf(value)] ?? kind) : kind;
}

/** Of a duration, the largest unit it is more than one of. */
function durationRound([value]: Args, nowMs: number): string {
  const ns =
    value instanceof TimeValue
      ? nowMs * 1e6 - Number(value.unixNs)
      : typeof value === "string"
        ? (parseDuration(value) ?? 0)
        : value instanceof GoInteger
          ? Number(value.value)
          : 0;
  const units: readonly (readonly [string, number])[] = [
    ["y", 31_536_000e9],
    ["mo", 2_592_000e9],
    ["d", 86_400e9],
    ["h", 3600e9],
    ["m", 60e9],
    ["s", 1e9],
  ];
  const unit = units.find(([, size]) => Math.abs(ns) > size);
  return unit === undefined ? "0s" : `${Math.floor(Math.abs(ns) / unit[1])}${unit[0]}`;
}

const seconds = (value: Value): string =>
  formatDuration(
    Number(kindOf(value) === "string" || (value instanceof GoInteger && value.typeName === "int64") ? wholeFor(value) : 0n) * 1e9,
  );
const pair = (call: (list: readonly Value[], value: Value) => Value, name: string) =>
  both(
    name,
    takes(["any", "any"], ([list, value]: Args) => call(listOf(list, name), value ?? null)),
  );

export const SPRIG_VALUES: readonly (readonly [string, Declared])[] = [
  ["atoi", takes(["string"], ([text]: Args) => (/^[+-]?\d{1,19}$/.test(text as string) ? BigInt((text as string).replace("+", "")) : 0n))],
  ["int64", takes(["any"], ([value]: Args) => int64(wholeFor(value)))],
  ["int", takes(["any"], ([value]: Args) => wholeFor(value))],
  ["float64", float1((value) => value)],
  ["seq", takesMany(["int"], 0, sequence)],
  [
    "toDecimal",
    takes(["any"], ([value]: Args) => int64(/^-?[0-7]{1,21}$/.test(textFor(value)) ? BigInt(Number.parseInt(textFor(value), 8)) : 0n)),
  ],
  ["until", takes(["int"], ([count]: Args) => ints(steps(0, Number(count), Number(count) < 0 ? -1 : 1)))],
  ["untilStep", takes(["int", "int", "int"], (args: Args) => ints(steps(Number(args[0]), Number(args[1]), Number(args[2]))))],
  ["add1", takes(["any"], ([value]: Args) => int64(wholeFor(value) + 1n))],
  ["add", wholes((a, b) => a + b)],
  ["sub", whole2((a, b) => a - b)],
  ["div", whole2((a, b) => a / nonZero(b))],
  ["mod", whole2((a, b) => a % nonZero(b))],
  ["mul", wholes((a, b) => a * b)],
  ["add1f", float1((value) => exact(value + 1))],
  ["addf", floats((a, b) => a + b)],
  ["subf", floats((a, b) => a - b)],
  ["divf", floats((a, b) => a / b)],
  ["mulf", floats((a, b) => a * b)],
  ["biggest", wholes((a, b) => (a > b ? a : b))],
  ["max", wholes((a, b) => (a > b ? a : b))],
  ["min", wholes((a, b) => (a < b ? a : b))],
  ["maxf", floats((a, b) => Math.max(a, b))],
  ["minf", floats((a, b) => Math.min(a, b))],
  ["ceil", float1(Math.ceil)],
  ["floor", float1(Math.floor)],
  ["round", takesMany(["any", "int", "float"], 2, round, 3)],
  ["sortAlpha", takes(["any"], ([value]: Args) => texts(textsFor(value).toSorted(compareText)))],
  ["default", takesMany(["any"], 1, ([otherwise, given]: Args) => (isEmpty(given) ? otherwise : given), 2)],
  ["empty", takes(["any"], ([value]: Args) => isEmpty(value))],
  ["coalesce", takesMany(["any"], 0, (args: Args) => args.find((arg) => !isEmpty(arg)) ?? null)],
  ["all", takesMany(["any"], 0, (args: Args) => !args.some(isEmpty))],
  ["any", takesMany(["any"], 0, (args: Args) => args.some((arg) => !isEmpty(arg)))],
  ["fromJson", takes(["string"], ([text]: Args) => fromJson(text as string))],
  ["mustFromJson", takes(["string"], ([text]: Args) => fromJson(text as string) ?? fail("sprig_mustFromJson: the text is not JSON"))],
  ...both("toJson", json("", true)),
  ...both("toPrettyJson", json("  ", true)),
  ...both("toRawJson", json("", false)),
  ["ternary", takes(["any", "any", "bool"], ([yes, no, which]: Args) => (which === true ? yes : no))],
  ...both(
    "deepCopy",
    takes(["any"], ([value]: Args) => copied(value)),
  ),
  ["typeOf", takes(["any"], ([value]: Args) => typeNameOf(value))],
  ["typeIs", takes(["string", "any"], ([name, value]: Args) => typeNameOf(value) === name)],
  ["typeIsLike", takes(["string", "any"], ([name, value]: Args) => [name, `*${String(name)}`].includes(typeNameOf(value)))],
  ["kindOf", takes(["any"], ([value]: Args) => goKind(value))],
  ["kindIs", takes(["string", "any"], ([name, value]: Args) => goKind(value) === name)],
  ["deepEqual", takes(["any", "any"], ([a, b]: Args) => deepEqual(a, b))],
  ["list", takesMany(["any"], 0, (args: Args) => [...args])],
  ["tuple", takesMany(["any"], 0, (args: Args) => [...args])],
  ["dict", takesMany(["any"], 0, dict)],
  ["get", takes(["map", "string"], ([map, key]: Args) => (entries(map).has(key as string) ? entries(map).get(key as string) : ""))],
  ["set", takes(["map", "string", "any"], set)],
  ["unset", takes(["map", "string"], unset)],
  ["hasKey", takes(["map", "string"], ([map, key]: Args) => entries(map).has(key as string))],
  [
    "pluck",
    takesMany(["string", "map"], 1, ([key, ...maps]: Args) =>
      maps.filter((map) => entries(map).has(key as string)).map((map) => entries(map).get(key as string)),
    ),
  ],
  ["keys", takesMany(["map"], 0, (maps: Args) => texts(maps.flatMap((map) => sortedEntries(map).map(([key]) => String(key)))))],
  ["values", takes(["map"], ([map]: Args) => sortedEntries(map).map(([, value]) => value))],
  ["pick", kept(true)],
  ["omit", kept(false)],
  ...both("merge", merge(false)),
  ...both("mergeOverwrite", merge(true)),
  ["dig", takesMany(["any"], 3, dig)],
  ...pair((items, value) => [...items, value], "append"),
  ...pair((items, value) => [...items, value], "push"),
  ...pair((items, value) => [value, ...items], "prepend"),
  ...list1("first", (items) => items[0] ?? null),
  ...list1("last", (items) => items.at(-1) ?? null),
  ...list1("rest", (items) => items.slice(1)),
  ...list1("initial", (items) => items.slice(0, -1)),
  ...list1("reverse", (items) => items.toReversed()),
  ...list1("compact", (items) => items.filter((item) => !isEmpty(item))),
  ...list1("uniq", unique),
  ...both(
    "without",
    takesMany(["any"], 1, ([list, ...others]: Args) => listOf(list, "without").filter((item) => !has(others, item))),
  ),
  ...both(
    "has",
    takes(["any", "any"], ([wanted, list]: Args) => (list === null ? false : has(listOf(list, "has"), wanted))),
  ),
  ...both("slice", takesMany(["any"], 1, slice)),
  ...both("chunk", takes(["int", "any"], chunks)),
  ["concat", takesMany(["any"], 0, (lists: Args) => lists.flatMap((list) => [...listOf(list, "concat")]))],
  ["duration", takes(["any"], ([value]: Args) => seconds(value))],
  ["durationRound", takes(["any"], (args: Args, { nowMs }) => durationRound(args, nowMs))],
  [
    "unixEpoch",
    takes(["any"], ([time]: Args) =>
      time instanceof TimeValue ? String(time.unixNs / 1_000_000_000n) : fail("sprig_unixEpoch: a time is wanted"),
    ),
  ],
];

function copied(value: Value): Value {
  if (value instanceof GoMap)
    return new GoMap(new Map([...value.entries].map(([key, entry]) => [key, copied(entry)])), value.typeName, value.methods);
  return Array.isArray(value) ? value.map(copied) : value;
}
