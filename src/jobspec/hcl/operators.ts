/** Arithmetic, comparison, logic. */
import type { Scope } from "./scope.ts";
import { failAt, type HclFailure, survivable } from "./source.ts";
import type { Binary, BinaryOperator, Expression, Unary } from "./tree.ts";
import { describe, equalValues, tidyNumber, toBool, toNumber, type Value } from "./value.ts";

type Evaluate = (inner: Expression, scope: Scope) => Value;

export function evaluateBinary(expression: Binary, scope: Scope, evaluate: Evaluate): Value {
  const { operator, left, right } = expression;
  if (operator === "&&" || operator === "||") return evaluateLogic(expression, operator, (inner) => evaluate(inner, scope));
  const first = evaluate(left, scope);
  const second = evaluate(right, scope);
  if (operator === "==" || operator === "!=") {
    scope.allowance?.read([first, second], expression.range);
    return equalValues(first, second) === (operator === "==");
  }
  const one = number(left, first, operator);
  const other = number(right, second, operator);
  if (operator === "/" && other === 0) failAt(right.range, "Division by zero");
  const result = NUMERIC[operator](one, other);
  if (typeof result !== "number") return result;
  if (!Number.isFinite(result)) failAt(expression.range, "The result is too large a number");
  return tidyNumber(result);
}

/** A side that cannot be evaluated does not matter where the other decides: `x == null || x.y > 1`. One of a wrong kind does. */
function evaluateLogic({ left, right }: Binary, operator: "&&" | "||", evaluate: (inner: Expression) => Value): boolean {
  const decides = operator === "||";
  const sides = [left, right].map((side) => attempt(() => evaluate(side)));
  const truths = sides.map((side, index) => ("value" in side ? truth(index === 0 ? left : right, side.value, operator) : undefined));
  if (truths.includes(decides)) return decides;
  for (const side of sides) if ("failure" in side) throw side.failure;
  return !decides;
}

function attempt(read: () => Value): { value: Value } | { failure: HclFailure } {
  try {
    return { value: read() };
  } catch (thrown) {
    return { failure: survivable(thrown) };
  }
}

const NUMERIC: Readonly<Record<Exclude<BinaryOperator, "&&" | "||" | "==" | "!=">, (one: number, other: number) => number | boolean>> = {
  "<": (one, other) => one < other,
  "<=": (one, other) => one <= other,
  ">": (one, other) => one > other,
  ">=": (one, other) => one >= other,
  "+": (one, other) => one + other,
  "-": (one, other) => one - other,
  "*": (one, other) => one * other,
  "/": (one, other) => one / other,
  // The reference takes nothing away in steps of nothing.
  "%": (one, other) => (other === 0 ? one : one % other),
};

export function evaluateUnary(expression: Unary, operand: Value): Value {
  if (expression.operator === "!") return !truth(expression.operand, operand, "!");
  return 0 - number(expression.operand, operand, "-");
}

function number(expression: Expression, value: Value, operator: string): number {
  const converted = toNumber(value);
  if (converted !== undefined) return converted;
  const detail = operator === "+" && typeof value === "string" ? 'To join text, write "${one}${other}".' : "";
  failAt(expression.range, `"${operator}" wants numbers, got ${describe(value)}`, detail);
}

function truth(expression: Expression, value: Value, operator: string): boolean {
  const converted = toBool(value);
  if (converted !== undefined) return converted;
  failAt(expression.range, `"${operator}" wants true or false, got ${describe(value)}`);
}
