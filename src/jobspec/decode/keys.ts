/** How a noun is written: each key of a job file, the property it fills, its form. Read from the notes in src/model. */
import type { TSchema } from "typebox";
import { fieldsOf, nestedSchema, noteOf, type HclForm } from "#model";

export interface Key {
  /** As a job file writes it. */
  readonly hcl: string;
  /** The property it fills. */
  readonly property: string;
  readonly form: HclForm;
  readonly schema: TSchema;
  /** The noun inside, for block forms. */
  readonly nested: TSchema | undefined;
  /** For labelled forms: the property the label goes into. */
  readonly label: string | undefined;
  /** The label can be left out: its property has a key of its own. */
  readonly labelOptional: boolean;
  readonly duration: boolean;
}
export type Keys = ReadonlyMap<string, Key>;

export interface Noun {
  readonly schema: TSchema;
  /** Keys a job file may use that are no properties of the noun: shorthands, see rules.ts. */
  readonly extra: readonly Key[];
}

export function keysOf(noun: Noun): Keys {
  const keys = new Map<string, Key>();
  for (const [property, schema] of fieldsOf(noun.schema)) {
    const { hcl } = noteOf(schema);
    if (hcl !== undefined) keys.set(hcl, keyOf(hcl, property, schema));
  }
  for (const key of noun.extra) if (!keys.has(key.hcl)) keys.set(key.hcl, key);
  return keys;
}

export function keyOf(hcl: string, property: string, schema: TSchema): Key {
  const note = noteOf(schema);
  const nested = nestedSchema(schema);
  const labelSchema = note.label === undefined || nested === undefined ? undefined : Object.fromEntries(fieldsOf(nested))[note.label];
  return {
    hcl,
    property,
    form: note.form ?? "attribute",
    schema,
    nested,
    label: note.label,
    labelOptional: labelSchema !== undefined && noteOf(labelSchema).hcl !== undefined,
    duration: note.duration === true,
  };
}

/** Forms written as `key { … }`. */
export function isBlockForm(form: HclForm): boolean {
  return form !== "attribute";
}
