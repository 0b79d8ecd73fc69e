/** Number constants as Go reads them: what is written says what it may become. */
import { unquoteCharacter } from "./quote.ts";

export interface Constant {
  /** It can be an int. */
  readonly integer: bigint | undefined;
  /** A whole number too large for an int, up to 2⁶⁴. */
  readonly unsigned: bigint | undefined;
  readonly float: number | undefined;
  readonly complex: { readonly real: number; readonly imaginary: number } | undefined;
  /** What it is where nothing says what it should be. */
  readonly ideal: "int" | "float" | "complex" | "overflow";
}

const MAX = 2n ** 63n;
const BASES: readonly (readonly [RegExp, string])[] = [
  [/^0[xX]_?[0-9a-fA-F]+(_[0-9a-fA-F]+)*$/, "0x"],
  [/^0[bB]_?[01]+(_[01]+)*$/, "0b"],
  [/^0[oO]_?[0-7]+(_[0-7]+)*$/, "0o"],
  [/^0(_?[0-7]+)(_[0-7]+)*$/, "0o"],
  [/^(0|[1-9][0-9]*(_[0-9]+)*)$/, ""],
];
const DECIMAL = /^[+-]?([0-9]+(_[0-9]+)*\.?([0-9]+(_[0-9]+)*)?|\.[0-9]+(_[0-9]+)*)([eE][+-]?[0-9]+(_[0-9]+)*)?$/;
const HEX_DIGITS = "[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*";
const HEXADECIMAL = new RegExp(`^([+-]?)0[xX](_?${HEX_DIGITS})?\\.?(${HEX_DIGITS})?[pP]([+-]?[0-9]+(?:_[0-9]+)*)$`);

/** A constant, or what is wrong with it. */
export function readConstant(text: string, type: "number" | "character" | "complex"): Constant | string {
  if (type === "character") {
    const code = unquoteCharacter(text);
    if (code === undefined) return `malformed character constant: ${text}`;
    return { integer: BigInt(code), unsigned: BigInt(code), float: code, complex: undefined, ideal: "int" };
  }
  if (type === "complex") return readComplex(text);
  if (text.endsWith("i")) {
    const imaginary = readFloat(text.slice(0, -1));
    if (imaginary !== undefined) return complexConstant(0, imaginary);
  }
  return readReal(text);
}

function readReal(text: string): Constant | string {
  const whole = readWhole(text);
  if (whole !== undefined && whole < MAX && whole >= -MAX) {
    return { integer: whole, unsigned: whole >= 0n ? whole : undefined, float: Number(whole), complex: undefined, ideal: idealOf(text) };
  }
  if (whole !== undefined && whole >= MAX && whole < 2n * MAX && /^[0-9]/.test(text)) {
    return { integer: undefined, unsigned: whole, float: Number(whole), complex: undefined, ideal: "overflow" };
  }
  const float = readFloat(text);
  if (float === undefined) return `illegal number syntax: "${text}"`;
  if (!/[.eEpP]/.test(text)) return `integer overflow: "${text}"`;
  const integer = Number.isInteger(float) && Math.abs(float) < 2 ** 63 ? BigInt(float) : undefined;
  return {
    integer,
    unsigned: integer !== undefined && integer >= 0n ? integer : undefined,
    float,
    complex: undefined,
    ideal: idealOf(text),
  };
}

/** The letters say it: 1e3 and 0x1p4 are floats, 0x1e is not; -0x1e is one, as in Go. */
function idealOf(text: string): "int" | "float" {
  const hexWhole = /^0[xX]./.test(text) && !/[pP]/.test(text);
  return !hexWhole && /[.eEpP]/.test(text) ? "float" : "int";
}

function complexConstant(real: number, imaginary: number): Constant {
  const float = imaginary === 0 ? real : undefined;
  const integer = float !== undefined && Number.isInteger(float) ? BigInt(float) : undefined;
  return {
    integer,
    unsigned: integer !== undefined && integer >= 0n ? integer : undefined,
    float,
    complex: { real, imaginary },
    ideal: "complex",
  };
}

function readComplex(text: string): Constant | string {
  const halves = /^(.*[^eEpP+-])([+-].*)i$/.exec(text);
  const real = readFloat(halves?.[1] ?? "");
  const imaginary = readFloat(halves?.[2] ?? "");
  if (real === undefined || imaginary === undefined) return `illegal number syntax: "${text}"`;
  return complexConstant(real, imaginary);
}

/** With a sign, a base's prefix and underscores between digits. */
function readWhole(text: string): bigint | undefined {
  const sign = /^[+-]/.test(text) ? (text[0] as string) : "";
  const digits = text.slice(sign.length);
  for (const [pattern, prefix] of BASES) {
    if (!pattern.test(digits)) continue;
    const plain = digits.replaceAll("_", "").replace(/^0[xXbBoO]/, "");
    const value = BigInt(`${prefix}${plain}`);
    return sign === "-" ? -value : value;
  }
  return undefined;
}

function readFloat(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text.replaceAll("_", ""));
    return Number.isFinite(value) ? value : undefined;
  }
  const hex = HEXADECIMAL.exec(text);
  if (hex === null) return undefined;
  const [sign = "", whole = "", fraction = "", exponent = ""] = hex
    .slice(1)
    .map((part: string | undefined) => (part ?? "").replaceAll("_", ""));
  if (whole + fraction === "") return undefined;
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === "-" ? -value : value;
}
