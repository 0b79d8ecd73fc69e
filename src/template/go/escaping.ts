/** html, js and urlquery. */
import { bytesOf } from "./bytes.ts";
import { dereferenced, sprint } from "./printer.ts";
import { isPrintable } from "./quote.ts";
import type { Value } from "./value.ts";

const HTML: Readonly<Record<string, string>> = { '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd" };
const SCRIPT: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

export function escapedForHtml(values: readonly Value[]): string {
  return textOfAll(values).replace(/["'&<>\0]/g, (character) => HTML[character] as string);
}

export function escapedForScript(values: readonly Value[]): string {
  // oxlint-disable-next-line no-control-regex
  return textOfAll(values).replace(/[\\'"<>&=\0-\x1f]|[^\0-\x7f]/gu, (rune) => {
    const known = SCRIPT[rune];
    if (known !== undefined) return known;
    const code = rune.codePointAt(0) as number;
    const isByte = code >= 0xdc80 && code <= 0xdcff;
    if (isByte || (code > 0x7f && isPrintable(rune))) return rune;
    return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

export function escapedForQuery(values: readonly Value[]): string {
  let written = "";
  for (const byte of bytesOf(textOfAll(values))) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9\-_.~]/.test(character)) written += character;
    else written += byte === 0x20 ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return written;
}

function textOfAll(values: readonly Value[]): string {
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  return sprint(values.map((value) => (value === null || value === undefined ? "<no value>" : dereferenced(value))));
}
