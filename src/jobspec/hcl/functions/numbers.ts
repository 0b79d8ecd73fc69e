/** Functions on numbers. */
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";
import type { Value } from "../value.ts";

export const NUMBERS: FunctionTable = new Map([
  ["abs", define(["num: number"], (value: number) => Math.abs(value))],
  ["ceil", define(["num: number"], (value: number) => Math.ceil(value) + 0)],
  ["floor", define(["num: number"], (value: number) => Math.floor(value))],
  ["log", define(["num: number", "base: number"], (value: number, base: number) => finite(Math.log(value) / Math.log(base)))],
  [
    "max",
    define(["number: number"], (...values: number[]) => values.reduce((one, other) => (other > one ? other : one)), "numbers: number"),
  ],
  [
    "min",
    define(["number: number"], (...values: number[]) => values.reduce((one, other) => (other < one ? other : one)), "numbers: number"),
  ],
  ["parseint", define(["number: any", "base: number"], parseInteger)],
  ["pow", define(["num: number", "power: number"], (value: number, power: number) => finite(value ** power))],
  ["signum", define(["num: number"], (value: number) => Math.sign(whole(value, 0)))],
]);

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function whole(value: number, argument: number): number {
  if (!Number.isInteger(value)) throw new FunctionFailure("wants a whole number", argument);
  return value;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new FunctionFailure("the result is no number");
  return value;
}

/** Up to base 36 upper and lower case are the same digits; from 37 to 62 capitals follow the small letters. */
function parseInteger(text: Value, base: number): number {
  if (typeof text !== "string") throw new FunctionFailure("number must be a string", 0);
  if (!Number.isInteger(base) || base < 2 || base > 62) throw new FunctionFailure("base must be a whole number from 2 to 62", 1);
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = (base <= 36 ? text.toLowerCase() : text).replace(/^[+-]/, "");
  let value = 0;
  for (const digit of digits) {
    const worth = DIGITS.indexOf(digit);
    if (worth === -1 || worth >= base) throw new FunctionFailure(`cannot read "${text}" as a base ${base} integer`, 0);
    value = value * base + worth;
  }
  if (digits === "") throw new FunctionFailure(`cannot read "${text}" as a base ${base} integer`, 0);
  return sign * value;
}
