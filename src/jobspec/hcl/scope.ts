/** What an expression can see: names, functions, and what becomes of names it cannot see. */
import type { Allowance } from "./allowance.ts";
import type { Expression } from "./tree.ts";
import type { MapValue, Value } from "./value.ts";

export interface Scope {
  readonly names: ReadonlyMap<string, Value>;
  readonly functions: FunctionTable;
  /**
   * A root that is no name here: `keep` puts its text into the value as `${…}`, for whoever knows it later (the node, the
   * task); `refuse` is an error.
   */
  readonly unknownRoots: "keep" | "refuse";
  /** What to say when a member of this root is missing: `var` → how to declare one. */
  readonly hints: ReadonlyMap<string, string>;
  /** Absent: unlimited. */
  readonly allowance?: Allowance;
}

export function childScope(scope: Scope, names: Iterable<readonly [string, Value]>): Scope {
  return { ...scope, names: new Map([...scope.names, ...names]) };
}

/** How a parameter wants its argument; conversions apply. */
export type ParameterKind = "string" | "number" | "bool" | "any" | "list" | "items" | "map" | "strings";

export interface Parameter {
  readonly name: string;
  readonly kind: ParameterKind;
  readonly nullable?: true;
}

/** A function of the language. `run` gets converted arguments and throws FunctionFailure. */
export interface HclFunction {
  readonly parameters: readonly Parameter[];
  /** Takes what comes after the parameters. */
  readonly rest?: Parameter;
  readonly run: (...given: never[]) => Value;
}

/** A function that looks at its arguments before they are values: try, can, convert. */
export interface LazyFunction {
  readonly lazy: (given: readonly Expression[], evaluate: (expression: Expression) => Value) => Value;
}

export type FunctionTable = ReadonlyMap<string, HclFunction | LazyFunction>;

/** Why a function cannot answer; the evaluator adds the place and the function's name. */
export class FunctionFailure extends Error {
  /** Which argument is at fault, from 0; absent: the call. */
  readonly argument: number | undefined;

  constructor(message: string, argument?: number) {
    super(message);
    this.argument = argument;
  }
}

/** For tables in functions/: a function with its parameters as `name: kind`, `?` after the kind allows null. */
export function define<A extends readonly unknown[]>(
  parameters: readonly string[],
  run: (...given: A) => Value,
  rest?: string,
): HclFunction {
  const made: HclFunction = { parameters: parameters.map(readParameter), run: run as unknown as (...given: never[]) => Value };
  return rest === undefined ? made : { ...made, rest: readParameter(rest) };
}

function readParameter(text: string): Parameter {
  const [name = "", kind = "any"] = text.split(": ");
  return kind.endsWith("?") ? { name, kind: kind.slice(0, -1) as ParameterKind, nullable: true } : { name, kind: kind as ParameterKind };
}

export type { MapValue, Value };
