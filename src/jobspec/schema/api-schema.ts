/**
 * The JSON Schema of a job as the HTTP API has it: `{"Job": {…}}` or the Job itself. It accepts what admission can read (any field
 * may be left out or null, unknown names are ignored); what the values have to be admission says.
 */
import type { TSchema } from "typebox";
import { Job, fieldsOf, nestedSchema, nestingOf, noteOf } from "#model";
import { Definitions, DIALECT, type JsonSchema } from "./definitions.ts";

export function apiJobSchema(): JsonSchema {
  const definitions: Definitions = new Definitions((noun) => describe(definitions, noun));
  const job = definitions.refer(Job, "", "Job");
  return {
    $schema: DIALECT,
    title: "Job (HTTP API)",
    description: "What PUT /v1/jobs takes and `drover job run -json` reads.",
    anyOf: [
      { type: "object", properties: { Job: job }, required: ["Job"] },
      { allOf: [job, { type: "object", required: ["ID", "TaskGroups"] }] },
    ],
    $defs: definitions.all(),
  };
}

function describe(definitions: Definitions, noun: TSchema): JsonSchema {
  const name = definitions.nameOf(noun);
  const properties = fieldsOf(noun).map(([property, field]) => [property, describeField(definitions, name, property, field)] as const);
  return { type: "object", properties: Object.fromEntries(properties) };
}

function describeField(definitions: Definitions, parent: string, property: string, field: TSchema): JsonSchema {
  const note = noteOf(field);
  const nested = nestedSchema(field);
  const words = [
    ...(note.duration === true ? ["Nanoseconds."] : []),
    ...(note.server === true ? ["Set by the servers."] : []),
    ...(note.hidden === true ? ["Secret."] : []),
    ...(note.hcl === undefined ? [] : [`In a job file: ${note.hcl}.`]),
  ];
  const annotations = {
    ...(words.length === 0 ? {} : { description: words.join(" ") }),
    ...(note.default === undefined || note.default === null ? {} : { default: note.default }),
  };
  if (nested === undefined) return { ...orNull(plain(field)), ...annotations };
  const reference = definitions.refer(nested, parent, property);
  const shapes: Readonly<Record<string, JsonSchema>> = {
    one: reference,
    list: { type: "array", items: reference },
    map: { type: "object", additionalProperties: reference },
  };
  return { anyOf: [shapes[nestingOf(field) as string], { type: "null" }], ...annotations };
}

interface Shape {
  readonly type?: string;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
}

/** Text, numbers, booleans, lists and maps of them; free content is anything. */
function plain(field: TSchema): JsonSchema {
  return plainShape(field as Shape);
}

function plainShape(field: Shape): JsonSchema {
  const shape = field.anyOf?.find((each) => each.type !== "null") ?? field;
  if (shape.type === "array") return { type: "array", items: plainShape(shape.items ?? {}) };
  if (shape.type === "object")
    return { type: "object", additionalProperties: plainShape(Object.values(shape.patternProperties ?? {})[0] ?? {}) };
  return shape.type === undefined ? {} : { type: shape.type };
}

function orNull(schema: JsonSchema): JsonSchema {
  return typeof schema["type"] === "string" ? { ...schema, type: [schema["type"], "null"] } : schema;
}
