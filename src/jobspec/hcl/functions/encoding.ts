/** Functions that write values as text and read them back. */
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";
import { fromPlain, type Value } from "../value.ts";
import { decodeCsv } from "./csv.ts";
import { encodeJson } from "./json-text.ts";
import { encodeYaml } from "./yaml-text.ts";
import { decodeYaml } from "./yaml-value.ts";

export const ENCODING: FunctionTable = new Map([
  ["base64decode", define(["str: string"], decodeBase64)],
  ["base64encode", define(["str: string"], (text: string) => Buffer.from(text, "utf8").toString("base64"))],
  ["csvdecode", define(["str: string"], decodeCsv)],
  ["jsondecode", define(["str: string"], decodeJson)],
  ["jsonencode", define(["val: any?"], encodeJson)],
  ["urlencode", define(["str: string"], encodeUrl)],
  ["yamldecode", define(["src: string"], decodeYaml)],
  ["yamlencode", define(["value: any?"], encodeYaml)],
]);

function decodeBase64(text: string): string {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replace(/[\r\n]/g, ""))) {
    throw new FunctionFailure("the text is no base64", 0);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "base64"));
  } catch {
    throw new FunctionFailure("the decoded bytes are no UTF-8 text", 0);
  }
}

function decodeJson(text: string): Value {
  try {
    return fromPlain(JSON.parse(text, finite));
  } catch (thrown) {
    if (thrown instanceof FunctionFailure) throw thrown;
    // Not what is near the mistake: it may be a secret's file.
    const [what] = (thrown as Error).message.split(/, (?:\.\.\.)?"/);
    throw new FunctionFailure(`bad JSON: ${what}`, 0);
  }
}

function finite(_: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new FunctionFailure("a number is too large", 0);
  return value;
}

/** As a query value: space is +. */
function encodeUrl(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}
