/**
 * The words the nouns are written in. A property of a noun is one line: its wire name, its shape, its default, its key in a
 * job file and what changing it does to a running allocation. The parser, the JSON API, the plan diff and the scheduler's
 * in-place test all read these lines; nothing repeats them.
 *
 * `null` stands for "absent" in a canonical value; lists and maps are never null there.
 */
import Type, { type TSchema, type Static } from "typebox";

/** What a change of a field means for an allocation that already runs. */
export type ChangeEffect = "in-place" | "destroy";

/** How the field is written in a job file. */
export type HclForm =
  /** `count = 3` */
  | "attribute"
  /** `restart { … }`, at most once */
  | "block"
  /** `constraint { … }`, any number, → list */
  | "blocks"
  /** `group "web" { … }`, any number, the label becomes the property named by `label` → list */
  | "labelled"
  /** `volume "data" { … }`, → map keyed by the label, which also becomes the property named by `label` */
  | "labelled-map"
  /** `env { … }` block or `env = { … }` map of strings */
  | "map"
  /** free content: `config { … }` */
  | "free";

/** The annotations a field's schema carries beside JSON Schema's own. */
export interface FieldNote {
  /** Key in a job file; absent: cannot be written there. */
  readonly hcl?: string;
  readonly form?: HclForm;
  /** For labelled forms: the property the label is put in. */
  readonly label?: string;
  /** Nanoseconds in JSON, a Go duration string in HCL. */
  readonly duration?: true;
  /** Default: in-place. */
  readonly change?: ChangeEffect;
  /** Never shown in diffs. */
  readonly hidden?: true;
  /** Set by the servers, refused from clients (kept when they echo it back). */
  readonly server?: true;
}

type Note<D> = FieldNote & { readonly default?: D; readonly description?: string };

/** Text, "" when absent. */
export const text = (note: Note<string> = {}) =>
  Type.String({ default: "", ...(note.hcl === undefined ? {} : { form: "attribute" }), ...note });
/** Text or null when absent. */
export const maybeText = (note: Note<string | null> = {}) =>
  Type.Union([Type.String(), Type.Null()], { default: null, ...form(note), ...note });
/** A whole number, 0 when absent. */
export const whole = (note: Note<number> = {}) => Type.Integer({ default: 0, ...form(note), ...note });
/** A whole number or null when absent. */
export const maybeWhole = (note: Note<number | null> = {}) =>
  Type.Union([Type.Integer(), Type.Null()], { default: null, ...form(note), ...note });
/** A boolean, false when absent. */
export const flag = (note: Note<boolean> = {}) => Type.Boolean({ default: false, ...form(note), ...note });
/** A boolean or null when absent. */
export const maybeFlag = (note: Note<boolean | null> = {}) =>
  Type.Union([Type.Boolean(), Type.Null()], { default: null, ...form(note), ...note });
/** Nanoseconds, 0 when absent. */
export const duration = (note: Note<number> = {}) => Type.Integer({ default: 0, duration: true, ...form(note), ...note });
/** Nanoseconds or null when absent. */
export const maybeDuration = (note: Note<number | null> = {}) =>
  Type.Union([Type.Integer(), Type.Null()], { default: null, duration: true, ...form(note), ...note });
/** One of a closed set of words. */
export const word = <const W extends readonly string[]>(words: W, note: Note<W[number]>) =>
  Type.Unsafe<W[number]>(Type.String({ enum: [...words], ...form(note), ...note }));
/** A list of strings. */
export const texts = (note: Note<string[]> = {}) => Type.Array(Type.String(), { default: [], ...form(note), ...note });
/** A map of strings. */
export const textMap = (note: Note<Record<string, string>> = {}) =>
  Type.Record(Type.String(), Type.String(), { default: {}, ...form(note, "map"), ...note });
/** Free content: the driver's `config`, a scaling `policy`, Envoy's `config`. */
export const freeMap = (note: Note<Record<string, unknown>> = {}) =>
  Type.Record(Type.String(), Type.Unknown(), { default: {}, ...form(note, "free"), ...note });
/** At most one nested noun; null when absent. */
export const block = <T extends TSchema>(of: T, note: Note<Static<T> | null> = {}) =>
  Type.Union([of, Type.Null()], { default: null, ...form(note, "block"), ...note });
/** Any number of nested nouns. */
export const blocks = <T extends TSchema>(of: T, note: Note<Static<T>[]> = {}) =>
  Type.Array(of, { default: [], ...form(note, "blocks"), ...note });
/** Any number of labelled nested nouns, in order. */
export const labelled = <T extends TSchema>(of: T, note: Note<Static<T>[]> & { label: string }) =>
  Type.Array(of, { default: [], ...form(note, "labelled"), ...note });
/** Labelled nested nouns by label. */
export const labelledMap = <T extends TSchema>(of: T, note: Note<Record<string, Static<T>>> & { label: string }) =>
  Type.Record(Type.String(), of, { default: {}, ...form(note, "labelled-map"), ...note });

function form(note: FieldNote, as: HclForm = "attribute"): FieldNote {
  return note.hcl === undefined ? {} : { form: as };
}

/** The note on a field's schema. */
export function noteOf(schema: TSchema): FieldNote & { default?: unknown } {
  return schema as FieldNote & { default?: unknown };
}

/** The schema of the noun inside a block, blocks, labelled or labelled-map field; undefined for anything else. */
export function nestedSchema(schema: TSchema): TSchema | undefined {
  const any = schema as unknown as {
    anyOf?: TSchema[];
    items?: TSchema;
    patternProperties?: Record<string, TSchema>;
  };
  const inner =
    any.anyOf?.find((each) => (each as { type?: string }).type === "object") ??
    any.items ??
    (any.patternProperties === undefined ? undefined : Object.values(any.patternProperties)[0]);
  return inner !== undefined && (inner as { type?: string }).type === "object" ? inner : undefined;
}

/** How many nested nouns a field holds: at most one, a list, or a map by label; undefined for plain values and free content. */
export function nestingOf(schema: TSchema): "one" | "list" | "map" | undefined {
  if (nestedSchema(schema) === undefined) return undefined;
  const any = schema as unknown as { anyOf?: unknown; items?: unknown };
  return any.anyOf !== undefined ? "one" : any.items !== undefined ? "list" : "map";
}

/** The fields of a noun, in the order they are written. */
export function fieldsOf(schema: TSchema): readonly (readonly [name: string, schema: TSchema])[] {
  return Object.entries((schema as unknown as { properties?: Record<string, TSchema> }).properties ?? {});
}
