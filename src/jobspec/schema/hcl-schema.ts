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
const NUMBER: JsonSchema = { anyOf: [{ type: ["integer", "null"] }, { type: "string", pattern: "^[+-]?[0-9]+(\\.0*)?$" }, TEMPLATE] };
const FLAG: JsonSchema = { anyOf: [{ type: ["boolean", "null"] }, { enum: ["true", "false", "1", "0"] }, TEMPLATE] };
const DURATION: JsonSchema = {
  anyOf: [
    { type: ["integer", "null"] },
    { type: "string", pattern: "^[+-]?(0|([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$" },
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
      job: labelled(job, { minProperties: 1, maxProperties: 1 }),
      variable: labelled(variable),
      variables: { type: "object" },
      locals: { type: "object" },
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
    case "free":
      return { anyOf: [{ type: ["object", "null"] }, { type: "array", items: { type: "object" }, maxItems: 1 }, TEMPLATE] };
    case "block":
      return { anyOf: [reference(), { type: "array", items: reference(), maxItems: 1 }] };
    case "blocks":
      return { anyOf: [reference(), { type: "array", items: reference() }] };
    default:
      return key.labelOptional
        ? { anyOf: [reference(), { type: "array", items: { anyOf: [reference(), labelled(reference())] } }, labelled(reference())] }
        : labelled(reference());
  }
}

/** `{"name": body}`, `{"name": [body, …]}`, or a list of those. */
function labelled(body: JsonSchema, more: JsonSchema = {}): JsonSchema {
  const byLabel = { type: "object", additionalProperties: { anyOf: [body, { type: "array", items: body }] }, ...more };
  return { anyOf: [byLabel, { type: "array", items: byLabel }] };
}

interface Shape {
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
      return { anyOf: [{ type: ["array", "null"], items: plainShape(shape.items ?? {}) }, TEMPLATE] };
    default:
      return {};
  }
}
