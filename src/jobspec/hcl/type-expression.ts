/** Types as `variable { type = … }` and `convert` write them: string, number, bool, list(…), set(…), map(…), object({…}), tuple([…]). */
import { didYouMean } from "#std";
import { failAt } from "./source.ts";
import type { Expression } from "./tree.ts";
import { compareText, isList, isMap, kindOf, toBool, toNumber, toText, unify, withoutDoubles, SetValue, type Value } from "./value.ts";

export type ValueType =
  | { readonly kind: "string" | "number" | "bool" | "any" }
  | { readonly kind: "list" | "set" | "map"; readonly of: ValueType }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, ValueType> }
  | { readonly kind: "tuple"; readonly items: readonly ValueType[] };

const PRIMITIVES = ["string", "number", "bool"] as const;
const COLLECTIONS = ["list", "set", "map"] as const;
const WORDS = [...PRIMITIVES, ...COLLECTIONS, "object", "tuple"];

/** Throws HclFailure. `any` only where the caller says so. */
export function readType(expression: Expression, allowAny = false): ValueType {
  if (expression.kind === "variable") {
    const { name } = expression;
    const primitive = PRIMITIVES.find((word) => word === name);
    if (primitive !== undefined) return { kind: primitive };
    if (name === "any") {
      if (allowAny) return { kind: "any" };
      failAt(expression.range, 'Type "any" is not allowed here', "Name the type, or leave type out: the value is taken as it is.");
    }
    if (WORDS.includes(name)) failAt(expression.range, `Type "${name}" wants an argument`, `For example ${exampleOf(name)}.`);
    failAt(expression.range, `Unknown type "${name}"`, `${didYouMean(name, WORDS)}Types are ${WORDS.join(", ")}.`);
  }
  if (expression.kind === "call") return readConstructor(expression, allowAny);
  if (expression.kind === "literal" && typeof expression.value === "string" && WORDS.includes(expression.value)) {
    failAt(expression.range, "A type is written without quotes", `Write type = ${expression.value}.`);
  }
  failAt(expression.range, "Expected a type", `Types are ${WORDS.join(", ")}.`);
}

function exampleOf(name: string): string {
  if (name === "object") return "object({ name = string })";
  return name === "tuple" ? "tuple([string, number])" : `${name}(string)`;
}

function readConstructor(call: Expression & { kind: "call" }, allowAny: boolean): ValueType {
  const collection = COLLECTIONS.find((word) => word === call.name);
  const [argument] = call.arguments;
  if (collection === undefined && call.name !== "object" && call.name !== "tuple") {
    const detail = call.name === "optional" ? "Every attribute of an object type must be given." : didYouMean(call.name, WORDS);
    failAt(call.nameRange, `Unknown type "${call.name}(…)"`, `${detail} Types are ${WORDS.join(", ")}.`.trim());
  }
  if (argument === undefined || call.arguments.length !== 1) {
    failAt(call.range, `Type "${call.name}" wants one argument`, `For example ${exampleOf(call.name)}.`);
  }
  if (collection !== undefined) return { kind: collection, of: readType(argument, allowAny) };
  if (call.name === "tuple") {
    if (argument.kind !== "tuple") failAt(argument.range, "A tuple type wants a list of types", "For example tuple([string, number]).");
    return { kind: "tuple", items: argument.items.map((item) => readType(item, allowAny)) };
  }
  if (argument.kind !== "object") failAt(argument.range, "An object type wants a map of types", "For example object({ name = string }).");
  const fields = new Map<string, ValueType>();
  for (const { key, value } of argument.items) {
    if (key.kind !== "literal") failAt(key.range, "An attribute's name cannot be computed here");
    fields.set(String(key.value), readType(value, allowAny));
  }
  return { kind: "object", fields };
}

/** As it was written. */
export function formatType(type: ValueType): string {
  switch (type.kind) {
    case "list":
    case "set":
    case "map":
      return `${type.kind}(${formatType(type.of)})`;
    case "tuple":
      return `tuple([${type.items.map(formatType).join(", ")}])`;
    case "object":
      return `object({${[...type.fields].map(([name, inner]) => `${name}=${formatType(inner)}`).join(", ")}})`;
    default:
      return type.kind;
  }
}

/** Why a value is not of a type: `attribute "port": number required, got string "x"`. */
export class ConversionFailure extends Error {}

/** The value as that type; throws ConversionFailure. */
export function convertTo(value: Value, type: ValueType): Value {
  if (value === null || type.kind === "any") return value;
  switch (type.kind) {
    case "string":
      return toText(value) ?? fail("string required", value);
    case "number":
      return toNumber(value) ?? fail("number required", value);
    case "bool":
      return toBool(value) ?? fail("bool required (true or false)", value);
    case "list":
    case "set": {
      if (!isList(value)) fail(`${type.kind} required`, value);
      const items = value.map((item, index) => within(`item ${index}`, () => convertTo(item, type.of)));
      const unified = type.of.kind === "any" ? unify(items) : items;
      return type.kind === "list" ? unified : toSet(unified);
    }
    case "tuple":
      if (!isList(value)) fail("tuple required", value);
      if (value.length !== type.items.length)
        throw new ConversionFailure(`tuple of ${type.items.length} required, got ${value.length} items`);
      return value.map((item, index) => within(`item ${index}`, () => convertTo(item, type.items[index] as ValueType)));
    case "map":
      return convertMap(value, type.of);
    case "object":
      return convertObject(value, type.fields);
  }
}

function convertMap(value: Value, of: ValueType): Value {
  if (value === null || !isMap(value)) fail("map required", value);
  const keys = [...value.keys()];
  const converted = keys.map((key) => within(`key "${key}"`, () => convertTo(value.get(key) as Value, of)));
  const unified = of.kind === "any" ? unify(converted) : converted;
  return new Map(keys.map((key, index) => [key, unified[index] as Value]));
}

function convertObject(value: Value, fields: ReadonlyMap<string, ValueType>): Value {
  if (value === null || !isMap(value)) fail("object required", value);
  const result = new Map<string, Value>();
  for (const [name, inner] of fields) {
    const given = value.get(name);
    if (given === undefined) throw new ConversionFailure(`attribute "${name}" is required`);
    result.set(
      name,
      within(`attribute "${name}"`, () => convertTo(given, inner)),
    );
  }
  return result;
}

/** Sets are read in order: text by code point, numbers by size. */
export function toSet(items: ListValueOf): SetValue {
  const sorted = withoutDoubles(items).sort((left, right) => {
    if (typeof left === "number" && typeof right === "number") return left - right;
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return compareText(toText(left) ?? "", toText(right) ?? "");
  });
  return SetValue.from(sorted) as SetValue;
}
type ListValueOf = readonly Value[];

function within<T>(where: string, convert: () => T): T {
  try {
    return convert();
  } catch (thrown) {
    if (thrown instanceof ConversionFailure) throw new ConversionFailure(`${where}: ${thrown.message}`);
    throw thrown;
  }
}

function fail(wanted: string, value: Value): never {
  // Not the value itself: it may be a secret.
  throw new ConversionFailure(`${wanted}, got ${kindOf(value)}`);
}
