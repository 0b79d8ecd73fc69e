/**
 * API JSON as any client sends it → a Job with every field present. Driven by the schemas of src/model:
 *
 *   absent or null ──► the field's default (lists and maps: empty)
 *   a name in another case ──► the field, as Go's JSON reads it
 *   an unknown name ──► ignored: clients send fields of other versions
 *   a wrong type ──► a finding, and the default in its place, so that everything wrong is found in one pass
 *
 * Nothing here knows what a field means.
 */
import type { TSchema } from "typebox";
import { Job, fieldsOf, nestedSchema, nestingOf, noteOf } from "#model";
import { type Finding, type Place, joined, jobPlace, named, problem } from "./finding.ts";

/** Free content nests no deeper: beyond it no driver reads it, and recursion stays bounded. */
const DEPTH_MAX = 64;

interface Reading {
  readonly findings: Finding[];
}
interface Spot extends Place {
  /** How the author calls the field: `restart.attempts`; "" for the noun itself. */
  readonly field: string;
}
type Plain = Readonly<Record<string, unknown>>;

export function readJob(input: unknown): { readonly job: Job; readonly findings: readonly Finding[] } {
  const reading: Reading = { findings: [] };
  const place = isPlain(input) ? jobPlace({ ID: pick(input, "ID") }) : jobPlace({});
  if (!isPlain(input))
    reading.findings.push(problem(place, "", `expected an object such as {"ID": "example", "TaskGroups": […]}, got ${spell(input)}`));
  const job = readNoun(reading, Job, isPlain(input) ? input : {}, { ...place, field: "" });
  return { job: job as unknown as Job, findings: reading.findings };
}

function readNoun(reading: Reading, schema: TSchema, value: Plain, spot: Spot): Plain {
  return Object.fromEntries(
    fieldsOf(schema).map(([name, field]) => {
      const given = pick(value, name);
      const here = { path: joined(spot.path, name), words: spot.words, field: dotted(spot.field, noteOf(field).hcl ?? name) };
      return [name, given === undefined || given === null ? defaultOf(field) : readField(reading, field, given, here)];
    }),
  );
}

function readField(reading: Reading, schema: TSchema, given: unknown, spot: Spot): unknown {
  const nested = nestedSchema(schema);
  switch (nestingOf(schema)) {
    case "one":
      if (!isPlain(given)) return wrong(reading, schema, given, spot, "an object");
      return readNoun(reading, nested as TSchema, given, spot);
    case "list": {
      if (!Array.isArray(given)) return wrong(reading, schema, given, spot, "a list of objects");
      return given.map((each: unknown, index) => {
        const item = within(spot, index, each);
        if (isPlain(each)) return readNoun(reading, nested as TSchema, each, item);
        // A null element, as Go writes a nil pointer, is a mistake: it has no meaning of its own.
        wrong(reading, schema, each, item, "an object");
        return readNoun(reading, nested as TSchema, {}, item);
      });
    }
    case "map":
      if (!isPlain(given)) return wrong(reading, schema, given, spot, "an object of objects");
      return Object.fromEntries(
        Object.entries(given).map(([key, each]) => {
          const item = { ...spot, path: `${spot.path}[${JSON.stringify(key)}]`, field: `${spot.field} ${JSON.stringify(key)}` };
          return [
            key,
            readNoun(reading, nested as TSchema, isPlain(each) ? each : (wrong(reading, schema, each, item, "an object") as Plain), item),
          ];
        }),
      );
    case undefined:
      return readPlain(reading, schema, given, spot);
  }
}

/** Text, numbers, booleans, lists and maps of them, free content. */
function readPlain(reading: Reading, schema: TSchema, given: unknown, spot: Spot): unknown {
  const shape = plainShape(schema);
  switch (shape.type) {
    case "string":
      return typeof given === "string" ? given : wrong(reading, schema, given, spot, "text in quotes");
    case "integer":
      if (typeof given === "number" && Number.isInteger(given)) return given;
      return wrong(
        reading,
        schema,
        given,
        spot,
        noteOf(schema).duration ? "a whole number of nanoseconds (5s is 5000000000)" : "a whole number",
      );
    case "boolean":
      return typeof given === "boolean" ? given : wrong(reading, schema, given, spot, "true or false");
    case "array":
      if (!Array.isArray(given)) return wrong(reading, schema, given, spot, "a list");
      return given.map((each: unknown, index) =>
        readPlain(reading, shape.items as TSchema, each, { ...spot, path: `${spot.path}[${index}]` }),
      );
    case "object":
      if (!isPlain(given)) return wrong(reading, schema, given, spot, "an object");
      return Object.fromEntries(
        Object.entries(given).map(([key, each]) => {
          const item = { ...spot, path: `${spot.path}[${JSON.stringify(key)}]`, field: `${spot.field} ${JSON.stringify(key)}` };
          return [key, readPlain(reading, shape.values as TSchema, each, item)];
        }),
      );
    case undefined:
      return copyFree(reading, given, spot, 0);
  }
}

function copyFree(reading: Reading, given: unknown, spot: Spot, depth: number): unknown {
  if (typeof given !== "object" || given === null) return given;
  if (depth >= DEPTH_MAX) return wrong(reading, undefined, given, spot, `at most ${DEPTH_MAX} levels of nesting`);
  if (Array.isArray(given)) return given.map((each) => copyFree(reading, each, spot, depth + 1));
  return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, copyFree(reading, each, spot, depth + 1)]));
}

function plainShape(schema: TSchema): { readonly type?: string; readonly items?: TSchema; readonly values?: TSchema } {
  const any = schema as unknown as { type?: string; anyOf?: TSchema[]; items?: TSchema; patternProperties?: Record<string, TSchema> };
  const inner = any.anyOf?.find((each) => (each as { type?: string }).type !== "null");
  if (inner !== undefined) return plainShape(inner);
  const values = any.patternProperties === undefined ? undefined : Object.values(any.patternProperties)[0];
  return {
    ...(any.type === undefined ? {} : { type: any.type }),
    ...(any.items === undefined ? {} : { items: any.items }),
    ...(values === undefined ? {} : { values }),
  };
}

function wrong(reading: Reading, schema: TSchema | undefined, given: unknown, spot: Spot, wanted: string): unknown {
  const subject = spot.field === "" ? "" : `${spot.field}: `;
  reading.findings.push({ severity: "error", path: spot.path, text: `${spot.words}: ${subject}expected ${wanted}, got ${spell(given)}` });
  return schema === undefined ? null : nestingOf(schema) === "map" ? {} : defaultOf(schema);
}

/** Groups and tasks are called by their names, everything else by the key that leads to it. */
function within(spot: Spot, index: number, item: unknown): Spot {
  const path = `${spot.path}[${index}]`;
  const name = isPlain(item) ? pick(item, "Name") : undefined;
  if (/^TaskGroups\[\d+\]$/.test(path)) return { path, words: named("Group", name, index), field: "" };
  if (/^TaskGroups\[\d+\]\.Tasks\[\d+\]$/.test(path)) {
    return { path, words: `${named("Task", name, index)} of ${spot.words.replace(/^Group/, "group")}`, field: "" };
  }
  return { path, words: spot.words, field: spot.field };
}

/** A fresh copy: no two jobs share a list. */
function defaultOf(schema: TSchema): unknown {
  const value = noteOf(schema).default;
  if (value !== undefined) return structuredClone(value);
  return plainShape(schema).type === "string" ? "" : plainShape(schema).type === "integer" ? 0 : null;
}

function pick(value: Plain, name: string): unknown {
  if (Object.hasOwn(value, name)) return value[name];
  const lower = name.toLowerCase();
  const key = Object.keys(value).find((each) => each.toLowerCase() === lower);
  return key === undefined ? undefined : value[key];
}

const isPlain = (value: unknown): value is Plain => typeof value === "object" && value !== null && !Array.isArray(value);
const dotted = (before: string, key: string) => (before === "" ? key : `${before}.${key}`);

/** A short word for a value of the wrong type. Long text is cut: it may be anything. */
function spell(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  return `a ${typeof value}`;
}
