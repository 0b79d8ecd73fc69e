/** Values as Go's encoding/json writes them, and JSON as it reads it. */
import { compareText, joined } from "../go/bytes.ts";
import { GoInteger, GoMap, GoStruct, GoText, JsonNumber, type Key, type Value } from "../go/value.ts";
import { allowLength, allowParsed, fail } from "./declare.ts";
import { isEmpty, itemsOf, textOfValue } from "./reflect.ts";
import { ShapedStruct, StandInStruct } from "./shape.ts";
import { TimeValue } from "./time-value.ts";

export interface JsonStyle {
  /** "": on one line. */
  readonly indent: string;
  /** <, > and & are written \u003c, \u003e and \u0026. */
  readonly escapeHtml: boolean;
}

const DEPTH_MAX = 1000;

export function jsonText(value: Value, style: JsonStyle, depth = 0): string {
  if (depth > DEPTH_MAX) fail("a value nested too deeply for JSON");
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number")
    return Number.isFinite(value) ? (Object.is(value, -0) ? "-0" : String(value)) : fail("JSON has no such number (NaN or infinite)");
  if (value instanceof GoInteger) return String(value.value);
  if (value instanceof JsonNumber) return value.text === "" ? "0" : value.text;
  if (typeof value === "string" || value instanceof GoText) return jsonString(textOfValue(value), style.escapeHtml);
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString("base64")}"`;
  if (value instanceof GoMap) return mapText(value, style, depth);
  if (value instanceof GoStruct) return structText(value, style, depth);
  const items = itemsOf(value);
  return items === undefined
    ? fail("functions cannot be written as JSON")
    : wrapped(
        "[",
        items.map((item) => jsonText(item, style, depth + 1)),
        "]",
        style,
        depth,
      );
}

function mapText(map: GoMap, style: JsonStyle, depth: number): string {
  const members = [...map.entries]
    .map(([key, value]) => [String(key), value] as const)
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([key, value]) => member(key, value, style, depth));
  return wrapped("{", members, "}", style, depth);
}

function structText(value: GoStruct, style: JsonStyle, depth: number): string {
  if (value instanceof StandInStruct || value instanceof TimeValue) return jsonText(value.standIn, style, depth);
  const tags = value instanceof ShapedStruct ? value.jsonFields : {};
  const members = [...value.fields]
    .filter(([name, field]) => !(tags[name]?.omitEmpty === true && isEmpty(field)))
    .map(([name, field]) =>
      member(tags[name]?.name ?? name, tags[name]?.nullWhenEmpty === true && isEmpty(field) ? null : field, style, depth),
    );
  return wrapped("{", members, "}", style, depth);
}

const member = (key: string, value: Value, style: JsonStyle, depth: number): string =>
  `${jsonString(key, style.escapeHtml)}:${style.indent === "" ? "" : " "}${jsonText(value, style, depth + 1)}`;

function wrapped(open: string, members: readonly string[], close: string, { indent }: JsonStyle, depth: number): string {
  if (members.length === 0) return open + close;
  const body =
    indent === ""
      ? members.join(",")
      : `\n${indent.repeat(depth + 1)}${members.join(`,\n${indent.repeat(depth + 1)}`)}\n${indent.repeat(depth)}`;
  allowLength(body.length);
  return open + body + close;
}

const SHORT: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
  '"': '\\"',
  "\\": "\\\\",
};

// eslint-disable-next-line no-control-regex
const PLAIN = /[\0-\x1f"\\\u2028\u2029\udc80-\udcff]/gu;
// eslint-disable-next-line no-control-regex
const HTML = /[\0-\x1f"\\\u2028\u2029\udc80-\udcff<>&]/gu;

function jsonString(text: string, escapeHtml: boolean): string {
  const escaped = text.replace(escapeHtml ? HTML : PLAIN, (rune) => {
    const code = rune.charCodeAt(0);
    if (code >= 0xdc80 && code <= 0xdcff) return "\\ufffd";
    return SHORT[rune] ?? `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

/** As json.Unmarshal into an interface: numbers become floats. */
export function readJson(text: string, what: string): Value {
  allowParsed(text);
  if (text === "") return new GoMap(new Map());
  let json: unknown;
  try {
    json = JSON.parse(joined(text));
  } catch {
    // What JSON.parse says quotes the text.
    return fail(`${what}: the text is not JSON`);
  }
  return valueOfJson(json);
}

export function valueOfJson(json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "string" || typeof json === "boolean" || typeof json === "number") return json;
  if (Array.isArray(json)) return json.map(valueOfJson);
  return new GoMap(new Map<Key, Value>(Object.entries(json as object).map(([key, value]) => [key, valueOfJson(value)])));
}
