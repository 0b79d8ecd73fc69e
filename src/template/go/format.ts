/** One value of a plain type, with the flags of its verb: widths, precisions, signs, prefixes. What fmt's formatter does. */
import { bytesOf, runeCount } from "./bytes.ts";
import { formatFloat } from "./float.ts";
import { canBackquote, isPrintable, quoted, quotedRune } from "./quote.ts";

export interface Flags {
  width: number | undefined;
  precision: number | undefined;
  minus: boolean;
  plus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  /** %+v and %#v: they speak of structs and types, not of signs and prefixes. */
  plusV: boolean;
  sharpV: boolean;
}

export function noFlags(): Flags {
  const off = { minus: false, plus: false, sharp: false, space: false, zero: false, plusV: false, sharpV: false };
  return { width: undefined, precision: undefined, ...off };
}

export function padding(flags: Flags, count: number): string {
  if (count <= 0) return "";
  return (flags.zero && !flags.minus ? "0" : " ").repeat(count);
}

export function padded(flags: Flags, text: string): string {
  if (flags.width === undefined || flags.width === 0) return text;
  const fill = padding(flags, flags.width - runeCount(text));
  return flags.minus ? text + fill : fill + text;
}

function paddedBySpace(flags: Flags, text: string): string {
  const { zero } = flags;
  flags.zero = false;
  const written = padded(flags, text);
  flags.zero = zero;
  return written;
}

function truncated(flags: Flags, text: string): string {
  if (flags.precision === undefined || flags.precision >= text.length) return text;
  let end = 0;
  let count = 0;
  for (const rune of text) {
    if (++count > flags.precision) break;
    end += rune.length;
  }
  return text.slice(0, end);
}

export function formatText(flags: Flags, text: string): string {
  return padded(flags, truncated(flags, text));
}

export function formatQuoted(flags: Flags, text: string): string {
  const cut = truncated(flags, text);
  return padded(flags, flags.sharp && canBackquote(cut) ? `\`${cut}\`` : quoted(cut, flags.plus));
}

export function formatHexText(flags: Flags, bytes: Uint8Array, upper: boolean): string {
  const length = Math.min(bytes.length, flags.precision ?? bytes.length);
  if (length === 0) return padding(flags, flags.width ?? 0);
  const pairs = Array.from(bytes.subarray(0, length), (byte) => byte.toString(16).padStart(2, "0"));
  const prefix = flags.sharp ? "0x" : "";
  const plain = flags.space ? pairs.map((pair) => prefix + pair).join(" ") : prefix + pairs.join("");
  const text = upper ? plain.toUpperCase() : plain;
  const fill = padding(flags, (flags.width ?? 0) - text.length);
  return flags.minus ? text + fill : fill + text;
}

export function formatHexString(flags: Flags, text: string, upper: boolean): string {
  return formatHexText(flags, bytesOf(text), upper);
}

/** verb "O" writes 0o. */
export function formatWhole(flags: Flags, value: bigint, base: 2 | 8 | 10 | 16, verb: string): string {
  const negative = value < 0n;
  const magnitude = negative ? -value : value;
  let precision = 0;
  if (flags.precision !== undefined) {
    precision = flags.precision;
    if (precision === 0 && magnitude === 0n) return " ".repeat(flags.width ?? 0);
  } else if (flags.zero && !flags.minus && flags.width !== undefined) {
    precision = flags.width - (negative || flags.plus || flags.space ? 1 : 0);
  }
  let digits = magnitude.toString(base).padStart(precision, "0");
  if (flags.sharp) {
    if (base === 2) digits = `0b${digits}`;
    if (base === 8 && !digits.startsWith("0")) digits = `0${digits}`;
    if (base === 16) digits = `0x${digits}`;
  }
  if (verb === "O") digits = `0o${digits}`;
  if (verb === "X") digits = digits.toUpperCase();
  const sign = negative ? "-" : flags.plus ? "+" : flags.space ? " " : "";
  return paddedBySpace(flags, sign + digits);
}

export function formatUnicode(flags: Flags, value: bigint): string {
  const code = BigInt.asUintN(64, value);
  const rune = code <= 0x10ffffn && !isSurrogate(code) ? String.fromCodePoint(Number(code)) : undefined;
  const shown = flags.sharp && rune !== undefined && isPrintable(rune) ? ` '${rune}'` : "";
  return paddedBySpace(
    flags,
    `U+${code
      .toString(16)
      .toUpperCase()
      .padStart(Math.max(4, flags.precision ?? 0), "0")}${shown}`,
  );
}

export function formatRune(flags: Flags, value: bigint): string {
  const valid = value >= 0n && value <= 0x10ffffn && !isSurrogate(value);
  return padded(flags, valid ? String.fromCodePoint(Number(value)) : "\ufffd");
}

export function formatQuotedRune(flags: Flags, value: bigint): string {
  return padded(flags, quotedRune(value >= 0n && value <= 0x10ffffn ? Number(value) : 0xfffd, flags.plus));
}

function isSurrogate(code: bigint): boolean {
  return code >= 0xd800n && code < 0xe000n;
}

/** `verb` as strconv's; "v" and "g" differ only in what "#" adds. */
export function formatFloating(flags: Flags, value: number, verb: string, usual: number): string {
  const precision = flags.precision ?? usual;
  const written = formatFloat(value, verb === "v" ? "g" : verb, precision);
  const isSigned = written.startsWith("-") || written.startsWith("+");
  let sign = isSigned ? (written[0] as string) : "+";
  let digits = isSigned ? written.slice(1) : written;
  if (flags.space && sign === "+" && !flags.plus) sign = " ";
  if (digits === "Inf" || digits === "NaN") {
    const bare = digits === "NaN" && !flags.space && !flags.plus;
    return paddedBySpace(flags, bare ? digits : sign + digits);
  }
  if (flags.sharp && verb !== "b") digits = withPoint(digits, verb, precision);
  if (!flags.plus && sign === "+") return padded(flags, digits);
  const width = flags.width ?? 0;
  if (flags.zero && !flags.minus && width > digits.length + 1) return sign + padding(flags, width - digits.length - 1) + digits;
  return padded(flags, sign + digits);
}

/** "#" keeps the point, and for %g the zeros after it. */
function withPoint(written: string, verb: string, precision: number): string {
  const hex = verb === "x" || verb === "X";
  let wanted = "vgGx".includes(verb) ? (precision === -1 ? 6 : precision) : 0;
  const [, head = "", tail = ""] = (hex ? /^([^pP]*)(.*)$/ : /^([^eE]*)(.*)$/).exec(written) ?? [];
  let sawNonzero = false;
  for (const digit of head) {
    if (digit === ".") continue;
    if (digit !== "0") sawNonzero = true;
    if (sawNonzero) wanted--;
  }
  let text = head;
  if (!head.includes(".")) {
    if (head === "0") wanted--;
    text += ".";
  }
  return text + "0".repeat(Math.max(0, wanted)) + tail;
}
