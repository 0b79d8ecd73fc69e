/**
 * Two values of one noun → fields and objects that differ. Driven by the schemas: a field's shape says how it is shown.
 *
 *   scalar ─────────► field            `Driver: "exec" => "raw_exec"`
 *   map of text ────► a field a key    `Env[PORT]: "1" => "2"`
 *   free content ───► object           `Config { args[0]: … }`
 *   list of text ───► object           `Datacenters { Datacenters: "dc1" }`
 *   nested noun ────► object           `RestartPolicy { … }`
 *   nouns by label ─► objects, paired by label     `Dynamic Port { … }`; checks by name
 *   other nouns ────► objects, as a set: what is not in both is deleted or added    `Constraint { … }`
 *
 * Hidden fields (tokens) and what servers set never appear; of what is called a secret only that it changed.
 */
import type { TSchema } from "typebox";
import { type DiffType, type FieldDiff, type ObjectDiff, fieldsOf, nestedSchema, nestingOf, noteOf, sameValue } from "#model";
import { withoutSealed } from "../sensitive.ts";
import { HIDDEN_VALUE, namesSecret, withoutPasswords } from "./secrets.ts";
import { type Flat, flattenFree, flattenNamed, scalarText } from "./flatten.ts";

export type Noun = Readonly<Record<string, unknown>>;

export interface NounDiff {
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
}

export interface DiffOptions {
  /** Inside objects that differ, unchanged fields are listed too (type None). */
  readonly contextual: boolean;
  /** Fields of the outermost noun that the caller shows itself. */
  readonly apart?: ReadonlySet<string>;
}

/** The outermost noun's own fields are listed only when they differ, contextual or not: there are too many of them. */
export function diffNoun(schema: TSchema, old: Noun | undefined, next: Noun | undefined, options: DiffOptions): NounDiff {
  return walk(schema, old, next, options, false);
}

export function isChanged(diff: NounDiff): boolean {
  return diff.Fields.some((field) => field.Type !== "None") || diff.Objects.some((object) => object.Type !== "None");
}

/** How a nested field's objects are called: `Constraints` → "Constraint". */
export function objectName(field: string, schema: TSchema): string {
  if (field === "ReservedPorts") return "Static Port";
  if (field === "DynamicPorts") return "Dynamic Port";
  if (nestingOf(schema) === "one" || nestingOf(schema) === undefined) return field;
  return field.replace(/ies$/, "y").replace(/s$/, "");
}

function walk(schema: TSchema, old: Noun | undefined, next: Noun | undefined, options: DiffOptions, contextual: boolean): NounDiff {
  const fields: FieldDiff[] = [];
  const objects: ObjectDiff[] = [];
  for (const [name, field] of fieldsOf(schema)) {
    const note = noteOf(field);
    if (note.hidden === true || (note.server === true && name !== "Stop") || options.apart?.has(name) === true) continue;
    const a = old?.[name];
    const b = next?.[name];
    if (nestingOf(field) !== undefined) objects.push(...diffNested(name, field, a, b, options.contextual));
    else if (note.form === "free") objects.push(...present(flatObject(name, a, b, options.contextual)));
    else if (isTextList(field)) objects.push(...present(diffTextList(name, a, b, options.contextual, contextual)));
    else if (!SILENT.has(name) || tells(name, a, b)) fields.push(...diffFlat(flatOf(name, field, a), flatOf(name, field, b), contextual));
    // An empty text is part of what surrounds a change, as in Nomad; where it comes or goes it is what there was not.
    if (contextual && isText(field) && !OWN.has(name) && !a && !b) fields.push({ ...NO_CHANGE, Name: name });
  }
  return { Fields: fields.sort(byField), Objects: objects.sort(byObject) };
}

function flatOf(name: string, field: TSchema, value: unknown): Flat {
  if (isMapOrList(field)) return flattenNamed(name, value);
  const text = scalarText(value);
  return new Map(text === undefined ? [] : [[name, text]]);
}

/** No part of what surrounds a change: what nobody sets any more, and what has a meaning for other types of jobs only. */
const SILENT = new Set(["Stagger", "MBits"]);
/** Drover's own, and what only a placed network has: not listed when nobody set it. */
const OWN = new Set(["Engine", "CIDR", "Device", "IP"]);

function tells(name: string, old: unknown, next: unknown): boolean {
  const comesOrGoes = old === undefined || next === undefined;
  return !sameValue(old || null, next || null) && !(comesOrGoes && name === "Stagger");
}

const NO_CHANGE = { Type: "None", Old: "", New: "", Annotations: [] } as const;

/** Two flat values, name by name. */
export function diffFlat(old: Flat, next: Flat, contextual: boolean, free = false): readonly FieldDiff[] {
  const names = [...new Set([...old.keys(), ...next.keys()])].sort();
  return names.flatMap((name) => {
    const field = fieldDiff(name, old.get(name), next.get(name), free);
    return field.Type === "None" && !contextual ? [] : [field];
  });
}

function fieldDiff(name: string, old: string | undefined, next: string | undefined, free = false): FieldDiff {
  const type: DiffType = old === next ? "None" : old === undefined ? "Added" : next === undefined ? "Deleted" : "Edited";
  // A field's own name is the model's: only keys that an author chose can be telling.
  const key = /\[.*/s.exec(name)?.[0] ?? (free ? name : "");
  const hide = namesSecret(key) ? (value: string): string => (value === "" ? "" : HIDDEN_VALUE) : withoutPasswords;
  const shown = (value: string): string => (value.includes("${sealed.") ? withoutSealed(value) : hide(value));
  return { Type: type, Name: name, Old: shown(old ?? ""), New: shown(next ?? ""), Annotations: [] };
}

function flatObject(name: string, old: unknown, next: unknown, contextual: boolean): ObjectDiff | undefined {
  if (sameValue(old ?? {}, next ?? {})) return undefined;
  const leaves = diffFlat(flattenFree(old), flattenFree(next), contextual, true);
  // Same text, other type: 1 became "1". Only the whole can show that.
  const alike = leaves.every((field) => field.Type === "None");
  const whole = (value: unknown) =>
    leaves.some((field) => namesSecret(field.Name)) ? HIDDEN_VALUE : withoutSealed(withoutPasswords(JSON.stringify(value) ?? ""));
  const fields: FieldDiff[] = alike ? [{ Type: "Edited", Name: name, Old: whole(old), New: whole(next), Annotations: [] }] : [...leaves];
  const empty = (value: unknown) => value === undefined || value === null || Object.keys(value).length === 0;
  return { Type: empty(old) ? "Added" : empty(next) ? "Deleted" : "Edited", Name: name, Fields: fields, Objects: [] };
}

/** A list of text is shown as a set; where only its order changed, by place. */
function diffTextList(name: string, old: unknown, next: unknown, contextual: boolean, nested: boolean): ObjectDiff | undefined {
  const before = (old ?? []) as readonly string[];
  const after = (next ?? []) as readonly string[];
  if (sameValue(before, after)) return nested && after.length > 0 ? unchangedList(name, after) : undefined;
  const come = after.some((value) => !before.includes(value));
  const gone = before.some((value) => !after.includes(value));
  const type: DiffType = come === gone ? "Edited" : come ? "Added" : "Deleted";
  const values = [...new Set([...before, ...after])].sort();
  const listed = values.flatMap((value) => {
    const field = fieldDiff(name, before.includes(value) ? value : undefined, after.includes(value) ? value : undefined);
    return field.Type === "None" && !contextual ? [] : [field];
  });
  const fields = listed.sort(byField);
  if (fields.some((field) => field.Type !== "None")) return { Type: type, Name: name, Fields: fields, Objects: [] };
  const placed = (list: readonly string[]): Flat => new Map(list.map((value, index) => [`${name}[${index}]`, value]));
  return { Type: type, Name: name, Fields: diffFlat(placed(before), placed(after), contextual), Objects: [] };
}

/** A check is known by its name and a template by its file, though that is no label: what changed in it is an edit of it, as in Nomad. */
const KNOWN_BY: Readonly<Record<string, string>> = { Checks: "Name", Templates: "DestPath" };

function diffNested(name: string, field: TSchema, old: unknown, next: unknown, contextual: boolean): readonly ObjectDiff[] {
  const nested = nestedSchema(field) as TSchema;
  const called = objectName(name, field);
  const pair = (a: Noun | undefined, b: Noun | undefined) => diffObject(called, nested, a, b, contextual);
  if (nestingOf(field) === "one") return present(pair((old ?? undefined) as Noun | undefined, (next ?? undefined) as Noun | undefined));
  if (nestingOf(field) === "map") return diffByKey(old as Record<string, Noun>, next as Record<string, Noun>, pair);
  const before = (old ?? []) as readonly Noun[];
  const after = (next ?? []) as readonly Noun[];
  const label = noteOf(field).label;
  if (label !== undefined) return diffByKey(keyed(before, label), keyed(after, label), pair);
  const known = KNOWN_BY[name];
  if (known !== undefined) {
    const named = diffByKey(keyed(before, known), keyed(after, known), pair);
    if (named.length > 0) return named;
  }
  // A group has at most one network: what changed in it is an edit of it.
  if (name === "Networks") return diffByPlace(before, after, pair);
  const gone = without(before, after);
  const come = without(after, before);
  if (gone.length + come.length === 0 && !sameValue(before, after)) return diffByPlace(before, after, pair);
  return [...gone.flatMap((noun) => present(pair(noun, undefined))), ...come.flatMap((noun) => present(pair(undefined, noun)))];
}

function diffObject(
  name: string,
  schema: TSchema,
  old: Noun | undefined,
  next: Noun | undefined,
  contextual: boolean,
): ObjectDiff | undefined {
  if (old === undefined && next === undefined) return undefined;
  const inner = walk(schema, old, next, { contextual }, contextual);
  if (old !== undefined && next !== undefined && !isChanged(inner)) return undefined;
  return { Type: old === undefined ? "Added" : next === undefined ? "Deleted" : "Edited", Name: name, ...inner };
}

type PairDiff = (old: Noun | undefined, next: Noun | undefined) => ObjectDiff | undefined;

function diffByKey(
  old: Readonly<Record<string, Noun>> | undefined,
  next: Readonly<Record<string, Noun>> | undefined,
  pair: PairDiff,
): readonly ObjectDiff[] {
  const before = new Map(Object.entries(old ?? {}));
  const after = new Map(Object.entries(next ?? {}));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => present(pair(before.get(key), after.get(key))));
}

function diffByPlace(before: readonly Noun[], after: readonly Noun[], pair: PairDiff): readonly ObjectDiff[] {
  return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => index).flatMap((index) =>
    present(pair(before[index], after[index])),
  );
}

/** Those of `list` that have no equal in `other`, each equal used once. */
function without(list: readonly Noun[], other: readonly Noun[]): readonly Noun[] {
  const left = [...other];
  return list.filter((noun) => {
    const found = left.findIndex((each) => sameValue(each, noun));
    if (found >= 0) left.splice(found, 1);
    return found < 0;
  });
}

/** By label; a label used twice is told apart by its place. */
function keyed(nouns: readonly Noun[], label: string): Record<string, Noun> {
  const seen = new Map<string, Noun>();
  nouns.forEach((noun, index) => {
    const key = String(noun[label]);
    seen.set(seen.has(key) ? `${key}\u0000${index}` : key, noun);
  });
  return Object.fromEntries(seen);
}

/** What surrounds a change: a list as it was. */
function unchangedList(name: string, values: readonly string[]): ObjectDiff {
  return { Type: "None", Name: name, Fields: [...new Set(values)].sort().map((value) => fieldDiff(name, value, value)), Objects: [] };
}

function isText(field: TSchema): boolean {
  return (field as unknown as { type?: string }).type === "string";
}

function isTextList(field: TSchema): boolean {
  const any = field as unknown as { type?: string; items?: { type?: string } };
  return any.type === "array" && any.items?.type === "string";
}

function isMapOrList(field: TSchema): boolean {
  const type = (field as unknown as { type?: string }).type;
  return type === "array" || type === "object";
}

const present = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

const byField = (x: FieldDiff, y: FieldDiff) => compare(x.Name, y.Name) || compare(x.Old, y.Old) || compare(x.New, y.New);
const byObject = (x: ObjectDiff, y: ObjectDiff) =>
  compare(x.Name, y.Name) || compare(JSON.stringify(x.Fields), JSON.stringify(y.Fields)) || compare(x.Type, y.Type);
const compare = (x: string, y: string) => (x < y ? -1 : x > y ? 1 : 0);
