/** Texts read as values, values written as texts. */
import { readFloat } from "./float-text.ts";
import type { Value } from "../go/value.ts";
import { type Declared, fail, takes } from "./declare.ts";
import { jsonText, readJson } from "./json-text.ts";
import { uint64, int64 } from "./reflect.ts";
import { parseWhole } from "./text-functions.ts";
import { tomlText } from "./toml-text.ts";
import { readYaml } from "./yaml-read.ts";
import { yamlText } from "./yaml-text.ts";

const BOOLEANS: Readonly<Record<string, boolean>> = {
  "": false,
  ...Object.fromEntries(["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true])),
  ...Object.fromEntries(["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false])),
};

const text1 = (call: (text: string) => Value): Declared => takes(["string"], ([text = ""]: readonly string[]) => call(text));
const value1 = (call: (value: Value) => Value): Declared => takes(["any"], ([value]: readonly Value[]) => call(value));

function parseUnsigned(text: string): Value {
  if (text === "") return uint64(0n);
  const value = /^\d{1,30}$/.test(text) ? BigInt(text) : fail("parseUint: the text is not a whole number of no sign");
  return BigInt.asUintN(64, value) === value ? uint64(value) : fail("parseUint: the number is larger than 64 bits");
}

export const CONVERSIONS: Readonly<Record<string, Declared>> = {
  parseBool: text1((text) =>
    Object.hasOwn(BOOLEANS, text) ? (BOOLEANS[text] as boolean) : fail("parseBool: the text is neither true nor false"),
  ),
  parseFloat: text1((text) => (text === "" ? 0 : (readFloat(text) ?? fail("parseFloat: the text is not a number")))),
  parseInt: text1((text) => int64(parseWhole(text, "parseInt"))),
  parseJSON: text1((text) => readJson(text, "parseJSON")),
  parseUint: text1(parseUnsigned),
  parseYAML: text1((text) => readYaml(text, "parseYAML")),
  toJSON: value1((value) => jsonText(value, { indent: "", escapeHtml: true })),
  toJSONPretty: value1((value) => jsonText(value, { indent: "  ", escapeHtml: true })),
  toUnescapedJSON: value1((value) => jsonText(value, { indent: "", escapeHtml: false })),
  toUnescapedJSONPretty: value1((value) => jsonText(value, { indent: "  ", escapeHtml: false })),
  toTOML: value1((value) => tomlText(value)),
  toYAML: value1((value) => yamlText(value)),
};
