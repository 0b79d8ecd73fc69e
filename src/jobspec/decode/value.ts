/** A value of the language → what a property holds: text, whole number, boolean, nanoseconds, lists and maps of them. */
import type { TSchema } from "typebox";
import { parseDuration } from "#std";
import { describe, isList, isMap, kindOf, toBool, toNumber, toPlain, toText, type Value } from "../hcl/mod.ts";

export type Converted = { readonly value: unknown } | { readonly wanted: string; readonly got: Value };

interface Shape {
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
}

/** Null is for the caller: an attribute set to null is as good as not written. */
export function convertValue(value: Value, schema: TSchema, duration: boolean): Converted {
  return convert(value, schema as Shape, duration);
}

/** Could a text stand in it? */
export function holdsText(schema: TSchema): boolean {
  const texts = (given: Shape): boolean => {
    const shape = given.anyOf?.find((each) => each.type !== "null") ?? given;
    if (shape.type === "array") return texts(shape.items ?? {});
    if (shape.type === "object") return texts(Object.values(shape.patternProperties ?? {})[0] ?? {});
    return shape.type === "string" || shape.type === undefined;
  };
  return texts(schema as Shape);
}

function convert(value: Value, schema: Shape, duration: boolean): Converted {
  const shape = schema.anyOf?.find((each) => each.type !== "null") ?? schema;
  if (duration) return convertDuration(value);
  switch (shape.type) {
    case "string":
      return given(toText(value), "a string", value);
    case "integer": {
      const number = toNumber(value);
      const large = number !== undefined && Math.abs(number) > Number.MAX_SAFE_INTEGER;
      return given(Number.isSafeInteger(number) ? number : undefined, large ? "a whole number below 2^53" : "a whole number", value);
    }
    case "number":
      return given(toNumber(value), "a number", value);
    case "boolean":
      return given(toBool(value), "true or false", value);
    case "array":
      return convertList(value, shape.items ?? {});
    case "object":
      return convertMap(value, Object.values(shape.patternProperties ?? {})[0] ?? {});
    default:
      return { value: toPlain(value) };
  }
}

function given(converted: unknown, wanted: string, value: Value): Converted {
  return converted === undefined ? { wanted, got: value } : { value: converted };
}

function convertDuration(value: Value): Converted {
  const nanoseconds =
    typeof value === "number" && Number.isInteger(value) ? value : typeof value === "string" ? parseDuration(value) : undefined;
  return given(nanoseconds, 'a duration such as "30s" or "1h30m"', value);
}

function convertList(value: Value, of: Shape): Converted {
  const words = of.type === "integer" ? "a list of whole numbers" : "a list of strings";
  if (value === null || !isList(value)) return { wanted: words, got: value };
  const items: unknown[] = [];
  for (const item of value) {
    const converted = item === null ? { wanted: words, got: item } : convert(item, of, false);
    if ("wanted" in converted) return { wanted: words, got: converted.got };
    items.push(converted.value);
  }
  return { value: items };
}

function convertMap(value: Value, of: Shape): Converted {
  if (value === null || !isMap(value)) return { wanted: "a map", got: value };
  const plain: Record<string, unknown> = {};
  for (const [key, inner] of value) {
    // Among strings null is as good as not written; free content may hold one.
    if (inner === null && of.type !== undefined) continue;
    // A header's single value stands for a list of one.
    const item = of.type === "array" && inner !== null && !isList(inner) ? [inner] : inner;
    const converted = convert(item, of, false);
    if ("wanted" in converted) return { wanted: `a map of ${of.type === "array" ? "lists of strings" : "strings"}`, got: converted.got };
    setProperty(plain, key, converted.value);
  }
  return { value: plain };
}

/** A key named __proto__ is a key like any other. */
export function setProperty(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** What was found, for a message; a name only the client knows explains itself. */
export function explain(got: Value): { got: string; detail: string } {
  const unknown = typeof got === "string" && got.includes("${");
  return {
    got: kindOf(got) === "null" ? "null" : describe(got),
    detail: unknown ? "That name is only known on the client, after placement: it can stand in text only." : "",
  };
}
