/** Values as TOML: plain keys first, then tables, both in order of their names, deeper tables further to the right. */
import { compareText } from "../go/bytes.ts";
import { GoInteger, GoMap, GoStruct, GoText, JsonNumber, type Value } from "../go/value.ts";
import { fail } from "./declare.ts";
import { plainFloat, readFloat } from "./float-text.ts";
import { itemsOf, kindOf, textOfValue } from "./reflect.ts";
import { standInOf } from "./shape.ts";
import { TimeValue } from "./time-value.ts";

type Member = readonly [string, Value];
const DEPTH_MAX = 100;

export function tomlText(value: Value): string {
  const lines: string[] = [];
  if (isTable(value)) writeTable(lines, [], value);
  else lines.push(value === null || value === undefined ? "" : inline(value, 0));
  return lines.join("\n").trim();
}

const isTable = (value: Value): value is GoMap | GoStruct =>
  value instanceof GoMap || (value instanceof GoStruct && standInOf(value) === undefined);

function isTableList(value: Value): boolean {
  const items = itemsOf(value);
  return items !== undefined && items.length > 0 && items.every(isTable);
}

function membersOf(value: GoMap | GoStruct): readonly Member[] {
  const all: Member[] =
    value instanceof GoMap
      ? [...value.entries].map(([key, member]) => [tomlKey(key), member] as const).toSorted(([a], [b]) => compareText(a, b))
      : [...value.fields];
  return all.filter(([, member]) => member !== null && member !== undefined);
}

const tomlKey = (key: unknown): string => (typeof key === "string" ? key : fail("toTOML: a map's keys must be strings"));

function writeTable(lines: string[], path: readonly string[], table: GoMap | GoStruct): void {
  if (path.length > DEPTH_MAX) fail("toTOML: a value nested too deeply");
  const members = membersOf(table);
  for (const member of members.filter(([, value]) => !isTable(value) && !isTableList(value))) {
    const [name, value] = member;
    lines.push(`${"  ".repeat(path.length)}${keyText(name)} = ${inline(value, 0)}`);
  }
  for (const [name, value] of members.filter(([, each]) => isTable(each) || isTableList(each))) writeSection(lines, [...path, name], value);
}

function writeSection(lines: string[], path: readonly string[], value: Value): void {
  const indent = "  ".repeat(path.length - 1);
  const title = path.map(keyText).join(".");
  if (isTable(value)) {
    if (path.length === 1 && lines.length > 0) lines.push("");
    lines.push(`${indent}[${title}]`);
    writeTable(lines, path, value);
    return;
  }
  for (const item of itemsOf(value) as readonly (GoMap | GoStruct)[]) {
    if (lines.length > 0) lines.push("");
    lines.push(`${indent}[[${title}]]`);
    writeTable(lines, path, item);
  }
}

function inline(value: Value, depth: number): string {
  if (depth > DEPTH_MAX) fail("toTOML: a value nested too deeply");
  if (value instanceof TimeValue) return value.standIn;
  if (value instanceof GoStruct && standInOf(value) !== undefined) return inline(standInOf(value), depth);
  if (value instanceof JsonNumber) return numberText(value);
  if (typeof value === "string" || value instanceof GoText) return quotedText(textOfValue(value));
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return floatText(value);
  if (value instanceof GoInteger) return String(value.value);
  if (value instanceof GoMap || value instanceof GoStruct) return inlineTable(value, depth);
  const items = itemsOf(value ?? null);
  if (items === undefined) return fail(`toTOML: what is ${kindOf(value)} in a list cannot be written`);
  return `[${items.map((item) => inline(item, depth + 1)).join(", ")}]`;
}

function inlineTable(table: GoMap | GoStruct, depth: number): string {
  const members = membersOf(table);
  const sorted = [...members.filter(([, value]) => !isTable(value)), ...members.filter(([, value]) => isTable(value))];
  return `{${sorted.map(([name, value]) => `${keyText(name)} = ${inline(value, depth + 1)}`).join(", ")}}`;
}

function numberText({ text }: JsonNumber): string {
  if (text === "") return "0";
  return /^-?\d{1,18}$/.test(text) ? String(BigInt(text)) : floatText(readFloat(text) ?? fail("toTOML: a number it cannot write"));
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = plainFloat(value);
  return text.includes(".") ? text : `${text}.0`;
}

const SHORT: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
};

// eslint-disable-next-line no-control-regex
const quotedText = (text: string): string =>
  `"${text.replace(/[\0-\x1f\x7f"\\]/g, (rune) => SHORT[rune] ?? `\\u${rune.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;

const keyText = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : key === "" ? '""' : quotedText(key));
