/** format and formatlist: %v %s %q %d %t %f %e %g %x … with flags, width, precision and %[n]. */
import { FunctionFailure } from "../scope.ts";
import { describe, isList, toBool, toNumber, toText, type ListValue, type Value } from "../value.ts";
import { encodeJson } from "./json-text.ts";

const VERB = /%(?:(%)|([+\-# 0]*)(\d+)?(?:\.(\d*))?(?:\[(\d+)\])?([a-zA-Z])?)/g;
const WIDTH_MAX = 1_000_000;

interface Verb {
  readonly raw: string;
  readonly flags: string;
  readonly width: number;
  /** -1: not given. */
  readonly precision: number;
  readonly mode: string;
}

export function format(pattern: string, given: ListValue): string {
  let next = 0;
  let used = 0;
  const result = pattern.replace(VERB, (...match: (string | undefined)[]) => {
    const [raw = "", percent, flags = "", width, precision, position, mode] = match;
    if (percent !== undefined) return "%";
    if (mode === undefined) throw new FunctionFailure(`unrecognized verb "${raw}"`, 0);
    const index = position === undefined ? next : Number(position) - 1;
    next = index + 1;
    used = Math.max(used, next);
    const value = given[index];
    if (value === undefined)
      throw new FunctionFailure(`not enough arguments for "${raw}": wants number ${index + 1}, got ${given.length}`, 0);
    const verb: Verb = { raw, flags, width: Number(width ?? -1), precision: precision === undefined ? -1 : Number(precision), mode };
    if (verb.width > WIDTH_MAX || verb.precision > 100) throw new FunctionFailure(`"${raw}" is too wide`, 0);
    return formatOne(verb, value, index);
  });
  if (used < given.length && !pattern.includes("["))
    throw new FunctionFailure(`too many arguments: only ${used} used by the format`, used + 1);
  return result;
}

/** Lists are gone through together; everything else is repeated. */
export function formatList(pattern: string, given: ListValue): Value {
  const lengths = given.filter((each): each is ListValue => each !== null && isList(each)).map((each) => each.length);
  const length = lengths[0] ?? 1;
  if (lengths.some((each) => each !== length)) throw new FunctionFailure(`lists must be of one length, got ${lengths.join(" and ")}`);
  const at = (value: Value, index: number): Value => (value !== null && isList(value) ? (value[index] as Value) : value);
  return Array.from({ length }, (_, index) =>
    format(
      pattern,
      given.map((value) => at(value, index)),
    ),
  );
}

function formatOne(verb: Verb, value: Value, index: number): string {
  const fail = (wanted: string): never => {
    throw new FunctionFailure(`"${verb.raw}" wants ${wanted}, got ${describe(value)}`, index + 1);
  };
  if (verb.mode === "v") return pad(verb, formatAny(verb, value));
  if (value === null) return fail("a value");
  switch (verb.mode) {
    case "t": {
      const truth = toBool(value);
      return truth === undefined ? fail("true or false") : String(truth);
    }
    case "s":
    case "q": {
      const text = toText(value) ?? fail("a string");
      const cut =
        verb.precision > 0
          ? [...new Intl.Segmenter("en").segment(text)]
              .slice(0, verb.precision)
              .map((each) => each.segment)
              .join("")
          : text;
      return pad(verb, verb.mode === "q" ? encodeJson(cut) : cut);
    }
    case "b":
    case "d":
    case "o":
    case "x":
    case "X": {
      const number = toNumber(value) ?? fail("a number");
      return Number.isInteger(number) ? formatInteger(verb, number) : fail("a whole number");
    }
    case "e":
    case "E":
    case "f":
    case "g":
    case "G":
      return formatFloat(verb, toNumber(value) ?? fail("a number"));
    default:
      throw new FunctionFailure(`unsupported verb "${verb.raw}"`, 0);
  }
}

function formatAny(verb: Verb, value: Value): string {
  if (!verb.flags.includes("#")) {
    if (typeof value === "string") return value;
    if (typeof value === "number") return general(value, -1, "e");
  }
  return encodeJson(value);
}

function formatInteger(verb: Verb, value: number): string {
  const base = verb.mode === "b" ? 2 : verb.mode === "o" ? 8 : verb.mode === "d" ? 10 : 16;
  let digits = BigInt(Math.abs(value)).toString(base).padStart(Math.max(0, verb.precision), "0");
  if (verb.flags.includes("#") && base !== 10) digits = (base === 16 ? "0x" : base === 8 ? "0" : "0b") + digits;
  if (verb.mode === "X") digits = digits.toUpperCase();
  return padNumber(verb, sign(verb, value), digits);
}

function formatFloat(verb: Verb, value: number): string {
  const magnitude = Math.abs(value);
  let digits: string;
  if (verb.mode === "f") digits = magnitude.toFixed(verb.precision === -1 ? 6 : verb.precision);
  else if (verb.mode === "e" || verb.mode === "E") digits = exponent(magnitude.toExponential(verb.precision === -1 ? 6 : verb.precision));
  else digits = general(magnitude, verb.precision, "e");
  if (verb.mode === "E" || verb.mode === "G") digits = digits.toUpperCase();
  return padNumber(verb, sign(verb, value), digits);
}

/** Go's %g: an exponent below 10^-4 and from 10^6 (or the precision) on; shortest digits when no precision is given. */
function general(value: number, precision: number, letter: string): string {
  const scientific = precision === -1 ? value.toExponential() : value.toExponential(Math.max(0, precision - 1));
  const [digits = "", power = "0"] = scientific.split("e");
  const limit = precision === -1 ? 6 : Math.max(1, precision);
  const number = Number(power);
  if (number < -4 || number >= limit) return exponent(`${trimZeros(digits)}${letter}${power}`);
  return precision === -1 ? plain(value) : trimZeros(value.toFixed(Math.max(0, Math.max(1, precision) - 1 - number)));
}

function plain(value: number): string {
  return Number.isInteger(value) ? BigInt(value).toString() : String(value);
}

function trimZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

/** At least two digits of exponent. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function sign(verb: Verb, value: number): string {
  if (value < 0) return "-";
  return verb.flags.includes("+") ? "+" : verb.flags.includes(" ") ? " " : "";
}

function padNumber(verb: Verb, before: string, digits: string): string {
  if (verb.flags.includes("0") && !verb.flags.includes("-")) return before + digits.padStart(verb.width - before.length, "0");
  return pad({ ...verb, flags: verb.flags.replaceAll("0", "") }, before + digits);
}

function pad(verb: Verb, text: string): string {
  const length = [...new Intl.Segmenter("en").segment(text)].length;
  if (length >= verb.width) return text;
  const padding = (verb.flags.includes("0") ? "0" : " ").repeat(verb.width - length);
  return verb.flags.includes("-") ? text + padding : padding + text;
}
