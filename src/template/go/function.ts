/**
 * What a template can call. The engine counts and checks the arguments as Go's reflection does, so that a function gets what it declared:
 *
 *   "string"  a string (a JsonNumber or other GoText is not one, as in Go)
 *   "int"     a bigint; a GoInteger ("int64") where the argument's type is "int64"
 *   "float"   a number; a whole constant written in the template becomes one
 *   "bool", "list" (an array or GoSlice), "map" (a GoMap), "bytes"
 *   "any"     whatever it is; a missing value comes as null
 */
import type { Value } from "./value.ts";

export type ParameterKind = "any" | "string" | "int" | "int64" | "float" | "bool" | "list" | "map" | "bytes";

/** What a function may ask of the rendering it is called from. */
export interface Rendering {
  /** A template defined in the same text, rendered with `data`; it throws TemplateFunctionError when there is none of this name. */
  executeTemplate(name: string, data: Value): string;
}

export interface TemplateFunction<Context = unknown> {
  /** How many arguments it must have, at least. */
  readonly minimum: number;
  /** At most; undefined: any number (variadic). A piped value counts as the last one. */
  readonly maximum?: number | undefined;
  /** By position; the last stands for all that follow. Absent: all are "any". */
  readonly parameters?: readonly ParameterKind[];
  call(args: readonly Value[], context: Context, rendering: Rendering): Value;
}

export type TemplateFunctions<Context = unknown> = ReadonlyMap<string, TemplateFunction<Context>>;

/** Thrown by a function whose call fails: the engine adds where. Names things and types, never what is in them. */
export class TemplateFunctionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateFunctionError";
  }
}

/** Thrown by a function to leave the rendering for a reason of its own ("not known yet"): it passes through as it is. Make a class of it. */
export class TemplateSignal extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateSignal";
  }
}
