/** Go's string and character literals: reading them and writing them (strconv's Quote and Unquote). */
import { joined } from "./bytes.ts";

const PRINTABLE = /^[ \p{L}\p{M}\p{N}\p{P}\p{S}]$/u;
const SIMPLE: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\" };
const WRITTEN: ReadonlyMap<string, string> = new Map(
  Object.entries(SIMPLE)
    .filter(([letter]) => letter !== "\\")
    .map(([letter, rune]) => [rune, `\\${letter}`]),
);

export function isPrintable(rune: string): boolean {
  return PRINTABLE.test(rune);
}

/** The text of a literal with its quotes; undefined: it is not one. */
export function unquote(literal: string): string | undefined {
  if (literal.startsWith("`")) return literal.slice(1, -1).replaceAll("\r", "");
  const body = literal.slice(1, -1);
  if (!body.includes("\\")) return body;
  let text = "";
  let rest = body;
  while (rest !== "") {
    const rune = readRune(rest, '"');
    if (rune === undefined) return undefined;
    text += rune.isByte && rune.code >= 0x80 ? String.fromCharCode(0xdc00 + rune.code) : String.fromCodePoint(rune.code);
    rest = rest.slice(rune.length);
  }
  return joined(text);
}

/** The code of a character constant with its quotes, 'a'. */
export function unquoteCharacter(literal: string): number | undefined {
  const rune = readRune(literal.slice(1), "'");
  if (rune === undefined || literal.slice(1 + rune.length) !== "'") return undefined;
  return rune.code;
}

interface Rune {
  readonly code: number;
  /** Written as \x80 or \200: a byte, not a code point. */
  readonly isByte: boolean;
  /** Of what was read, in UTF-16. */
  readonly length: number;
}

function readRune(text: string, quote: string): Rune | undefined {
  const first = text[0];
  if (first === undefined || first === quote) return undefined;
  if (first !== "\\") {
    const code = text.codePointAt(0) as number;
    return { code, isByte: false, length: code > 0xffff ? 2 : 1 };
  }
  const letter = text[1] ?? "";
  const simple = SIMPLE[letter] ?? (letter === quote ? quote : undefined);
  if (letter !== "" && simple !== undefined) return { code: simple.charCodeAt(0), isByte: false, length: 2 };
  const octal = /^\\[0-7]{3}/.exec(text);
  if (octal !== null) {
    const code = Number.parseInt(octal[0].slice(1), 8);
    return code > 255 ? undefined : { code, isByte: true, length: 4 };
  }
  const hex = /^\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/.exec(text);
  if (hex === null) return undefined;
  const code = Number.parseInt(hex[0].slice(2), 16);
  if (letter === "x") return { code, isByte: true, length: 4 };
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
  return { code, isByte: false, length: hex[0].length };
}

/** As %q writes a string; `ascii`: as %+q does. */
export function quoted(text: string, ascii: boolean): string {
  let written = '"';
  for (const rune of text) written += escaped(rune, '"', ascii);
  return `${written}"`;
}

export function quotedRune(code: number, ascii: boolean): string {
  const valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
  return `'${escaped(valid ? String.fromCodePoint(code) : "\ufffd", "'", ascii)}'`;
}

function escaped(rune: string, quote: string, ascii: boolean): string {
  const code = rune.codePointAt(0) as number;
  if (rune === quote || rune === "\\") return `\\${rune}`;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  if (code < 0x7f ? code >= 0x20 : !ascii && isPrintable(rune)) return rune;
  const simple = WRITTEN.get(rune);
  if (simple !== undefined) return simple;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

/** Can it stand in backquotes, unchanged? */
export function canBackquote(text: string): boolean {
  for (const rune of text) {
    const code = rune.codePointAt(0) as number;
    if (code === 0xfeff || (code >= 0xdc80 && code <= 0xdcff) || code === 0x7f || code === 0x60 || (code < 0x20 && code !== 9))
      return false;
  }
  return true;
}
