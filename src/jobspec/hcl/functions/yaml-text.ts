/** yamlencode: keys and text in double quotes, so that nothing is mistaken for something else. */
import { entriesOf, formatNumber, isList, isMap, type Value } from "../value.ts";

export function encodeYaml(value: Value): string {
  // A document that is one bare word is closed, as libyaml does.
  const bare = value === null || typeof value === "number" || typeof value === "boolean";
  return `${lines(value, 0)}\n${bare ? "...\n" : ""}`;
}

function lines(value: Value, depth: number): string {
  const indent = "  ".repeat(depth);
  if (value !== null && isList(value) && value.length > 0) {
    return value.map((item) => `${indent}- ${lines(item, depth + 1).trimStart()}`).join("\n");
  }
  if (value !== null && isMap(value) && value.size > 0) {
    return entriesOf(value)
      .map(([key, inner]) => `${indent}${quote(key)}:${member(inner, depth)}`)
      .join("\n");
  }
  return scalar(value, depth);
}

/** What follows "key:"; lists stand below their key without indentation. */
function member(value: Value, depth: number): string {
  if (value !== null && isList(value) && value.length > 0) return `\n${lines(value, depth)}`;
  if (value !== null && isMap(value) && value.size > 0) return `\n${lines(value, depth + 1)}`;
  return ` ${scalar(value, depth)}`;
}

function scalar(value: Value, depth: number): string {
  if (value === null) return "null";
  if (isList(value)) return "[]";
  if (isMap(value)) return "{}";
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "boolean") return String(value);
  return value.includes("\n") && !/[^\P{Cc}\n\t]/u.test(value) ? literal(value, depth) : quote(value);
}

/** Several lines: a block, with how its last line ends. */
function literal(text: string, depth: number): string {
  const indent = "  ".repeat(depth + 1);
  const chomp = !text.endsWith("\n") ? "-" : text.endsWith("\n\n") || text === "\n" ? "+" : "";
  const leading = /^[ \n\t]/.test(text) ? "2" : "";
  const body = text.replace(/\n$/, "").split("\n");
  return `|${leading}${chomp}\n${body.map((line) => (line === "" ? "" : indent + line)).join("\n")}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
