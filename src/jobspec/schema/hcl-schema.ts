/**
 * The JSON Schema of a job file in HCL's JSON form: `{"job": {"name": {…}}}`. Built from the same notes the decoder reads. Where a
 * number or a boolean belongs, text with `${…}` in it is one too: its value is only known when it is evaluated.
 */
import type { TSchema } from "typebox";
import { Job } from "#model";
import { keysOf, type Key } from "../decode/keys.ts";
import { ruleFor } from "../decode/rules.ts";
import { Definitions, DIALECT, type JsonSchema } from "./definitions.ts";

const TEMPLATE: JsonSchema = { type: "string", pattern: "[$%]\\{" };
const ANYTHING = { "//": true };
/** Also what evaluates to text: numbers and booleans. */
const TEXT: JsonSchema = { type: ["string", "number", "boolean", "null"] };
/** In a list null is nothing. */
const ITEM: JsonSchema = { type: ["string", "number", "boolean"] };
const LARGEST = Number.MAX_SAFE_INTEGER;
const NUMBER: JsonSchema = {
  anyOf: [
    { type: ["integer", "null"], minimum: -LARGEST, maximum: LARGEST },
    { type: "string", pattern: "^[+-]?[0-9]+(\\.0*)?([eE]\\+?[0-9]+)?$" },
    TEMPLATE,
  ],
};
const FLAG: JsonSchema = { anyOf: [{ type: ["boolean", "null"] }, { enum: ["true", "false", "1", "0"] }, TEMPLATE] };
const DURATION: JsonSchema = {
  anyOf: [
    { type: ["integer", "null"] },
    { type: "string", pattern: "^[+-]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$" },
    TEMPLATE,
  ],
};

export function hclJobSchema(): JsonSchema {
  const definitions: Definitions = new Definitions((noun) => describe(definitions, noun));
  const job = definitions.refer(Job, "", "Job");
  const variable = {
    type: "object",
    properties: { ...ANYTHING, description: { type: "string" }, default: true, type: { type: "string" }, validation: true },
    additionalProperties: false,
  };
  return {
    $schema: DIALECT,
    title: "Job file (HCL's JSON form)",
    description: "What `drover job run` reads from a file that begins with {.",
    type: "object",
    properties: {
      ...ANYTHING,
      job: oneJob(job),
      variable: oneOrMore(byLabel(variable)),
      variables: oneOrMore({ type: "object" }),
      locals: oneOrMore({ type: "object" }),
    },
    required: ["job"],
    additionalProperties: false,
    $defs: definitions.all(),
  };
}

function describe(definitions: Definitions, noun: TSchema): JsonSchema {
  const keys = keysOf({ schema: noun, extra: ruleFor(noun)?.extra ?? [] });
  const name = definitions.nameOf(noun);
  const properties = [...keys.values()].map((key) => [key.hcl, describeKey(definitions, name, key)] as const);
  return {
    type: "object",
    properties: { ...ANYTHING, dynamic: { type: ["object", "array"] }, ...Object.fromEntries(properties) },
    additionalProperties: false,
  };
}

function describeKey(definitions: Definitions, parent: string, key: Key): JsonSchema {
  const reference = (): JsonSchema => definitions.refer(key.nested as TSchema, parent, key.property);
  switch (key.form) {
    case "attribute":
      return key.duration ? DURATION : plainShape(key.schema as Shape);
    case "map":
    case "free": {
      const map = { type: "object", additionalProperties: entryShape(key.schema as Shape) };
      return { anyOf: [map, { type: "null" }, { type: "array", items: map, minItems: 1, maxItems: 1 }, TEMPLATE] };
    }
    case "block":
      return { anyOf: [reference(), { type: "array", items: reference(), maxItems: 1 }] };
    case "blocks":
      return { anyOf: [reference(), { type: "array", items: reference() }] };
    default:
      return key.labelOptional
        ? oneOrMore({ anyOf: [reference(), byLabel(reference(), namesOf(key.nested as TSchema))] })
        : oneOrMore(byLabel(reference()));
  }
}

/** `{"name": body}`, in lists or not: there is one. */
function oneJob(job: JsonSchema): JsonSchema {
  const one = (of: JsonSchema): JsonSchema => ({ anyOf: [of, { type: "array", items: of, minItems: 1, maxItems: 1 }] });
  return one({ type: "object", additionalProperties: one(job), minProperties: 1, maxProperties: 1 });
}

/** `{"name": body}`, `{"name": [body, …]}`. `own`: names that are the body's own, where a label can be left out. */
function byLabel(body: JsonSchema, own: readonly string[] = []): JsonSchema {
  const names = own.length === 0 ? {} : { propertyNames: { not: { enum: own } } };
  return { type: "object", additionalProperties: oneOrMore(body), ...names };
}

function oneOrMore(of: JsonSchema): JsonSchema {
  return { anyOf: [of, { type: "array", items: of }] };
}

function namesOf(noun: TSchema): string[] {
  return [...keysOf({ schema: noun, extra: ruleFor(noun)?.extra ?? [] }).keys()];
}

/** An entry of a map: text, or a list of text, or (in free content) anything. */
function entryShape(field: Shape): JsonSchema | true {
  const entry = Object.values(field.patternProperties ?? {})[0];
  if (entry?.type === "string") return TEXT;
  return entry?.type === "array" ? { anyOf: [TEXT, { type: "array", items: ITEM }] } : true;
}

interface Shape {
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
}

function plainShape(field: Shape): JsonSchema {
  const shape = field.anyOf?.find((each) => each.type !== "null") ?? field;
  switch (shape.type) {
    case "string":
      return TEXT;
    case "integer":
      return NUMBER;
    case "boolean":
      return FLAG;
    case "array":
      return {
        anyOf: [{ type: ["array", "null"], items: shape.items?.type === "string" ? ITEM : plainShape(shape.items ?? {}) }, TEMPLATE],
      };
    default:
      return {};
  }
}
