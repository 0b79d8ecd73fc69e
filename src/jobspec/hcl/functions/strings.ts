/** Functions on text. Characters are what a reader sees (grapheme clusters), as in the reference. */
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";
import { compareText, type ListValue } from "../value.ts";
import { format, formatList } from "./format.ts";

export const STRINGS: FunctionTable = new Map([
  ["chomp", define(["str: string"], (text: string) => text.replace(/(?:\r\n?|\n)+$/, ""))],
  ["format", define(["format: string"], (pattern: string, ...given: ListValue) => format(pattern, given), "args: any?")],
  ["formatlist", define(["format: string"], (pattern: string, ...given: ListValue) => formatList(pattern, given), "args: any?")],
  [
    "indent",
    define(["spaces: number", "str: string"], (spaces: number, text: string) =>
      text.replaceAll("\n", `\n${" ".repeat(countOf(spaces, 0))}`),
    ),
  ],
  ["join", define(["separator: string", "list: strings"], join, "lists: strings")],
  ["lower", define(["str: string"], (text: string) => mapCharacters(text, (each) => each.toLowerCase()))],
  ["replace", define(["str: string", "substr: string", "replace: string"], replace)],
  ["sort", define(["list: strings"], (list: (string | null)[]) => texts(list).sort(compareText))],
  [
    "split",
    define(["separator: string", "str: string"], (separator: string, text: string) =>
      separator === "" ? [...text] : text.split(separator),
    ),
  ],
  ["strlen", define(["str: string"], (text: string) => characters(text).length)],
  ["strrev", define(["str: string"], reversed)],
  ["substr", define(["str: string", "offset: number", "length: number"], substring)],
  ["title", define(["str: string"], title)],
  ["trim", define(["str: string", "cutset: string"], trim)],
  [
    "trimprefix",
    define(["str: string", "prefix: string"], (text: string, prefix: string) =>
      text.startsWith(prefix) ? text.slice(prefix.length) : text,
    ),
  ],
  ["trimspace", define(["str: string"], (text: string) => text.trim())],
  ["trimsuffix", define(["str: string", "suffix: string"], trimSuffix)],
  ["upper", define(["str: string"], (text: string) => mapCharacters(text, (each) => each.toUpperCase()))],
]);

/** Replacements longer than this are refused: one argument can multiply another. */
const LENGTH_MAX = 16 * 1024 * 1024;

export function reversed(text: string): string {
  return characters(text).reverse().join("");
}

export function characters(text: string): string[] {
  // Nothing to put together in plain ASCII, but for \r\n.
  if (/^[\x00-\x0c\x0e-\x7f]*$/.test(text)) return text.split("");
  return Array.from(new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text), (each) => each.segment);
}

function countOf(value: number, argument: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 1e6) return value;
  throw new FunctionFailure("wants a whole number from 0 to 1000000", argument);
}

function texts(list: readonly (string | null)[]): string[] {
  return list.map((each) => {
    if (each === null) throw new FunctionFailure("the list holds a null");
    return each;
  });
}

function join(separator: string, ...lists: (string | null)[][]): string {
  return texts(lists.flat()).join(separator);
}

function replace(text: string, from: string, to: string): string {
  // An empty `from` matches between all characters, as in the reference.
  const parts = from === "" ? ["", ...text, ""] : text.split(from);
  if (text.length + parts.length * to.length > LENGTH_MAX) throw new FunctionFailure("the result is too long");
  return parts.join(to);
}

function substring(text: string, offset: number, length: number): string {
  const all = characters(text);
  const start = offset < 0 ? Math.max(0, all.length + offset) : offset;
  // A length of 0 counted from the end means all that is left, as in the reference.
  const rest = length < 0 || (length === 0 && offset < 0);
  return all.slice(start, rest ? all.length : start + length).join("");
}

/** Case mappings that change the number of characters (ß → SS) do not apply. */
function mapCharacters(text: string, map: (character: string) => string): string {
  return Array.from(text, (each) => {
    const mapped = map(each);
    return [...mapped].length === 1 ? mapped : each;
  }).join("");
}

function title(text: string): string {
  let inWord = false;
  return Array.from(text, (each) => {
    const shown = inWord ? each : mapCharacters(each, (letter) => letter.toUpperCase());
    inWord = /[\p{L}\p{N}_]/u.test(each) || (each > "\u007f" && !/\s/u.test(each));
    return shown;
  }).join("");
}

function trim(text: string, cutset: string): string {
  const cut = new Set(cutset);
  const all = [...text];
  let start = 0;
  let end = all.length;
  while (start < end && cut.has(all[start] as string)) start++;
  while (end > start && cut.has(all[end - 1] as string)) end--;
  return all.slice(start, end).join("");
}

function trimSuffix(text: string, suffix: string): string {
  return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}
