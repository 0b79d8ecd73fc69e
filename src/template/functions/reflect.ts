/** What Go's reflection would say of a value. */
import { GoComplex, GoFunction, GoInteger, GoMap, GoSlice, GoStruct, GoText, type Key, type Value } from "../go/value.ts";

export type Kind = "invalid" | "string" | "bool" | "int" | "uint" | "float" | "complex" | "slice" | "map" | "struct" | "ptr" | "func";

/** All signed widths are "int", all unsigned ones "uint". */
export function kindOf(value: Value): Kind {
  if (value === null || value === undefined) return "invalid";
  if (typeof value === "string" || value instanceof GoText) return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (value instanceof GoInteger) return value.unsigned ? "uint" : "int";
  if (value instanceof GoComplex) return "complex";
  if (value instanceof GoMap) return "map";
  if (value instanceof GoStruct) return value.pointer ? "ptr" : "struct";
  return value instanceof GoFunction ? "func" : "slice";
}

/** As %T writes it. */
export function typeNameOf(value: Value): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  if (value instanceof Uint8Array) return "[]uint8";
  if (value instanceof GoStruct) return value.pointer ? `*${value.typeName}` : value.typeName;
  if (value instanceof GoComplex) return "complex128";
  return isArray(value) ? "[]interface {}" : value.typeName;
}

const isArray = (value: Value): value is readonly Value[] => Array.isArray(value);

/** Of anything that is a list; undefined: it is none. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (isArray(value)) return value;
  if (value instanceof GoSlice) return value.items;
  return value instanceof Uint8Array ? Array.from(value, (byte) => new GoInteger("uint8", BigInt(byte))) : undefined;
}

/** Go's zero value or nothing in it: what {{ if }} holds for false. */
export function isEmpty(value: Value): boolean {
  if (value === null || value === undefined || value === false || value === "" || value === 0n || value === 0) return true;
  if (value instanceof GoText) return value.text === "";
  if (value instanceof GoInteger) return value.value === 0n;
  if (value instanceof GoMap) return value.entries.size === 0;
  return itemsOf(value)?.length === 0;
}

export const integerOf = (value: Value): bigint => (value instanceof GoInteger ? value.value : (value as bigint));
export const textOfValue = (value: Value): string => (value instanceof GoText ? value.text : (value as string));
export const isMap = (value: Value): value is GoMap => value instanceof GoMap;
export const mapOf = (entries: Iterable<readonly [Key, Value]>, typeName?: string): GoMap => new GoMap(new Map(entries), typeName);
export const int64 = (value: bigint): GoInteger => new GoInteger("int64", BigInt.asIntN(64, value));
export const uint64 = (value: bigint): GoInteger => new GoInteger("uint64", BigInt.asUintN(64, value));

/** reflect.DeepEqual, near enough for what templates hold. */
export function deepEqual(a: Value, b: Value): boolean {
  if (a === b || (a === undefined && b === null) || (a === null && b === undefined)) return true;
  if (typeNameOf(a) !== typeNameOf(b)) return false;
  if (a instanceof GoInteger && b instanceof GoInteger) return a.value === b.value;
  if (a instanceof GoText && b instanceof GoText) return a.text === b.text;
  if (a instanceof GoMap && b instanceof GoMap) return sameEntries(a.entries, b.entries);
  if (a instanceof GoStruct && b instanceof GoStruct) return a.text?.() === b.text?.() && sameEntries(a.fields, b.fields);
  const [left, right] = [itemsOf(a ?? null), itemsOf(b ?? null)];
  return (
    left !== undefined && right !== undefined && left.length === right.length && left.every((item, index) => deepEqual(item, right[index]))
  );
}

function sameEntries(a: ReadonlyMap<Key, Value>, b: ReadonlyMap<Key, Value>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && deepEqual(value, b.get(key)));
}
