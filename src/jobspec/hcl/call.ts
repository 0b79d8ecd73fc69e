/** Calling a function: its arguments counted and converted, its failures given a place. */
import { didYouMean } from "#std";
import { carrying, isMarked, mark, open, openDeep } from "./marks.ts";
import { visit } from "./references.ts";
import { FunctionFailure, type HclFunction, type LazyFunction, type Parameter, type Scope } from "./scope.ts";
import { failAt, HclFailure } from "./source.ts";
import type { Call, Expression, Literal } from "./tree.ts";
import { describe, isList, isMap, isSet, toBool, toNumber, toText, unify, type Value } from "./value.ts";

/** Arguments of one call: more do not fit the machine's stack. */
const EXPANDED_MAX = 10_000;

type Evaluate = (expression: Expression, scope: Scope) => Value;

export function callFunction(call: Call, scope: Scope, evaluateIn: Evaluate): Value {
  const evaluate = (expression: Expression): Value => evaluateIn(expression, scope);
  const callee = scope.functions.get(call.name);
  if (callee === undefined) {
    failAt(call.nameRange, `Unknown function "${call.name}"`, () => didYouMean(call.name, scope.functions.keys()).trim());
  }
  try {
    if ("lazy" in callee) return callLazy(callee, call, scope, evaluate);
    const given = evaluateArguments(call, evaluate);
    scope.allowance?.read(given, call.range);
    const opened = given.map(openDeep);
    const made = callee.run(
      ...(convertArguments(
        callee,
        opened.map(({ value }) => value),
      ) as never[]),
    );
    scope.allowance?.read([made], call.range);
    return opened.some(({ marked }) => marked) ? mark(made) : made;
  } catch (thrown) {
    if (thrown instanceof HclFailure || !(thrown instanceof FunctionFailure)) throw thrown;
    const at = thrown.argument === undefined ? call : (call.arguments[Math.min(thrown.argument, call.arguments.length - 1)] ?? call);
    failAt(at.range, `${call.name}: ${thrown.message}`);
  }
}

/** That something fails may tell of a sensitive value too: can(regex("^a", var.password)). */
function callLazy(callee: LazyFunction, call: Call, scope: Scope, evaluate: (expression: Expression) => Value): Value {
  let told = false;
  const made = carrying(
    (expression: Expression) => {
      try {
        return evaluate(expression);
      } catch (thrown) {
        told ||= refersToMarked(expression, scope);
        throw thrown;
      }
    },
    (read) => callee.lazy(call.arguments, read),
    true,
  );
  return told ? mark(made) : made;
}

function refersToMarked(expression: Expression, scope: Scope): boolean {
  let found = false;
  /** Of a map of names one was meant: var.password. */
  const chosen = new Set<Expression>();
  visit(expression, (each) => {
    if ((each.kind === "get" || (each.kind === "index" && each.key.kind === "literal")) && each.of.kind === "variable") {
      const names = scope.names.get(each.of.name);
      if (names === undefined || names === null || !isMap(names)) return;
      const name = each.kind === "get" ? each.name : String((each.key as Literal).value);
      chosen.add(each.of);
      found ||= openDeep(names.get(name) ?? null).marked;
    } else if (each.kind === "variable" && !chosen.has(each)) found ||= openDeep(scope.names.get(each.name) ?? null).marked;
  });
  return found;
}

function evaluateArguments(call: Call, evaluate: (expression: Expression) => Value): Value[] {
  const given = call.arguments.map(evaluate);
  if (!call.expand) return given;
  const expanded = given.pop() ?? null;
  const last = open(expanded);
  if (last === null || !isList(last)) throw new FunctionFailure(`"..." wants a list, got ${describe(last)}`, call.arguments.length - 1);
  if (last.length > EXPANDED_MAX) throw new FunctionFailure(`"..." gives more than ${EXPANDED_MAX} arguments`, call.arguments.length - 1);
  // How many there are is not said by the function's result: each is as sensitive as the list.
  return given.concat(isMarked(expanded) ? last.map((each) => mark(each)) : last);
}

function convertArguments(callee: HclFunction, given: readonly Value[]): unknown[] {
  const { parameters, rest } = callee;
  if (given.length < parameters.length || (rest === undefined && given.length > parameters.length)) {
    const wanted = rest === undefined ? `${parameters.length}` : `at least ${parameters.length}`;
    const names = [...parameters.map((each) => each.name), ...(rest === undefined ? [] : [`${rest.name}…`])].join(", ");
    throw new FunctionFailure(`wants ${wanted} argument${wanted === "1" ? "" : "s"} (${names}), got ${given.length}`);
  }
  return given.map((value, index) => convertArgument(parameters[index] ?? (rest as Parameter), value, index));
}

function convertArgument(parameter: Parameter, value: Value, index: number): unknown {
  if (value === null) {
    if (parameter.nullable === true) return null;
    throw new FunctionFailure(`${parameter.name} must not be null`, index);
  }
  const converted = CONVERT[parameter.kind](value);
  if (converted !== undefined) return converted;
  throw new FunctionFailure(`${parameter.name} must be ${NAMES[parameter.kind]}, got ${describe(value)}`, index);
}

const CONVERT: Readonly<Record<Parameter["kind"], (value: Value) => unknown>> = {
  any: (value) => value,
  string: toText,
  number: toNumber,
  bool: toBool,
  list: (value) => (isList(value) && !isSet(value) ? value : undefined),
  items: (value) => (isList(value) ? value : undefined),
  map: (value) => (isMap(value as Value) ? value : undefined),
  strings: (value) => {
    if (!isList(value)) return undefined;
    const texts = unify(value).map(toTextOrNull);
    return texts.includes(undefined) ? undefined : texts;
  },
};

function toTextOrNull(value: Value): string | null | undefined {
  return value === null ? null : toText(value);
}

const NAMES: Readonly<Record<Parameter["kind"], string>> = {
  any: "a value",
  string: "a string",
  number: "a number",
  bool: "true or false",
  list: "a list",
  items: "a list or a set",
  map: "a map",
  strings: "a list of strings",
};
