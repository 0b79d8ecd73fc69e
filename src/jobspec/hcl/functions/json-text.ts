/** Values as JSON text: keys in order, no spaces; <, > and & escaped, as the reference writes it. */
import { entriesOf, formatNumber, isList, isMap, type Value } from "../value.ts";

const ESCAPED = /[<>&\u2028\u2029]/g;

export function encodeJson(value: Value): string {
  if (value === null) return "null";
  if (isList(value)) return `[${value.map(encodeJson).join(",")}]`;
  if (isMap(value))
    return `{${entriesOf(value)
      .map(([key, inner]) => `${encodeText(key)}:${encodeJson(inner)}`)
      .join(",")}}`;
  if (typeof value === "number") return formatNumber(value);
  return typeof value === "boolean" ? String(value) : encodeText(value);
}

function encodeText(text: string): string {
  return JSON.stringify(text).replace(ESCAPED, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
