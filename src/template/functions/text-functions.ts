/** Texts: cut, joined, searched, written otherwise. */
import { bytesOf, joined, textOf } from "../go/bytes.ts";
import { GoSlice, type Key, type Value } from "../go/value.ts";
import { allowItems, allowLength, allowPieces, PIECES_MAX, type Declared, fail, takes, takesMany } from "./declare.ts";
import { goPattern, replaceMatches } from "./go-pattern.ts";
import { int64, integerOf, itemsOf, kindOf, mapOf, textOfValue, typeNameOf } from "./reflect.ts";
import { formatTime, RFC3339 } from "./time-value.ts";

type Texts = readonly string[];

// As Go's unicode.IsSpace; JavaScript's trim also takes U+FEFF.
const SPACES = String.raw`[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const OUTER_SPACES = new RegExp(`^${SPACES}+|${SPACES}+$`, "g");

export const trimSpace = (text: string): string => text.replace(OUTER_SPACES, "");

export function trimSet(text: string, cutset: string): string {
  const runes = new Set(cutset);
  let from = 0;
  for (const rune of text) {
    if (!runes.has(rune)) break;
    from += rune.length;
  }
  let to = text.length;
  while (to > from) {
    const last =
      /[\udc00-\udfff]/.test(text[to - 1] as string) && to - 2 >= from && runes.has(text.slice(to - 2, to))
        ? text.slice(to - 2, to)
        : (text[to - 1] as string);
    if (!runes.has(last)) break;
    to -= last.length;
  }
  return text.slice(from, to);
}

export const trimPrefix = (text: string, prefix: string): string => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
export const trimSuffix = (text: string, suffix: string): string =>
  suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;

export const toUpper = (text: string): string => mapRunes(text, (rune) => rune.toUpperCase());
export const toLower = (text: string): string => mapRunes(text, (rune) => rune.toLowerCase());

/** Rune by rune, as Go: one rune stays one ("ß" has no upper case of one letter). */
function mapRunes(text: string, change: (rune: string) => string): string {
  // eslint-disable-next-line no-control-regex
  if (!/[^\0-\x7f]/.test(text)) return change(text);
  return text.replace(/[\s\S]/gu, (rune) => {
    const changed = change(rune);
    return [...changed].length === 1 ? changed : rune;
  });
}

/** Of every word its first letter; what follows stays. */
export function toTitle(text: string): string {
  return text.replace(/[\p{L}\p{M}\p{N}_]+(?:['’.:·][\p{L}][\p{L}\p{M}\p{N}_]*)*/gu, (word) => word.replace(/\p{L}/u, toUpper));
}

export function splitText(text: string, separator: string): string[] {
  if (separator === "") {
    allowPieces(text.length);
    return [...text];
  }
  const parts = text.split(separator, PIECES_MAX + 1);
  allowPieces(parts.length);
  return parts;
}

export function textsOf(value: Value, what: string): string[] {
  return (itemsOf(value) ?? []).map((item) => {
    if (typeof item !== "string") fail(`${what}: a list of strings is wanted`);
    return item;
  });
}

function join([separator, list]: readonly Value[]): Value {
  const items = textsOf(list, "join");
  allowLength(items.reduce((sum, item) => sum + item.length + (separator as string).length, 0));
  return items.join(separator as string);
}

function split([separator = "", text = ""]: Texts): Value {
  const trimmed = trimSpace(text);
  return new GoSlice("[]string", trimmed === "" ? [] : splitText(trimmed, separator));
}

function splitToMap([outer = "", inner = "", text = ""]: Texts): Value {
  const trimmed = trimSpace(text);
  const entries: [Key, Value][] = [];
  for (const part of trimmed === "" ? [] : splitText(trimmed, outer)) {
    const at = part.indexOf(inner);
    if (at >= 0) entries.push([part.slice(0, at), part.slice(at + inner.length)]);
  }
  return mapOf(entries, "map[string]string");
}

/** Every line that holds something, moved to the right. */
export function indented(count: number, text: string): string {
  allowLength(count);
  const lines = splitText(text, "\n");
  allowLength(text.length + count * lines.length);
  return lines.map((line) => (line === "" ? line : " ".repeat(count) + line)).join("\n");
}

function indent([count, text]: readonly Value[]): Value {
  return (count as bigint) < 0n ? fail("indent: the number of spaces must not be negative") : indented(Number(count), text as string);
}

export function replaced(text: string, from: string, to: string): string {
  const parts = from === "" ? ["", ...splitText(text, ""), ""] : splitText(text, from);
  allowLength(text.length + parts.length * to.length);
  return from === "" ? parts.slice(0, -1).join(to) + to : parts.join(to);
}

function base64(what: string, alphabet: "base64" | "base64url", padding: RegExp): Declared {
  return takes(["string"], ([text = ""]: Texts) => {
    const bare = text.replace(/[\r\n]/g, "");
    if (bare.length % 4 !== 0 || !padding.test(bare)) fail(`${what}: the text is not base64`);
    return textOf(Buffer.from(bare, alphabet));
  });
}

const encode64 = (alphabet: "base64" | "base64url"): Declared =>
  takes(["string"], ([text = ""]: Texts) => {
    const encoded = Buffer.from(bytesOf(text)).toString(alphabet);
    return alphabet === "base64" ? encoded : encoded.padEnd(Math.ceil(encoded.length / 4) * 4, "=");
  });

function timestamp([layout]: Texts, { nowMs }: { readonly nowMs: number }): Value {
  if (layout === "unix") return String(Math.floor(nowMs / 1000));
  return formatTime(BigInt(Math.trunc(nowMs)) * 1_000_000n, layout ?? RFC3339);
}

/** `loop 3` is 0, 1, 2; `loop 2 5` is 2, 3, 4. */
function loop(args: readonly Value[]): Value {
  const [from, to] = (args.length === 1 ? [0n, args[0]] : args).map(loopBound) as [bigint, bigint];
  const count = to > from ? Number(to - from) : 0;
  allowItems(count);
  return new GoSlice(
    "<-chan int64",
    Array.from({ length: count }, (_, index) => int64(from + BigInt(index))),
  );
}

const text1 = (call: (text: string) => Value): Declared => takes(["string"], ([text = ""]: Texts) => call(text));
const text2 = (call: (first: string, text: string) => Value): Declared =>
  takes(["string", "string"], ([first = "", text = ""]: Texts) => call(first, text));

export const TEXT_FUNCTIONS: Readonly<Record<string, Declared>> = {
  base64Decode: base64("base64Decode", "base64", /^[A-Za-z0-9+/]*={0,2}$/),
  base64Encode: encode64("base64"),
  base64URLDecode: base64("base64URLDecode", "base64url", /^[A-Za-z0-9_-]*={0,2}$/),
  base64URLEncode: encode64("base64url"),
  indent: takes(["int", "string"], indent),
  join: takes(["string", "list"], join),
  loop: takesMany(["any"], 1, loop, 2),
  regexMatch: text2((pattern, text) => goPattern(pattern, "regexMatch").test(text)),
  regexReplaceAll: takes(["string", "string", "string"], ([pattern = "", replacement = "", text = ""]: Texts) =>
    replaceMatches(goPattern(pattern, "regexReplaceAll"), text, replacement),
  ),
  replaceAll: takes(["string", "string", "string"], ([from = "", to = "", text = ""]: Texts) => joined(replaced(text, from, to))),
  split: takes(["string", "string"], split),
  splitToMap: takes(["string", "string", "string"], splitToMap),
  timestamp: takesMany(["string"], 0, timestamp, 1),
  toLower: text1(toLower),
  toTitle: text1(toTitle),
  toUpper: text1(toUpper),
  trim: text2((cutset, text) => trimSet(text, cutset)),
  trimPrefix: text2((prefix, text) => trimPrefix(text, prefix)),
  trimSpace: text1(trimSpace),
  trimSuffix: text2((suffix, text) => trimSuffix(text, suffix)),
};

function loopBound(value: Value): bigint {
  const kind = kindOf(value);
  if (kind === "int" || kind === "uint") return integerOf(value);
  if (kind === "string") return parseWhole(textOfValue(value), "loop");
  return fail(`loop: a whole number is wanted, not ${typeNameOf(value)}`);
}

/** A decimal int64; "" is 0. */
export function parseWhole(text: string, what: string): bigint {
  if (text === "") return 0n;
  const value = /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace(/^\+/, "")) : undefined;
  if (value === undefined) return fail(`${what}: the text is not a whole number`);
  return BigInt.asIntN(64, value) === value ? value : fail(`${what}: the number is larger than 64 bits`);
}
