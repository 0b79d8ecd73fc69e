/** Sums on Go's numbers: whole ones stay whole (64 bits, wrapping around), one that is not makes the result a float. */
import { GoInteger, type Value } from "../go/value.ts";
import { type Declared, fail, takes } from "./declare.ts";
import { int64, integerOf, kindOf, typeNameOf, uint64 } from "./reflect.ts";

type Number3 = { readonly kind: "int" | "uint"; readonly whole: bigint } | { readonly kind: "float"; readonly real: number };

function numberOf(value: Value, what: string): Number3 {
  const kind = kindOf(value);
  if (kind === "int" || kind === "uint") return { kind, whole: integerOf(value) };
  return kind === "float" ? { kind, real: value as number } : fail(`${what}: a number is wanted, not ${typeNameOf(value)}`);
}

const real = (number: Number3): number => (number.kind === "float" ? number.real : Number(number.whole));

/** The last argument is the first operand: `5 | subtract 3` is 2. */
function operation(
  what: string,
  whole: (a: bigint, b: bigint) => bigint,
  floats: ((a: number, b: number) => number) | undefined,
): Declared {
  return takes(["any", "any"], ([right, left]: readonly Value[]) => {
    const [a, b] = [numberOf(left, what), numberOf(right, what)];
    if (a.kind === "float" || b.kind === "float") {
      return floats === undefined ? fail(`${what}: whole numbers are wanted, not float64`) : floats(real(a), real(b));
    }
    if (a.kind === "uint" && b.kind === "uint") return uint64(whole(a.whole, b.whole));
    return int64(whole(BigInt.asIntN(64, a.whole), BigInt.asIntN(64, b.whole)));
  });
}

function choice(what: string, prefersFirst: (a: number | bigint, b: number | bigint) => boolean): Declared {
  return takes(["any", "any"], ([right, left]: readonly Value[]) => {
    const [a, b] = [numberOf(left, what), numberOf(right, what)];
    const first = a.kind === "float" || b.kind === "float" ? prefersFirst(real(a), real(b)) : prefersFirst(integer(a), integer(b));
    return widest(first ? a : b);
  });
}

const integer = (number: Number3): bigint => (number.kind === "float" ? 0n : number.whole);
const widest = (number: Number3): Value =>
  number.kind === "float" ? number.real : new GoInteger(number.kind === "uint" ? "uint64" : "int64", number.whole);

const nonZero = (what: string, divisor: bigint): bigint => (divisor === 0n ? fail(`${what}: the divisor is zero`) : divisor);

export const ARITHMETIC: Readonly<Record<string, Declared>> = {
  add: operation(
    "add",
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  subtract: operation(
    "subtract",
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  multiply: operation(
    "multiply",
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  divide: operation(
    "divide",
    (a, b) => a / nonZero("divide", b),
    (a, b) => a / b,
  ),
  modulo: operation("modulo", (a, b) => a % nonZero("modulo", b), undefined),
  minimum: choice("minimum", (a, b) => a < b),
  maximum: choice("maximum", (a, b) => a > b),
};
