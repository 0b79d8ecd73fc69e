/** Sprig's functions on texts, patterns, digests, paths and versions: `sprig_NAME`. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { byteLength, bytesOf, joined, sliceBytes, textOf } from "../go/bytes.ts";
import { sprint, sprintf } from "../go/printer.ts";
import { GoSlice, GoStruct, GoText, type Value } from "../go/value.ts";
import { allowLength, type Declared, fail, takes, takesMany } from "./declare.ts";
import { goPattern, matchesOf, replaceMatches } from "./go-pattern.ts";
import { itemsOf, mapOf } from "./reflect.ts";
import { replaced, splitText, toLower, toUpper, trimPrefix, trimSet, trimSpace, trimSuffix } from "./text-functions.ts";

type Texts = readonly string[];

/** A value's text: of a string itself, of all else what print writes. */
export function textFor(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof GoText) return value.text;
  if (value instanceof Uint8Array) return textOf(value);
  if (value instanceof GoStruct && value.text !== undefined) return value.text();
  return value === null || value === undefined ? "<nil>" : sprint([value]);
}

/** strslice: a list's texts, nil left out; anything else is the only one. */
export function textsFor(value: Value): string[] {
  const items = itemsOf(value ?? null);
  if (items === undefined) return value === null || value === undefined ? [] : [textFor(value)];
  return items.filter((item) => item !== null && item !== undefined).map(textFor);
}

export const texts = (items: readonly string[]): GoSlice => new GoSlice("[]string", items);
const given = (args: readonly Value[]): readonly Value[] => args.filter((arg) => arg !== null && arg !== undefined);

const text1 = (call: (text: string) => Value): Declared => takes(["string"], ([text = ""]: Texts) => call(text));
const text2 = (call: (first: string, text: string) => Value): Declared =>
  takes(["string", "string"], ([first = "", text = ""]: Texts) => call(first, text));
const count1 = (call: (count: number, text: string) => Value): Declared =>
  takes(["int", "string"], ([count, text]: readonly Value[]) => call(Number(count), text as string));

function indent(count: number, text: string): string {
  if (count < 0) fail("the number of spaces must not be negative");
  const pad = " ".repeat((allowLength(count), count));
  return pad + replaced(text, "\n", `\n${pad}`);
}

function substring([from, to, text]: readonly Value[]): Value {
  const [start, end, whole] = [Number(from), Number(to), text as string];
  const length = byteLength(whole);
  if (start < 0) return end > length || end < 0 ? fail("sprig_substr: out of range") : sliceBytes(whole, 0, end);
  if (start > length || (end >= 0 && end <= length && start > end)) return fail("sprig_substr: out of range");
  return sliceBytes(whole, start, end < 0 || end > length ? length : end);
}

function truncated(count: number, text: string): string {
  const length = byteLength(text);
  if (count < 0 && length + count > 0) return sliceBytes(text, length + count, length);
  return count >= 0 && length > count ? sliceBytes(text, 0, count) : text;
}

function repeat(count: number, text: string): string {
  if (count < 0) fail("sprig_repeat: the count must not be negative");
  allowLength(count * text.length);
  return text.repeat(count);
}

function split(separator: string, text: string, count = Number.POSITIVE_INFINITY): Value {
  const parts = count < 0 ? splitText(text, separator) : limited(splitText(text, separator), separator, count);
  return mapOf(
    parts.map((part, index) => [`_${index}`, part]),
    "map[string]string",
  );
}

function limited(parts: readonly string[], separator: string, count: number): readonly string[] {
  if (count === 0) return [];
  return parts.length <= count ? parts : [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

/** Where a word begins: an upper case letter, a digit behind a letter, what is no letter. */
function words(text: string, connector: string): string {
  return text
    .replace(/([\p{Lu}]+)([\p{Lu}][\p{Ll}])/gu, "$1_$2")
    .replace(/([\p{Ll}\d])([\p{Lu}])/gu, "$1_$2")
    .replace(/([\p{L}]{2,})(\d)/gu, "$1_$2")
    .replace(/[\s_-]/g, connector)
    .toLowerCase();
}

function camelCase(text: string): string {
  return text.replace(
    /(^|[\s_-]+)([^\s_-])/g,
    (_, before: string, rune: string, offset: number) => (offset === 0 ? before : "") + toUpper(rune),
  );
}

const firstOfWords = (text: string): string =>
  text
    .trim()
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .join("");
const title = (text: string): string => text.replace(/(?<![\p{L}\p{N}_])\p{L}/gu, toUpper);
const swapCase = (text: string): string => Array.from(text, (rune) => (rune === toUpper(rune) ? toLower(rune) : toUpper(rune))).join("");

function wrapped(width: number, text: string, end = "\n", breaksWords = false): string {
  const lines: string[] = [];
  let rest = text;
  const size = Math.max(1, width);
  while (rest.length > size) {
    if (rest.startsWith(" ")) {
      rest = rest.slice(1);
      continue;
    }
    const space = rest.lastIndexOf(" ", size);
    const next = rest.indexOf(" ", size);
    const at = space >= 0 ? space : breaksWords ? size : next < 0 ? rest.length : next;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at + (breaksWords && space < 0 ? 0 : 1));
  }
  return [...lines, ...(rest === "" && lines.length > 0 ? [] : [rest])].join(end);
}

const digest = (algorithm: string): Declared => text1((text) => createHash(algorithm).update(bytesOf(text)).digest("hex"));

function adler32(text: string): string {
  let [a, b] = [1, 0];
  for (const byte of bytesOf(text)) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return String(b * 65_536 + a);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(text: string): string {
  const bits = Array.from(bytesOf(text), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const encoded = (bits.match(/.{1,5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five.padEnd(5, "0"), 2)]).join("");
  return encoded.padEnd(Math.ceil(encoded.length / 8) * 8, "=");
}

function fromBase32(text: string): string {
  const bare = text.replace(/=+$/, "");
  if (/[^A-Z2-7]/.test(bare)) return fail("sprig_b32dec: the text is not base32");
  const bits = Array.from(bare, (rune) => ALPHABET.indexOf(rune).toString(2).padStart(5, "0")).join("");
  return textOf(Uint8Array.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2))));
}

function abbreviated(width: number, text: string): string {
  return width < 4 || text.length <= width ? text : `${text.slice(0, width - 3)}...`;
}

const found = (pattern: string, text: string, count: number, what: string): string[] =>
  count === 0 ? [] : [...matchesOf(goPattern(pattern, what), text, count < 0 ? undefined : count)].map((match) => match[0]);

function splitBy(pattern: string, text: string, count: number): string[] {
  if (count === 0) return [];
  const parts: string[] = [];
  let from = 0;
  for (const match of matchesOf(goPattern(pattern, "sprig_regexSplit"), text)) {
    if (count > 0 && parts.length === count - 1) break;
    if (match[0] === "" && (match.index === 0 || match.index === text.length)) continue;
    parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}

const both = (names: readonly string[], declared: Declared): readonly (readonly [string, Declared])[] =>
  names.map((name) => [name, declared]);
const pattern3 = (literal: boolean): Declared =>
  takes(["string", "string", "string"], ([pattern = "", text = "", replacement = ""]: Texts) =>
    replaceMatches(goPattern(pattern, "sprig_regexReplaceAll"), text, replacement, literal),
  );
const patternCount = (call: (pattern: string, text: string, count: number) => string[]): Declared =>
  takes(["string", "string", "int"], ([pattern, text, count]: readonly Value[]) =>
    texts(call(pattern as string, text as string, Number(count))),
  );

export const SPRIG_TEXT: readonly (readonly [string, Declared])[] = [
  ["trim", text1(trimSpace)],
  ["upper", text1(toUpper)],
  ["lower", text1(toLower)],
  ["title", text1(title)],
  ["untitle", text1((text) => text.replace(/(?<=^|\s)\S/gu, toLower))],
  ["substr", takes(["int", "int", "string"], substring)],
  ["repeat", count1(repeat)],
  ["trunc", count1(truncated)],
  ["abbrev", count1(abbreviated)],
  ...both(
    ["trimall", "trimAll"],
    text2((cutset, text) => trimSet(text, cutset)),
  ),
  ["trimSuffix", text2((suffix, text) => trimSuffix(text, suffix))],
  ["trimPrefix", text2((prefix, text) => trimPrefix(text, prefix))],
  ["nospace", text1((text) => text.replace(/\s/g, ""))],
  ["initials", text1(firstOfWords)],
  ["swapcase", text1(swapCase)],
  ["snakecase", text1((text) => words(text, "_"))],
  ["kebabcase", text1((text) => words(text, "-"))],
  ["camelcase", text1(camelCase)],
  ["wrap", count1((width, text) => wrapped(width, text))],
  [
    "wrapWith",
    takes(["int", "string", "string"], ([width, end, text]: readonly Value[]) =>
      wrapped(Number(width), text as string, end as string, true),
    ),
  ],
  ["contains", text2((part, text) => text.includes(part))],
  ["hasPrefix", text2((prefix, text) => text.startsWith(prefix))],
  ["hasSuffix", text2((suffix, text) => text.endsWith(suffix))],
  [
    "quote",
    takesMany(["any"], 0, (args: readonly Value[]) =>
      given(args)
        .map((arg) => sprintf("%q", [textFor(arg)]))
        .join(" "),
    ),
  ],
  [
    "squote",
    takesMany(["any"], 0, (args: readonly Value[]) =>
      given(args)
        .map((arg) => sprintf("'%v'", [arg]))
        .join(" "),
    ),
  ],
  [
    "cat",
    takesMany(["any"], 0, (args: readonly Value[]) =>
      given(args)
        .map((arg) => sprintf("%v", [arg]))
        .join(" "),
    ),
  ],
  ["indent", count1(indent)],
  ["nindent", count1((count, text) => `\n${indent(count, text)}`)],
  ["replace", takes(["string", "string", "string"], ([from = "", to = "", text = ""]: Texts) => joined(replaced(text, from, to)))],
  ["plural", takes(["string", "string", "int"], ([one, many, count]: readonly Value[]) => (count === 1n ? one : many))],
  ["sha1sum", digest("sha1")],
  ["sha256sum", digest("sha256")],
  ["sha512sum", digest("sha512")],
  ["adler32sum", text1(adler32)],
  ["toString", takes(["any"], ([value]: readonly Value[]) => textFor(value))],
  ["toStrings", takes(["any"], ([value]: readonly Value[]) => texts(textsFor(value)))],
  ["split", text2((separator, text) => split(separator, text))],
  ["splitList", text2((separator, text) => texts(splitText(text, separator)))],
  [
    "splitn",
    takes(["string", "int", "string"], ([separator, count, text]: readonly Value[]) =>
      split(separator as string, text as string, Number(count)),
    ),
  ],
  ["join", takes(["string", "any"], ([separator, list]: readonly Value[]) => textsFor(list).join(separator as string))],
  ["b64enc", text1((text) => Buffer.from(bytesOf(text)).toString("base64"))],
  ["b64dec", text1((text) => textOf(Buffer.from(text, "base64")))],
  ["b32enc", text1(base32)],
  ["b32dec", text1(fromBase32)],
  ...both(
    ["base", "osBase"],
    text1((path) => (path === "" ? "." : posix.basename(path) || "/")),
  ),
  ...both(
    ["dir", "osDir"],
    text1((path) => posix.normalize(posix.dirname(path))),
  ),
  ...both(
    ["clean", "osClean"],
    text1((path) => (posix.normalize(path).length > 1 ? posix.normalize(path).replace(/\/$/, "") : posix.normalize(path))),
  ),
  ...both(
    ["ext", "osExt"],
    text1((path) => /\.[^./]*$/.exec(path)?.[0] ?? ""),
  ),
  ...both(
    ["isAbs", "osIsAbs"],
    text1((path) => path.startsWith("/")),
  ),
  ...both(
    ["regexMatch", "mustRegexMatch"],
    text2((pattern, text) => goPattern(pattern, "sprig_regexMatch").test(text)),
  ),
  ...both(
    ["regexFind", "mustRegexFind"],
    text2((pattern, text) => found(pattern, text, 1, "sprig_regexFind")[0] ?? ""),
  ),
  ...both(
    ["regexFindAll", "mustRegexFindAll"],
    patternCount((pattern, text, count) => found(pattern, text, count, "sprig_regexFindAll")),
  ),
  ...both(["regexReplaceAll", "mustRegexReplaceAll"], pattern3(false)),
  ...both(["regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"], pattern3(true)),
  ...both(["regexSplit", "mustRegexSplit"], patternCount(splitBy)),
  ["regexQuoteMeta", text1((text) => text.replace(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`))],
  ["fail", takes(["string"], ([message = ""]: Texts, looking) => fail(looking.withoutValues(message)))],
  ["hello", takes([], () => "Hello!")],
];
