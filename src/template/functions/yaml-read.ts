/** YAML 1.1 as go-yaml v2 reads it: whole numbers, floats, yes and no; times stay texts. */
import type { Key, Value } from "../go/value.ts";
import { GoMap } from "../go/value.ts";
import { loadYaml } from "../lazy.ts";
import { allowParsed, fail } from "./declare.ts";
import { readFloat } from "./float-text.ts";
import { uint64 } from "./reflect.ts";

const ALIASES_MAX = 1000;
const MAP = "map[interface {}]interface {}";

const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((text) => [text, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((text) => [text, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((text) => [text, null] as const),
  ...[".nan", ".NaN", ".NAN"].map((text) => [text, Number.NaN] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((text) => [text, Infinity] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((text) => [text, -Infinity] as const),
]);
const BASE60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const TIME =
  /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))| \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?)?$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** What a plain scalar is; the text itself when it is just a text. */
export function resolvePlain(text: string): Value {
  const constant = CONSTANTS.get(text);
  if (constant !== undefined) return constant;
  if (!/^[-+.\d]/.test(text)) return text;
  if (TIME.test(text)) return text;
  const plain = text.replaceAll("_", "");
  if (text.startsWith(".")) return readFloat(text) ?? text;
  const whole = wholeOf(plain);
  if (whole !== undefined) return whole;
  return FLOAT.test(plain) ? (readFloat(plain) ?? text) : text;
}

/** Would it be read as something else than a text? */
export const readsAsText = (text: string): boolean => !TIME.test(text) && !BASE60.test(text) && resolvePlain(text) === text;

function wholeOf(text: string): Value {
  const match = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(text);
  if (match === null) return undefined;
  const [, sign, hexadecimal, binary, octal, decimal] = match;
  const size = BigInt(hexadecimal ? `0x${hexadecimal}` : binary ? `0b${binary}` : octal ? `0o${octal}` : (decimal as string));
  const value = sign === "-" ? -size : size;
  if (BigInt.asIntN(64, value) === value) return value;
  return BigInt.asUintN(64, value) === value ? uint64(value) : undefined;
}

export function readYaml(text: string, what: string): Value {
  allowParsed(text);
  if (text === "") return new GoMap(new Map());
  const { parseDocument, visit, isScalar } = loadYaml();
  const document = parseDocument(text, {
    version: "1.1",
    schema: "yaml-1.1",
    merge: true,
    logLevel: "silent",
    uniqueKeys: true,
    customTags: (tags) => tags.filter(isUseful),
  });
  if (document.errors.length > 0) return fail(`${what}: the text is not YAML`);
  visit(document, {
    Scalar(_, node) {
      if (isScalar(node) && node.type === "PLAIN" && node.tag === undefined && node.source !== "<<")
        node.value = new Plain(resolvePlain(node.source ?? ""));
    },
  });
  try {
    return valueOf(document.toJS({ mapAsMap: true, maxAliasCount: ALIASES_MAX }), what);
  } catch {
    return fail(`${what}: the text is not YAML`);
  }
}

class Plain {
  readonly value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** Numbers, times and constants are read by `resolvePlain`. */
const isUseful = (tag: unknown): boolean => {
  const name = typeof tag === "string" ? tag : (tag as { readonly tag?: string }).tag;
  return !/timestamp|:bool|:int|:float|:null|omap|pairs|set$/.test(name ?? "");
};

function valueOf(json: unknown, what: string): Value {
  if (json instanceof Plain) return json.value;
  if (json === null || json === undefined) return null;
  if (typeof json === "string" || typeof json === "boolean" || typeof json === "number" || typeof json === "bigint") return json;
  if (json instanceof Uint8Array) return Buffer.from(json).toString("latin1");
  if (Array.isArray(json)) return json.map((item) => valueOf(item, what));
  if (!(json instanceof Map)) return fail(`${what}: a value it does not know`);
  return new GoMap(new Map<Key, Value>([...json].map(([key, value]) => [keyOf(valueOf(key, what), what), valueOf(value, what)])), MAP);
}

function keyOf(value: Value, what: string): Key {
  if (typeof value === "string" || typeof value === "bigint" || typeof value === "number" || typeof value === "boolean") return value;
  return fail(`${what}: a key that is neither a text nor a number`);
}
