/**
 * A noun → the lines of its body, as the notes of its schema say: decode/decode-noun.ts the other way round. What stands at its
 * default is left out, and what a job file cannot say.
 */
import type { TSchema } from "typebox";
import { Job, Network, Task, fieldsOf, nestedSchema, noteOf, sameValue } from "#model";
import { formatDuration } from "#std";
import { keyOf } from "../decode/keys.ts";
import { expressionOf, isPlainName, listOf, mapOf, quoted, textOf } from "./expressions.ts";

type Noun = Readonly<Record<string, unknown>>;

/** Not formatted yet: one item a line, no indentation. */
export function bodyOf(schema: TSchema, noun: Noun): string {
  const written = asWritten(schema, noun);
  return fieldsOf(schema)
    .flatMap(([property, field]) => {
      const note = noteOf(field);
      const value = written[property];
      if (note.hcl === undefined || note.hidden === true || value === undefined || value === null) return [];
      return sameValue(value, note.default) ? [] : itemsOf(note.hcl, property, field, value);
    })
    .map((item) => `${item}\n`)
    .join("");
}

/** Where a job file writes a property otherwise than it is called: decode/rules.ts the other way round. */
function asWritten(schema: TSchema, noun: Noun): Noun {
  if (schema === (Network as TSchema))
    return { ...noun, DynamicPorts: [...listIn(noun, "ReservedPorts"), ...listIn(noun, "DynamicPorts")] };
  if (schema === (Task as TSchema))
    return {
      ...noun,
      ScalingPolicies: (listIn(noun, "ScalingPolicies") as readonly Noun[]).map((each) => ({
        ...each,
        Type: String(each["Type"]).replace(/^vertical_/, ""),
      })),
      Identities: [...(noun["Identity"] ? [noun["Identity"]] : []), ...listIn(noun, "Identities")],
    };
  if (schema === (Job as TSchema) && noun["Name"] === noun["ID"]) return { ...noun, Name: "" };
  return noun;
}

const listIn = (noun: Noun, property: string): readonly unknown[] => (noun[property] as readonly unknown[] | undefined) ?? [];

function itemsOf(hcl: string, property: string, field: TSchema, value: unknown): string[] {
  const key = keyOf(hcl, property, field);
  const nested = nestedSchema(field);
  switch (key.form) {
    case "attribute":
      return [`${hcl} = ${attributeOf(field, value)}`];
    case "map":
    case "free":
      return [freeOf(hcl, value as Noun)];
    case "block":
      return [blockOf(hcl, undefined, nested as TSchema, value as Noun)];
    case "blocks":
      return (value as readonly Noun[]).map((each) => blockOf(hcl, undefined, nested as TSchema, each));
    case "labelled":
    case "labelled-map":
      return Object.entries(value as Record<string, Noun>).map(([name, each]) => {
        const called = Array.isArray(value) ? String(each[key.label as string]) : name;
        const label = key.labelOptional ? undefined : called;
        return blockOf(hcl, label, nested as TSchema, each);
      });
  }
}

function attributeOf(field: TSchema, value: unknown): string {
  if (noteOf(field).duration === true) return quoted(formatDuration(value as number));
  if (typeof value === "string") return textOf(value);
  return Array.isArray(value) ? listOf(value.map(expressionOf)) : expressionOf(value);
}

/** A block of attributes; with a key that is no plain name, an attribute that is a map. */
function freeOf(hcl: string, value: Noun): string {
  const entries = Object.entries(value);
  if (!entries.every(([key]) => isPlainName(key) && key !== "dynamic")) {
    return `${hcl} = ${mapOf(entries.map(([key, inner]) => [key, expressionOf(inner)]))}`;
  }
  return `${hcl} {\n${entries.map(([key, inner]) => `${key} = ${freeValueOf(inner)}\n`).join("")}}`;
}

/** An object that stands there as it is written means a list of one, see decode/free.ts: a map that is none is put in parentheses. */
function freeValueOf(value: unknown): string {
  if (typeof value === "string") return textOf(value);
  const [only] = Array.isArray(value) && value.length === 1 ? (value as unknown[]) : [];
  if (isMap(only)) return expressionOf(only);
  return isMap(value) ? `(${expressionOf(value)})` : expressionOf(value);
}

const isMap = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function blockOf(hcl: string, label: string | undefined, schema: TSchema, noun: Noun): string {
  const body = bodyOf(schema, noun);
  const head = label === undefined ? hcl : `${hcl} ${quoted(label)}`;
  return body === "" ? `${head} {}` : `${head} {\n${body}}`;
}
