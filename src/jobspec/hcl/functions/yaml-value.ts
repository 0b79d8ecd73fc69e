/**
 * yamldecode: the document is read by a library, what its scalars mean is decided here, as the reference does (YAML 1.1's words,
 * 1.2's numbers):
 *
 *   quoted, block ──► text           yes no on off y n true false ──► bool        "" ~ null ──► null
 *   5 -1.5 0x1f 0o17 1e3 ──► number  2026-01-02 … ──► an RFC 3339 timestamp       anything else ──► text
 */
import type { Node, Scalar, YAMLMap } from "yaml";
import { FunctionFailure } from "../scope.ts";
import { toText, type Value } from "../value.ts";
import { loadYaml } from "./packages.ts";

const WORDS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...inCases(["y", "yes", "true", "on"], true),
  ...inCases(["n", "no", "false", "off"], false),
  ...inCases(["null"], null),
  ["", null],
  ["~", null],
]);
const INTEGER = /^(?:[-+]?\d+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const TIMESTAMP = /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt](\d\d?):(\d\d?):(\d\d?)(?:\.\d+)?(Z|[-+]\d\d:\d\d)| (\d\d?):(\d\d?):(\d\d?)(?:\.\d+)?)?$/;
const TAG = "tag:yaml.org,2002:";
const TAGS = new Set(["str", "bool", "int", "float", "null", "timestamp", "binary"]);
const DEPTH_MAX = 200;
const MERGED_MAX = 100_000;

function inCases(words: readonly string[], value: boolean | null): [string, boolean | null][] {
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return words.flatMap((word) => [word, capital(word), word.toUpperCase()].map((each): [string, boolean | null] => [each, value]));
}

export function decodeYaml(text: string): Value {
  const yaml = loadYaml();
  const documents = yaml.parseAllDocuments(text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document === undefined) fail("there is no document");
  if (second !== undefined) fail("only a single document is allowed");
  const [error] = document.errors;
  if (error !== undefined) fail((error.message.split("\n")[0] as string).replace(/:$/, ""));
  return read(document.contents, {
    yaml,
    anchors: new Map(),
    open: new Set(),
    depth: 0,
    merged: { count: 0 },
    unendedAt: text.endsWith("\n") ? undefined : text.length,
  });
}

interface Reading {
  readonly yaml: ReturnType<typeof loadYaml>;
  readonly anchors: Map<string, Value>;
  /** Anchors whose value is being read. */
  readonly open: Set<string>;
  readonly depth: number;
  /** Entries taken over with <<, all together. */
  readonly merged: { count: number };
  /** The text's length when it does not end with a line end. */
  readonly unendedAt: number | undefined;
}

function read(node: Node | null, reading: Reading): Value {
  if (reading.depth > DEPTH_MAX) fail(`nested more than ${DEPTH_MAX} levels deep`);
  if (node === null) return null;
  if (reading.yaml.isAlias(node)) {
    if (reading.open.has(node.source)) fail(`anchor "${node.source}" refers to itself`);
    const value = reading.anchors.get(node.source);
    return value === undefined ? fail(`there is no anchor "${node.source}"`) : value;
  }
  const { anchor } = node as { anchor?: string };
  if (anchor !== undefined) reading.open.add(anchor);
  const value = readValue(node, { ...reading, depth: reading.depth + 1 });
  if (anchor !== undefined) {
    reading.open.delete(anchor);
    reading.anchors.set(anchor, value);
  }
  return value;
}

function readValue(node: Node, reading: Reading): Value {
  const { isMap, isScalar, isSeq } = reading.yaml;
  if (isScalar(node)) {
    if (node.type === "PLAIN" || node.tag !== undefined) return readScalar(node as Scalar<string>);
    const text = String(node.value);
    const block = node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
    // The document ends within the block's last line: there is no line end to keep.
    return block && reading.unendedAt !== undefined && (node.range?.[1] ?? 0) >= reading.unendedAt ? text.replace(/\n$/, "") : text;
  }
  if (isSeq(node)) {
    wantTag(node.tag, "seq", "a list");
    return node.items.map((item) => read(item as Node | null, reading));
  }
  if (isMap(node)) {
    wantTag(node.tag, "map", "a map");
    return readMap(node as YAMLMap, reading);
  }
  return fail("a value is missing");
}

function wantTag(tag: string | undefined, wanted: string, what: string): void {
  if (tag !== undefined && tag !== TAG + wanted) fail(`cannot read ${what} as ${shortTag(tag)}`);
}

function readMap(node: YAMLMap, reading: Reading): Value {
  const { isScalar } = reading.yaml;
  const map = new Map<string, Value>();
  for (const { key, value } of node.items as readonly { key: Node | null; value: Node | null }[]) {
    if (isScalar(key) && key.type === "PLAIN" && key.value === "<<" && key.tag === undefined) {
      for (const merged of mergedMaps(read(value, reading))) {
        reading.merged.count += merged.size;
        if (reading.merged.count > MERGED_MAX) fail(`<< takes over more than ${MERGED_MAX} entries`);
        for (const [name, inner] of merged) map.set(name, inner);
      }
      continue;
    }
    if (!isScalar(key)) fail("only text can be the key of a map");
    const name = toText(key.type === "PLAIN" || key.tag !== undefined ? readScalar(key as Scalar<string>) : String(key.value));
    if (name === undefined) fail("the key of a map cannot be null");
    map.set(name, read(value, reading));
  }
  return map;
}

function mergedMaps(value: Value): readonly ReadonlyMap<string, Value>[] {
  const all = Array.isArray(value) ? (value as readonly Value[]) : [value];
  return all.map((each) => (each instanceof Map ? (each as ReadonlyMap<string, Value>) : fail("only maps can be merged with <<")));
}

function readScalar(node: Scalar<string>): Value {
  // As written: a tag the library knows has made something else of the value.
  const text = node.source ?? String(node.value ?? "");
  const tag = node.tag === undefined || node.tag === "!" ? "" : shortTag(node.tag).replace("!!", "");
  if (tag !== "" && !TAGS.has(tag)) fail(`unsupported tag "${shortTag(node.tag as string)}"`);
  if (tag === "str" || (node.tag === "!" && node.type !== "PLAIN")) return text;
  if (tag === "binary") return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) ? text : misfit(text, tag);
  const quoted = node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE";
  if (node.type !== "PLAIN" && tag === "") return text;
  // Quotes win over a tag, unless the text could not be anything but text: then the tag complains.
  if (quoted && /^(?:$|[-+.0-9yYnNtTfFoO~])/.test(text)) return text;
  return readPlain(text, tag);
}

/** `tag` "": whatever the text looks like. */
function readPlain(text: string, tag: string): Value {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (/^[-+]?\.inf$/i.test(text) || /^\.nan$/i.test(text)) fail(`${text} is not supported: only finite numbers are`);
  const moment = tag === "" || tag === "timestamp" ? timestampOf(text) : undefined;
  if (moment !== undefined) return moment;
  if (INTEGER.test(text) || FLOAT.test(text)) return readNumber(text);
  if (tag === "int" || tag === "float") {
    const plain = text.replaceAll("_", "");
    return INTEGER.test(plain) || FLOAT.test(plain) ? readNumber(plain) : misfit(text, tag);
  }
  return tag === "" ? text : misfit(text, tag);
}

function readNumber(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : fail("a number is too large");
}

function timestampOf(text: string): string | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
  const [hour, minute, second] = (match[4] === undefined ? match.slice(8, 11) : match.slice(4, 7)).map((each) => Number(each ?? 0)) as [
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return undefined;
  const two = (value: number): string => String(value).padStart(2, "0");
  const zone = match[7] === undefined || /^[-+]00:00$/.test(match[7]) ? "Z" : match[7];
  return `${match[1]}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${zone}`;
}

function shortTag(tag: string): string {
  return tag.startsWith(TAG) ? `!!${tag.slice(TAG.length)}` : tag;
}

function misfit(text: string, tag: string): never {
  fail(`cannot read "${text}" as !!${tag}`);
}

function fail(message: string): never {
  throw new FunctionFailure(message, 0);
}
