/**
 * Values of the language and how they turn into each other. Lists are arrays (a set is a sorted list without doubles), maps and
 * objects are Maps, read in the order of their keys. Numbers are doubles: whole ones are exact up to 2^53.
 */
export type ListValue = readonly Value[];
export type MapValue = ReadonlyMap<string, Value>;
export type Value = string | number | boolean | null | ListValue | MapValue;

/** A set: without doubles, in order. It is read like a list but has no positions: its items are their own keys. */
export class SetValue extends Array<Value> {
  /** What is made of a set (map, filter, slice) is a list. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

export function isSet(value: Value): value is SetValue {
  return value instanceof SetValue;
}

export function isList(value: Value): value is ListValue {
  return Array.isArray(value);
}

export function isMap(value: Value): value is MapValue {
  return value instanceof Map;
}

/** The word for a value's kind in messages; a set is a list. */
export function kindOf(value: Value): "null" | "string" | "number" | "bool" | "list" | "map" {
  if (value === null) return "null";
  if (typeof value === "string" || typeof value === "number") return typeof value as "string" | "number";
  if (typeof value === "boolean") return "bool";
  return isList(value) ? "list" : "map";
}

/** For messages: `string "three"`, `number 5`, `a list`, `null`. */
export function describe(value: Value): string {
  switch (kindOf(value)) {
    case "string": {
      const shown = JSON.stringify((value as string).slice(0, 40));
      return `string ${shown}${(value as string).length > 40 ? "…" : ""}`;
    }
    case "number":
      return `number ${(value as number) >= 1e21 ? String(value) : formatNumber(value as number)}`;
    case "bool":
      return `bool ${String(value)}`;
    case "null":
      return "null";
    default:
      return `a ${kindOf(value)}`;
  }
}

/** Plain decimal, never with an exponent. */
export function formatNumber(value: number): string {
  if (Object.is(value, -0)) return "0";
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign, lead, fraction = "", exponent] = match as unknown as [string, string, string, string | undefined, string];
  const digits = lead + fraction;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, "0");
}

/** Arithmetic in doubles, read in decimal: 0.1 + 0.2 is 0.3. */
export function tidyNumber(value: number): number {
  return Number.isInteger(value) || !Number.isFinite(value) ? value : Number(value.toPrecision(15));
}

const NUMBER_TEXT = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** Text of a primitive; undefined when it has none. */
export function toText(value: Value): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return formatNumber(value);
  return typeof value === "boolean" ? String(value) : undefined;
}

export function toNumber(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || !NUMBER_TEXT.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

export function toBool(value: Value): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "1") return true;
  return value === "false" || value === "0" ? false : undefined;
}

/** Order of text: by code point, as UTF-8 bytes sort. */
export function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const one = left.charCodeAt(index);
    const other = right.charCodeAt(index);
    if (one !== other) {
      const surrogates = Number(isSurrogate(one)) - Number(isSurrogate(other));
      return surrogates !== 0 ? surrogates : one - other;
    }
  }
  return left.length - right.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Entries in the order of their keys. */
export function entriesOf(map: MapValue): [key: string, value: Value][] {
  return [...map].sort(([left], [right]) => compareText(left, right));
}

/** Same kind and same content; no conversion: "1" is not 1. */
export function equalValues(left: Value, right: Value): boolean {
  if (isList(left)) {
    return (
      isList(right) &&
      isSet(left) === isSet(right) &&
      left.length === right.length &&
      left.every((item, index) => equalValues(item, right[index] as Value))
    );
  }
  if (left !== null && isMap(left)) {
    if (right === null || !isMap(right) || left.size !== right.size) return false;
    return [...left].every(([key, value]) => right.has(key) && equalValues(value, right.get(key) as Value));
  }
  return left === right;
}

/** Items of one type, as a list (not a tuple) has them: primitives become text when one of them is text. */
export function unify(items: ListValue): ListValue {
  const kinds = new Set(items.filter((item) => item !== null).map(kindOf));
  if (kinds.size < 2 || !kinds.has("string") || kinds.has("list") || kinds.has("map")) return items;
  return items.map((item) => (item === null ? null : (toText(item) as string)));
}

/** A value with no equal before it. */
export function withoutDoubles(items: ListValue): Value[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = keyOf(item);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Text that is the same for equal values only. */
export function keyOf(value: Value): string {
  if (isList(value)) return `[${value.map(keyOf).join(",")}]`;
  if (value !== null && isMap(value)) {
    return `{${entriesOf(value)
      .map(([key, inner]) => `${JSON.stringify(key)}:${keyOf(inner)}`)
      .join(",")}}`;
  }
  return JSON.stringify(value);
}

/** As plain JSON-like JavaScript. */
export function toPlain(value: Value): unknown {
  if (isList(value)) return value.map(toPlain);
  if (value !== null && isMap(value)) {
    const plain: Record<string, unknown> = {};
    for (const [key, inner] of value) {
      // defineProperty: a key named __proto__ is a key like any other.
      Object.defineProperty(plain, key, { value: toPlain(inner), enumerable: true, configurable: true, writable: true });
    }
    return plain;
  }
  return value;
}

/** From plain JSON-like JavaScript. */
export function fromPlain(plain: unknown): Value {
  if (Array.isArray(plain)) return plain.map(fromPlain);
  if (typeof plain === "object" && plain !== null) {
    return new Map(Object.entries(plain).map(([key, inner]) => [key, fromPlain(inner)] as const));
  }
  if (typeof plain === "string" || typeof plain === "number" || typeof plain === "boolean") return plain;
  return null;
}
