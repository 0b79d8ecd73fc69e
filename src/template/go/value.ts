/**
 * What a template handles: Go's values, as small as they can be in this language.
 *
 *   Go                            here
 *   nil (interface)               null
 *   no value (missing map entry)  undefined
 *   string                        string (bytes that are not UTF-8 stand in it as U+DC80…U+DCFF: bytes.ts)
 *   bool                          boolean
 *   int                           bigint
 *   int64, uint8, …               GoInteger
 *   float64                       number
 *   complex128                    GoComplex
 *   a named string type           GoText (JsonNumber: json.Number)
 *   []byte                        Uint8Array
 *   []interface {}                an array
 *   any other slice               GoSlice
 *   map                           GoMap
 *   struct, pointer to one        GoStruct
 *   func                          GoFunction
 */
import type { TemplateFunction } from "./function.ts";

/** What a Go map can have as its key here. */
export type Key = string | bigint | number | boolean;

export type Value =
  | null
  | undefined
  | string
  | boolean
  | bigint
  | number
  | Uint8Array
  | GoInteger
  | GoComplex
  | GoText
  | GoMap
  | GoSlice
  | GoStruct
  | GoFunction
  | readonly Value[];

/** Methods of a value's type, by name: `{{ .Tags.Contains "x" }}`. They get the arguments only: the receiver is closed over. */
export type Methods = ReadonlyMap<string, TemplateFunction>;

/** An integer that is not an int: typeName is "int64", "uint8", "uint64", …; names that begin with "u" are unsigned. */
export class GoInteger {
  readonly typeName: string;
  readonly value: bigint;
  constructor(typeName: string, value: bigint) {
    this.typeName = typeName;
    this.value = value;
  }
  get unsigned(): boolean {
    return this.typeName.startsWith("u");
  }
}

export class GoComplex {
  readonly real: number;
  readonly imaginary: number;
  constructor(real: number, imaginary: number) {
    this.real = real;
    this.imaginary = imaginary;
  }
}

/** A value of a named string type: it prints as its text and compares with strings. */
export class GoText {
  readonly typeName: string;
  readonly text: string;
  readonly methods: Methods | undefined;
  constructor(typeName: string, text: string, methods?: Methods) {
    this.typeName = typeName;
    this.text = text;
    this.methods = methods;
  }
}

/** A number as JSON wrote it. */
export class JsonNumber extends GoText {
  constructor(text: string) {
    super("json.Number", text);
  }
}

/** `typeName` says what its missing entries are: `index` gives "" for map[string]string, nil for map[string]interface {}. */
export class GoMap {
  readonly typeName: string;
  readonly entries: ReadonlyMap<Key, Value>;
  readonly methods: Methods | undefined;
  constructor(entries: ReadonlyMap<Key, Value>, typeName = "map[string]interface {}", methods?: Methods) {
    this.entries = entries;
    this.typeName = typeName;
    this.methods = methods;
  }
}

/** A slice whose element type matters: "[]string", "[]*dep.KeyPair". */
export class GoSlice {
  readonly typeName: string;
  readonly items: readonly Value[];
  readonly methods: Methods | undefined;
  constructor(typeName: string, items: readonly Value[], methods?: Methods) {
    this.typeName = typeName;
    this.items = items;
    this.methods = methods;
  }
}

export interface StructOptions {
  readonly methods?: Methods;
  /** It is a pointer to a struct: printf "%v" writes &{…}, `{{ . }}` does not; "%T" has the star. */
  readonly pointer?: boolean;
  /** The type has a String method: how print, %v and %s write it. */
  readonly text?: () => string;
}

/** Fields in their order; the type's name without the star: "dep.HealthService". A field it does not have: Go's error. */
export class GoStruct {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, Value>;
  readonly methods: Methods | undefined;
  readonly pointer: boolean;
  readonly text: (() => string) | undefined;
  constructor(typeName: string, fields: ReadonlyMap<string, Value>, options: StructOptions = {}) {
    this.typeName = typeName;
    this.fields = fields;
    this.methods = options.methods;
    this.pointer = options.pointer ?? false;
    this.text = options.text;
  }
}

/** A function as a value: what `call` calls. */
export class GoFunction {
  readonly typeName: string;
  readonly body: TemplateFunction;
  constructor(body: TemplateFunction, typeName = "func()") {
    this.body = body;
    this.typeName = typeName;
  }
}
