/** The language's own functions. and, or and call are the evaluator's: they decide what is evaluated at all. */
import { isAtMost, isEqual, isLess, isTrue } from "./comparison.ts";
import { escapedForHtml, escapedForQuery, escapedForScript } from "./escaping.ts";
import type { ParameterKind, TemplateFunction } from "./function.ts";
import { indexed, lengthOf, sliced } from "./indexing.ts";
import { sprint, sprintf, sprintln } from "./printer.ts";
import type { Value } from "./value.ts";

function of(minimum: number, maximum: number | undefined, body: (args: readonly Value[]) => Value): TemplateFunction {
  return { minimum, maximum, call: (args) => body(args) };
}

function printing(parameters: readonly ParameterKind[], minimum: number, body: (args: readonly Value[]) => string): TemplateFunction {
  return { minimum, parameters, call: (args) => body(args) };
}

export const BUILTINS: ReadonlyMap<string, TemplateFunction> = new Map([
  ["and", of(1, undefined, ([first]) => first)],
  ["or", of(1, undefined, ([first]) => first)],
  ["call", of(1, undefined, ([first]) => first)],
  ["not", of(1, 1, ([value]) => !isTrue(value))],
  ["index", of(1, undefined, ([item, ...indexes]) => indexed(item, indexes))],
  ["slice", of(1, undefined, ([item, ...indexes]) => sliced(item, indexes))],
  ["len", of(1, 1, ([item]) => BigInt(lengthOf(item)))],
  ["eq", of(1, undefined, ([first, ...others]) => isEqual(first, others))],
  ["ne", of(2, 2, ([left, right]) => !isEqual(left, [right]))],
  ["lt", of(2, 2, ([left, right]) => isLess(left, right))],
  ["le", of(2, 2, ([left, right]) => isAtMost(left, right))],
  ["gt", of(2, 2, ([left, right]) => !isAtMost(left, right))],
  ["ge", of(2, 2, ([left, right]) => !isLess(left, right))],
  ["print", printing(["any"], 0, sprint)],
  ["println", printing(["any"], 0, sprintln)],
  ["printf", printing(["string", "any"], 1, ([format, ...values]) => sprintf(format as string, values))],
  ["html", printing(["any"], 0, escapedForHtml)],
  ["js", printing(["any"], 0, escapedForScript)],
  ["urlquery", printing(["any"], 0, escapedForQuery)],
]);
