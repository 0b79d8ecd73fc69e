/** Values as go-yaml v2 writes them: two spaces, lists not moved to the right, keys in their natural order, long lines folded at 80. */
import { GoInteger, GoMap, GoStruct, GoText, JsonNumber, type Value } from "../go/value.ts";
import { allowLength, fail } from "./declare.ts";
import { readFloat, shortFloat } from "./float-text.ts";
import { itemsOf, textOfValue } from "./reflect.ts";
import { standInOf } from "./shape.ts";
import { TimeValue } from "./time-value.ts";
import { readsAsText } from "./yaml-read.ts";

const WIDTH = 80;
const DEPTH_MAX = 100;

export function yamlText(value: Value): string {
  const writer = new Writer();
  writer.node(value, -2, false, 0);
  return writer.text.trim();
}

type Member = readonly [Value, Value];

class Writer {
  /** Lines that are written, and the one being written: a long text is never copied to see where it ends. */
  readonly #lines: string[] = [];
  #line = "";
  #length = 0;

  get text(): string {
    return [...this.#lines, this.#line].join("\n");
  }

  #put(text: string): void {
    const [first = "", ...others] = text.split("\n");
    this.#line += first;
    for (const line of others) {
      this.#lines.push(this.#line);
      this.#line = line;
    }
    this.#length += text.length;
  }

  get #isEmpty(): boolean {
    return this.#lines.length === 0 && this.#line === "";
  }

  /** `indent`: of the collection it stands in; `inMapping`: behind a key. What it writes begins behind what stands there. */
  node(value: Value, indent: number, inMapping: boolean, depth: number): void {
    if (depth > DEPTH_MAX) fail("toYAML: a value nested too deeply");
    allowLength(this.#length);
    const plain = standInOf(value) === undefined ? value : standInOf(value);
    const members = membersOf(plain);
    const items = plain instanceof Uint8Array ? undefined : itemsOf(plain ?? null);
    if (members !== undefined) this.#mapping(members, indent, inMapping, depth);
    else if (items !== undefined) this.#sequence(items, indent, inMapping, depth);
    else this.#space(inMapping || indent >= 0, () => this.#scalar(plain, indent, false, value instanceof TimeValue));
  }

  #space(wanted: boolean, write: () => void): void {
    if (wanted && !this.#isEmpty && !this.#line.endsWith(" ") && this.#line !== "") this.#put(" ");
    write();
  }

  #mapping(members: readonly Member[], indent: number, inMapping: boolean, depth: number): void {
    if (members.length === 0) return this.#space(true, () => this.#put("{}"));
    const own = indent + 2;
    members.forEach(([key, member], index) => {
      if (index > 0 || inMapping) this.#next(own);
      this.#scalar(key, own, true);
      this.#put(":");
      this.node(member, own, true, depth + 1);
    });
  }

  #sequence(items: readonly Value[], indent: number, inMapping: boolean, depth: number): void {
    if (items.length === 0) return this.#space(true, () => this.#put("[]"));
    const own = inMapping ? indent : indent + 2;
    items.forEach((item, index) => {
      if (index > 0 || inMapping) this.#next(own);
      this.#put("- ");
      this.node(item, own, false, depth + 1);
    });
  }

  #next(indent: number): void {
    if (!this.#isEmpty && this.#line !== "") this.#put("\n");
    this.#put(" ".repeat(indent));
  }

  #scalar(value: Value, parent: number, isKey: boolean, asIs = false): void {
    const indent = parent + 2;
    if (typeof value !== "string" && !(value instanceof GoText)) return this.#put(atom(value));
    if (value instanceof JsonNumber) return this.#put(jsonNumber(value));
    const text = textOfValue(value);
    const can = analyzed(text);
    if (asIs) this.#put(text);
    else if (text.includes("\n") && can.block && !isKey) this.#literal(text, indent);
    else if (!text.includes("\n") && readsAsText(text) && can.plain && !(isKey && can.multiline))
      this.#folded(text, indent, isKey, (rune) => rune);
    else if (!text.includes("\n") && readsAsText(text) && can.single && !(isKey && can.multiline)) this.#quoted("'", text, indent, isKey);
    else this.#quoted('"', text, indent, isKey);
  }

  #literal(text: string, indent: number): void {
    const chomp = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
    this.#put(`|${/^[ \n]/.test(text) ? "2" : ""}${chomp}\n`);
    const body = text.split("\n").map((line) => (line === "" ? "" : " ".repeat(indent) + line));
    this.#put(body.join("\n"));
  }

  /** Broken at single spaces, once a line is longer than it should be. */
  #folded(text: string, indent: number, isKey: boolean, write: (rune: string) => string, quoted = false): void {
    let spaces = false;
    const runes = [...text];
    for (const [index, rune] of runes.entries()) {
      const inside = !quoted || (index > 0 && index < runes.length - 1);
      if (rune === " " && !isKey && !spaces && inside && this.#line.length > WIDTH && runes[index + 1] !== " ")
        this.#put(`\n${" ".repeat(indent)}`);
      else this.#put(write(rune));
      spaces = rune === " ";
    }
  }

  #quoted(quote: "'" | '"', text: string, indent: number, isKey: boolean): void {
    this.#put(quote);
    this.#folded(text, indent, isKey, quote === "'" ? (rune) => (rune === "'" ? "''" : rune) : escaped, true);
    this.#put(quote);
  }
}

function membersOf(value: Value): readonly Member[] | undefined {
  if (value instanceof GoStruct) return [...value.fields].map(([name, field]) => [name.toLowerCase(), field] as const);
  return value instanceof GoMap ? [...value.entries].toSorted(([a], [b]) => compareKeys(a, b)) : undefined;
}

function atom(value: Value): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof GoInteger) return String(value.value);
  if (typeof value === "number") return { NaN: ".nan", "+Inf": ".inf", "-Inf": "-.inf" }[shortFloat(value)] ?? shortFloat(value);
  return value instanceof Uint8Array ? `[${[...value].join(", ")}]` : fail("toYAML: functions cannot be written");
}

const jsonNumber = ({ text }: JsonNumber): string =>
  /^-?\d{1,18}$/.test(text) ? String(BigInt(text)) : readFloat(text) === undefined ? text : shortFloat(readFloat(text) as number);

/** Numbers before texts; in texts runs of digits by their number, what is no letter before letters. */
function compareKeys(a: unknown, b: unknown): number {
  const [left, right] = [numeric(a), numeric(b)];
  if (left !== undefined && right !== undefined) return left - right;
  if (left !== undefined || right !== undefined) return left === undefined ? 1 : -1;
  return lessNaturally(String(a), String(b)) ? -1 : lessNaturally(String(b), String(a)) ? 1 : 0;
}

const numeric = (key: unknown): number | undefined => (typeof key === "string" ? undefined : Number(key));
const isDigit = (rune: string | undefined): boolean => rune !== undefined && /\p{Nd}/u.test(rune);
const isLetter = (rune: string): boolean => /\p{L}/u.test(rune);

function lessNaturally(left: string, right: string): boolean {
  const [a, b] = [[...left], [...right]];
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x, y] = [a[at] as string, b[at] as string];
    if (x === y) continue;
    const letters = Number(isLetter(x)) + Number(isLetter(y));
    if (letters === 2) return x < y;
    if (letters === 1) return isLetter(y);
    return lessAtDigits(a, b, at);
  }
  return a.length < b.length;
}

function lessAtDigits(a: readonly string[], b: readonly string[], at: number): boolean {
  let prefix = 0n;
  if (a[at] === "0" || b[at] === "0") {
    for (let before = at - 1; before >= 0 && isDigit(a[before]); before--) if (a[before] !== "0") prefix = 1n;
  }
  const [x, y] = [digitsFrom(a, at, prefix), digitsFrom(b, at, prefix)];
  if (x.value !== y.value) return x.value < y.value;
  return x.end === y.end ? (a[at] as string) < (b[at] as string) : x.end < y.end;
}

function digitsFrom(runes: readonly string[], at: number, prefix: bigint): { readonly value: bigint; readonly end: number } {
  let value = prefix;
  let end = at;
  for (; isDigit(runes[end]); end++) value = value * 10n + BigInt((runes[end] as string).charCodeAt(0) - 48);
  return { value: BigInt.asIntN(64, value), end };
}

interface Analysis {
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
  readonly multiline: boolean;
}

const BREAK = /[\n\r\u0085\u2028\u2029]/;
const NOT_PRINTABLE = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;

/** What styles a text can be written in. */
function analyzed(text: string): Analysis {
  const multiline = BREAK.test(text);
  const special = NOT_PRINTABLE.test(text) || / [\n\r\u0085\u2028\u2029]/.test(text);
  const breakSpace = /[\n\r\u0085\u2028\u2029] /.test(text);
  const outer = /^[ \n\r\u0085\u2028\u2029]|[ \n\r\u0085\u2028\u2029]$/.test(text);
  const indicators = /^(?:---|\.\.\.)|^[#,[\]{}&*!|>'"%@`]|^[?:-](?:[ \t]|$)|:(?:[ \t]|$)|[\s]#/.test(text);
  return {
    plain: !outer && !breakSpace && !special && !multiline && !indicators,
    single: !breakSpace && !special,
    block: !text.endsWith(" ") && !special,
    multiline,
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "0",
  "\x07": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\x1b": "e",
  '"': '"',
  "\\": "\\",
  "\u0085": "N",
  "\u00a0": "_",
  "\u2028": "L",
  "\u2029": "P",
};

function escaped(rune: string): string {
  if (!NOT_PRINTABLE.test(rune) && !BREAK.test(rune) && rune !== '"' && rune !== "\\") return rune;
  const short = ESCAPES[rune];
  if (short !== undefined) return `\\${short}`;
  const code = rune.codePointAt(0) as number;
  const [letter, width] = code <= 0xff ? ["x", 2] : code <= 0xffff ? ["u", 4] : ["U", 8];
  return `\\${letter}${code
    .toString(16)
    .toUpperCase()
    .padStart(width as number, "0")}`;
}
