/** Truth, eq, lt and their kin, by Go's rules of types. */
import { compareText } from "./bytes.ts";
import { TemplateFunctionError } from "./function.ts";
import { itemsOf, kindOf, textOfString, typeName, wholeOf, type Kind } from "./type.ts";
import { type GoComplex, GoMap, GoStruct, type Value } from "./value.ts";

/** Not the zero of its type: what if, with, and, or, not ask. */
export function isTrue(value: Value): boolean {
  switch (typeof value) {
    case "string":
      return value !== "";
    case "boolean":
      return value;
    case "bigint":
      return value !== 0n;
    case "number":
      return value !== 0;
  }
  switch (kindOf(value)) {
    case "nil":
      return false;
    case "string":
      return textOfString(value) !== "";
    case "int":
    case "uint":
      return wholeOf(value) !== 0n;
    case "complex":
      return (value as GoComplex).real !== 0 || (value as GoComplex).imaginary !== 0;
    case "map":
      return (value as GoMap).entries.size > 0;
    case "slice":
      return (itemsOf(value) as readonly Value[]).length > 0;
    default:
      return true;
  }
}

const BASIC: ReadonlySet<Kind> = new Set<Kind>(["bool", "complex", "int", "float", "string", "uint"]);

/** The first equals any of the others. */
export function isEqual(first: Value, others: readonly Value[]): boolean {
  if (others.length === 0) throw new TemplateFunctionError("missing argument for comparison");
  return others.some((other) => equal(first, other));
}

function equal(left: Value, right: Value): boolean {
  const kinds = [kindOf(left), kindOf(right)] as const;
  if (kinds[0] === "nil" || kinds[1] === "nil") return kinds[0] === kinds[1];
  if (isWhole(kinds[0]) && isWhole(kinds[1])) return wholeOf(left) === wholeOf(right);
  if (!BASIC.has(kinds[0]) && !BASIC.has(kinds[1])) return equalWhole(left, right, kinds);
  if (kinds[0] !== kinds[1]) throw incompatible(left, right);
  if (kinds[0] === "string") return textOfString(left) === textOfString(right);
  if (kinds[0] === "complex") {
    const [one, two] = [left as GoComplex, right as GoComplex];
    return one.real === two.real && one.imaginary === two.imaginary;
  }
  return left === right;
}

function equalWhole(left: Value, right: Value, kinds: readonly [Kind, Kind]): boolean {
  if (kinds[0] !== kinds[1]) throw new TemplateFunctionError(`non-comparable types ${typeName(left)} and ${typeName(right)}`);
  if (!(left instanceof GoStruct) || !(right instanceof GoStruct)) {
    throw new TemplateFunctionError(`non-comparable type ${typeName(right)}`);
  }
  if (left.pointer) return left === right;
  const [one, two] = [[...left.fields], [...right.fields]];
  for (const [, value] of two) {
    if (value instanceof GoMap || itemsOf(value) !== undefined) throw new TemplateFunctionError(`non-comparable type ${typeName(right)}`);
  }
  if (left.typeName !== right.typeName || one.length !== two.length) return false;
  return one.every(
    ([name, value], index) => two[index]?.[0] === name && typeName(value) === typeName(two[index][1]) && equal(value, two[index][1]),
  );
}

export function isLess(left: Value, right: Value): boolean {
  const kinds = [kindOf(left), kindOf(right)] as const;
  if (!BASIC.has(kinds[0]) || !BASIC.has(kinds[1])) throw new TemplateFunctionError("invalid type for comparison");
  if (isWhole(kinds[0]) && isWhole(kinds[1])) return wholeOf(left) < wholeOf(right);
  if (kinds[0] !== kinds[1]) throw incompatible(left, right);
  if (kinds[0] === "float") return (left as number) < (right as number);
  if (kinds[0] === "string") return compareText(textOfString(left), textOfString(right)) < 0;
  throw new TemplateFunctionError("invalid type for comparison");
}

/** Less or equal; of NaN neither. */
export function isAtMost(left: Value, right: Value): boolean {
  return isLess(left, right) || equal(left, right);
}

function isWhole(kind: Kind): boolean {
  return kind === "int" || kind === "uint";
}

function incompatible(left: Value, right: Value): TemplateFunctionError {
  return new TemplateFunctionError(`incompatible types for comparison: ${typeName(left)} and ${typeName(right)}`);
}
