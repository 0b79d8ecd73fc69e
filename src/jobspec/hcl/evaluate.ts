/** Expression + scope → value. A failure is thrown as HclFailure with the place of the innermost part at fault. */
import { didYouMean } from "#std";
import type { Diagnostic } from "../contract.ts";
import { evaluateBinary, evaluateUnary } from "./operators.ts";
import { callFunction } from "./call.ts";
import { elementsOf } from "./elements.ts";
import { carrying, isMarked, mark, openDeep } from "./marks.ts";
import { childScope, type Scope } from "./scope.ts";
import { errorAt, failAt, HclFailure, survivable, textOf, type Range } from "./source.ts";
import { readTemplate } from "./template-value.ts";
import type { Expression, For } from "./tree.ts";
import { toSet } from "./type-expression.ts";
import { describe, isList, isMap, isSet, kindOf, toBool, toNumber, toPlain, toText, unify, type Value } from "./value.ts";

/** The name under which a splat's element is in scope; no identifier can be this. */
const ELEMENT = "*";

/** The value; throws HclFailure. */
export function evaluate(expression: Expression, scope: Scope): Value {
  scope.allowance?.evaluate(expression.range);
  const value = compute(expression, scope);
  const made = typeof value === "string" || (typeof value === "object" && value !== null);
  return made && scope.allowance !== undefined ? scope.allowance.weigh(value, expression.range) : value;
}

function compute(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "wrapped":
    case "parentheses":
      return evaluate(expression.inner, scope);
    case "template":
      return readTemplate(expression.parts, scope, evaluate);
    case "tuple":
      return expression.items.map((item) => evaluate(item, scope));
    case "object":
      return evaluateObject(expression, scope);
    case "for":
      return carrying(evaluate, (read) => evaluateFor(expression, scope, read));
    case "variable":
    case "get":
    case "index":
    case "splat":
    case "element":
      return evaluateReference(expression, scope);
    case "conditional":
      return carrying(evaluate, (read) => evaluateConditional(expression, scope, read));
    case "binary":
      return carrying(evaluate, (read) => evaluateBinary(expression, scope, read), true);
    case "unary":
      return carrying(evaluate, (read) => evaluateUnary(expression, read(expression.operand, scope)));
    case "call":
      return callFunction(expression, scope, evaluate);
  }
}

/** The value, or why there is none. */
export function tryEvaluate(expression: Expression, scope: Scope): { value: Value } | { diagnostic: Diagnostic } {
  try {
    return { value: evaluate(expression, scope) };
  } catch (thrown) {
    if (thrown instanceof HclFailure) return { diagnostic: thrown.diagnostic };
    // Values nested too deep for the stack, text too long for the machine.
    if (thrown instanceof RangeError) return { diagnostic: errorAt(expression.range, "The value is too large or nested too deep") };
    throw thrown;
  }
}

const CONSTANT: Scope = { names: new Map(), functions: new Map(), unknownRoots: "refuse", hints: new Map() };

type Read = typeof evaluate;

/** A value that refers to nothing, as plain JavaScript: what a configuration file holds. Throws HclFailure. */
export function evaluateConstant(expression: Expression, scope: Scope = CONSTANT): unknown {
  return toPlain(openDeep(evaluate(expression, scope)).value);
}

function evaluateObject(expression: Expression & { kind: "object" }, scope: Scope): Value {
  const map = new Map<string, Value>();
  for (const { key, value } of expression.items) {
    const name = toText(readKey(key, scope));
    if (name === undefined) failAt(key.range, "A key of a map must be a string", "It is null, a list or a map.");
    map.set(name, evaluate(value, scope));
  }
  return map;
}

/** Keys are names, and everybody reads them. */
function readKey(key: Expression, scope: Scope): Value {
  const value = evaluate(key, scope);
  if (isMarked(value)) failAt(key.range, "A key of a map cannot be sensitive", "Everybody could read it: keep it to the values.");
  return value;
}

function evaluateFor(expression: For, scope: Scope, read: Read): Value {
  const collection = read(expression.collection, scope);
  const items: Value[] = [];
  const groups = new Map<string, Value[]>();
  const map = new Map<string, Value>();
  for (const [itemKey, itemValue] of elementsOf(collection, expression.collection.range)) {
    const names: [string, Value][] = [[expression.valueName, itemValue]];
    if (expression.keyName !== undefined) names.unshift([expression.keyName, itemKey]);
    const inner = childScope(scope, names);
    scope.allowance?.step(expression.range);
    if (expression.condition !== undefined) {
      const condition = read(expression.condition, inner);
      const holds = toBool(condition);
      if (holds === undefined) failAt(expression.condition.range, `"if" wants true or false, got ${describe(condition)}`);
      if (!holds) continue;
    }
    const value = evaluate(expression.value, inner);
    if (expression.key === undefined) {
      items.push(value);
      continue;
    }
    const key = toText(readKey(expression.key, inner));
    if (key === undefined) failAt(expression.key.range, "A key of a map must be a string");
    if (expression.group) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [value]);
      else group.push(value);
    } else if (map.has(key)) {
      failAt(
        expression.key.range,
        `Two items give the key "${key}"`,
        'With "..." after the value, values of the same key are put in a list.',
      );
    } else map.set(key, value);
  }
  if (expression.key === undefined) return items;
  return expression.group ? groups : map;
}

function evaluateConditional(expression: Expression & { kind: "conditional" }, scope: Scope, read: Read): Value {
  const condition = read(expression.condition, scope);
  const holds = toBool(condition);
  if (holds === undefined) failAt(expression.condition.range, `The condition must be true or false, got ${describe(condition)}`);
  const [taken, other] = holds ? [expression.yes, expression.no] : [expression.no, expression.yes];
  const value = evaluate(taken, scope);
  const alternative = attempt(other, scope);
  if ("failure" in alternative) return value;
  scope.allowance?.read([value, alternative.value], expression.range);
  const [opened, beside] = [openDeep(value), openDeep(alternative.value)];
  const agreed = agree(opened.value, beside.value, expression.range);
  // Marks inside stay where they are, unless the other answer gave the value another form.
  if (!opened.marked) return agreed;
  return agreed === opened.value ? value : mark(agreed);
}

/** The value, or the failure when it can be gone on after. */
function attempt(expression: Expression, scope: Scope): { value: Value } | { failure: HclFailure } {
  try {
    return { value: evaluate(expression, scope) };
  } catch (thrown) {
    return { failure: survivable(thrown) };
  }
}

/** Both answers of a conditional are of one type: a number beside a string is a string, in lists as well. */
function agree(value: Value, other: Value, range: Range): Value {
  if (value === null || other === null) return value;
  if (isSet(value) && !isSet(other)) return value;
  if (isList(value) && isList(other)) {
    const items = unify([...value, ...other]).slice(0, value.length);
    return isSet(value) ? toSet(items) : items;
  }
  const kinds = [kindOf(value), kindOf(other)];
  if (kinds[0] === kinds[1]) return value;
  const text = toText(value);
  if (kinds.includes("string") && text !== undefined && toText(other) !== undefined) return text;
  failAt(range, `Both answers of a conditional must be of one type, got ${describe(value)} and ${describe(other)}`);
}

type Reference = Expression & { kind: "variable" | "get" | "index" | "splat" | "element" };

function evaluateReference(expression: Reference, scope: Scope): Value {
  const root = rootOf(expression);
  if (root?.kind === "variable" && !scope.names.has(root.name)) return unknownRoot(expression, root, scope);
  switch (expression.kind) {
    case "variable":
      return scope.names.get(expression.name) as Value;
    case "element":
      return scope.names.get(ELEMENT) as Value;
    case "get":
      return carrying(evaluate, (read) => getAttribute(read(expression.of, scope), expression, scope));
    case "index":
      return carrying(evaluate, (read) => getIndex(read(expression.of, scope), read(expression.key, scope), expression));
    case "splat":
      return carrying(evaluate, (read) => {
        const of = read(expression.of, scope);
        const items = of === null ? [] : isList(of) ? of : [of];
        return items.map((item) => evaluate(expression.each, childScope(scope, [[ELEMENT, item]])));
      });
  }
}

/** The name a chain of `.x` and `[…]` begins with. */
function rootOf(expression: Expression): Expression | undefined {
  let at = expression;
  while (at.kind === "get" || at.kind === "index" || at.kind === "splat") at = at.of;
  return at.kind === "variable" ? at : undefined;
}

function unknownRoot(expression: Expression, root: Expression & { kind: "variable" }, scope: Scope): Value {
  if (scope.unknownRoots === "keep") {
    for (let at = expression; at.kind !== "variable";) {
      if (at.kind === "index" && at.key.kind !== "literal") {
        failAt(at.key.range, `"${root.name}" is only known on the client: what is between [ ] must be written out`);
      }
      if (at.kind !== "get" && at.kind !== "index" && at.kind !== "splat") break;
      at = at.of;
    }
    return `\${${textOf(expression.range)}}`;
  }
  failAt(root.range, `Unknown name "${root.name}"`, () => {
    const hint = didYouMean(root.name, scope.names.keys());
    return hint === "" ? `Text is written in quotes: "${root.name}".` : hint.trim();
  });
}

function getAttribute(of: Value, expression: Expression & { kind: "get" }, scope: Scope): Value {
  const { name, nameRange } = expression;
  if (of !== null && isMap(of)) {
    const value = of.get(name);
    if (value !== undefined) return value;
    const written = textOf(expression.range);
    const root = expression.of.kind === "variable" ? expression.of.name : undefined;
    const hint = root === undefined ? undefined : scope.hints.get(root);
    const detail = (): string => `${didYouMean(name, of.keys())}${hint === undefined ? "" : hint.replaceAll("NAME", name)}`.trim();
    failAt(hint === undefined ? nameRange : expression.range, `Unknown name "${written}"`, detail);
  }
  if (of !== null && isList(of)) failAt(nameRange, `A list has no "${name}"`, `To take it of every item, write [*].${name}.`);
  failAt(nameRange, `Cannot take "${name}" of ${describe(of)}`, "Only maps have named members.");
}

function getIndex(of: Value, key: Value, expression: Expression & { kind: "index" }): Value {
  if (of !== null && isSet(of)) failAt(expression.key.range, "A set has no positions", "[for item in the set : item] makes a list of it.");
  if (of !== null && isList(of)) {
    const index = toNumber(key);
    if (index === undefined || !Number.isInteger(index))
      failAt(expression.key.range, `An index of a list must be a whole number, got ${describe(key)}`);
    const value = of[index];
    if (value === undefined) {
      failAt(
        expression.key.range,
        `There is no item ${index}: the list has ${of.length} item${of.length === 1 ? "" : "s"}`,
        "Items are counted from 0.",
      );
    }
    return value;
  }
  if (of !== null && isMap(of)) {
    const name = toText(key);
    if (name === undefined) failAt(expression.key.range, `A key of a map must be a string, got ${describe(key)}`);
    const value = of.get(name);
    if (value === undefined) failAt(expression.key.range, `The map has no key "${name}"`, () => didYouMean(name, of.keys()).trim());
    return value;
  }
  failAt(expression.range, `Cannot index ${describe(of)}`, "Only lists and maps are indexed.");
}
