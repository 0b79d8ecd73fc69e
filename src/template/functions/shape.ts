/** From what is known of a thing (plain JSON, ports/thing.ts) to what templates handle: Go's types and field names as consul-template has them. */
import { GoInteger, GoMap, GoSlice, GoStruct, JsonNumber, type Key, type Methods, type Value } from "../go/value.ts";
import { takes } from "./declare.ts";
import { timeOfText, TimeValue } from "./time-value.ts";

export type Shape = (json: unknown) => Value;

/** How encoding/json writes the fields of a type that says so by tags. */
export interface JsonField {
  readonly name?: string;
  readonly omitEmpty?: boolean;
  /** Go has a nil slice there when there is nothing. */
  readonly nullWhenEmpty?: boolean;
}

/** A struct that says how JSON writes it. */
export class ShapedStruct extends GoStruct {
  readonly jsonFields: Readonly<Record<string, JsonField>>;
  constructor(
    typeName: string,
    fields: ReadonlyMap<string, Value>,
    options: { methods?: Methods; pointer?: boolean; text?: () => string; jsonFields: Readonly<Record<string, JsonField>> },
  ) {
    super(typeName, fields, options);
    this.jsonFields = options.jsonFields;
  }
}

/** A struct that another value stands for in JSON. */
export class StandInStruct extends GoStruct {
  readonly standIn: Value;
  constructor(
    typeName: string,
    fields: ReadonlyMap<string, Value>,
    standIn: Value,
    options: ConstructorParameters<typeof GoStruct>[2] = {},
  ) {
    super(typeName, fields, options);
    this.standIn = standIn;
  }
}

/** What is written in its place where only its Go type counts (YAML, TOML): of a number or time that has methods. */
export function standInOf(value: Value): Value {
  if (value instanceof TimeValue) return value.standIn;
  return value instanceof StandInStruct && value.fields.size === 0 ? value.standIn : undefined;
}

export const text: Shape = (json) => (typeof json === "string" ? json : json === null || json === undefined ? "" : String(json));
export const flag: Shape = (json) => json === true;
export const whole: Shape = (json) => wholeOf(json);
export const whole64 =
  (typeName: string): Shape =>
  (json) =>
    new GoInteger(typeName, wholeOf(json));
export const time: Shape = (json) => timeOfText(typeof json === "string" ? json : "");
export const maybeTime: Shape = (json) => (typeof json === "string" ? timeOfText(json) : null);

function wholeOf(json: unknown): bigint {
  if (typeof json === "number" && Number.isFinite(json)) return BigInt(Math.trunc(json));
  if (typeof json === "string" && /^-?\d{1,30}$/.test(json)) return BigInt(json);
  return typeof json === "bigint" ? json : 0n;
}

export function list(typeName: string, item: Shape, methods?: (items: readonly Value[]) => Methods): Shape {
  return (json) => {
    const items = Array.isArray(json) ? json.map(item) : [];
    return new GoSlice(typeName, items, methods?.(items));
  };
}

export function map(typeName: string, item: Shape): Shape {
  return (json) => new GoMap(new Map<Key, Value>(entriesOf(json).map(([key, value]) => [key, item(value)])), typeName);
}

export interface StructShape {
  readonly methods?: (fields: ReadonlyMap<string, Value>) => Methods;
  readonly pointer?: boolean;
  readonly text?: (fields: ReadonlyMap<string, Value>) => string;
  readonly json?: Readonly<Record<string, JsonField>>;
}

export function struct(
  typeName: string,
  fields: Readonly<Record<string, Shape>>,
  { methods, pointer = false, text: written, json: tags }: StructShape = {},
): Shape {
  const shapes = Object.entries(fields);
  return (json) => {
    const given = new Map(entriesOf(json));
    const values = new Map(shapes.map(([name, shape]) => [name, shape(given.get(name))]));
    const options = {
      pointer,
      ...(methods === undefined ? {} : { methods: methods(values) }),
      ...(written === undefined ? {} : { text: () => written(values) }),
    };
    return tags === undefined
      ? new GoStruct(typeName, values, options)
      : new ShapedStruct(typeName, values, { ...options, jsonFields: tags });
  };
}

/** A pointer that may be nil. */
export const maybe =
  (shape: Shape): Shape =>
  (json) =>
    json === null || json === undefined ? null : shape(json);

const entriesOf = (json: unknown): [string, unknown][] =>
  typeof json === "object" && json !== null && !Array.isArray(json) ? Object.entries(json) : [];

const JSON_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Whatever it is, as Go's json.Unmarshal into an interface makes it, numbers as they are spelled where it is said so ({ "#number": "1.50" }). */
export function anything(json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "string" || typeof json === "boolean" || typeof json === "number") return json;
  if (typeof json === "bigint") return json;
  if (Array.isArray(json)) return json.map(anything);
  if (typeof json !== "object") return null;
  const number = (json as Record<string, unknown>)["#number"];
  if (typeof number === "string" && JSON_NUMBER.test(number) && Object.keys(json).length === 1) return new JsonNumber(number);
  return new GoMap(new Map<Key, Value>(Object.entries(json).map(([key, value]) => [key, anything(value)])));
}

export const tags = list("dependency.ServiceTags", text, (items) => tagMethods(items));

/** The old way to ask a service's tags. */
function tagMethods(items: readonly Value[]): Methods {
  return new Map([["Contains", takes(["string"], ([wanted]: readonly string[]) => items.includes(wanted as string))]]);
}

export const textMap = map("map[string]string", text);
export const texts = list("[]string", text);
