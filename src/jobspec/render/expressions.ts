/** Values → expressions of a job file that evaluate to just these values. */
import { formatNumber } from "../hcl/mod.ts";

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** Words that mean something of their own where a bare key could stand. */
const RESERVED = new Set(["for", "if", "in", "else", "endif", "endfor", "true", "false", "null"]);
/** What only the node or the task knows: left to them, readable as it is. Everything else that looks like `${…}` is escaped. */
const KEPT = /(?<!\$)(\$\{(?:(?:attr|meta|node|device)(?:\.[A-Za-z_][A-Za-z0-9_-]*)+|env\["[A-Za-z0-9_]+"\]|NOMAD_[A-Za-z0-9_]+)\})/;

export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name) && !RESERVED.has(name);
}

/** Text in quotes. */
export function quoted(text: string): string {
  return `"${mapLiterals(text, (literal) => literal.replace(/["\\\p{Cc}\p{Cs}\u2028\u2029\uFEFF]/gu, escapeCharacter))}"`;
}

/** Changes everything but the references that are kept. */
function mapLiterals(text: string, change: (literal: string) => string): string {
  return text
    .split(KEPT)
    .map((part, index) => (index % 2 === 1 ? part : change(part.replace(/[$%]\{/g, (sequence) => sequence[0] + sequence))))
    .join("");
}

function escapeCharacter(character: string): string {
  switch (character) {
    case '"':
    case "\\":
      return `\\${character}`;
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
    default:
      return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`;
  }
}

/** Several lines as a heredoc, where that is the same text; else in quotes. Only for the value of an attribute. */
export function textOf(text: string): string {
  const lines = text.split("\n");
  if (lines.length < 3 || !text.endsWith("\n") || /[^\P{C}\n\t]/u.test(text)) return quoted(text);
  let marker = "EOT";
  while (lines.some((line) => line.trim() === marker)) marker += "_";
  return `<<${marker}\n${mapLiterals(text, (literal) => literal)}${marker}`;
}

/** Free content: anything JSON can say. */
export function expressionOf(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "boolean" || value === null || value === undefined) return String(value ?? null);
  if (Array.isArray(value)) return listOf(value.map(expressionOf));
  return mapOf(Object.entries(value as object).map(([key, inner]) => [key, expressionOf(inner)]));
}

export function listOf(items: readonly string[]): string {
  const line = `[${items.join(", ")}]`;
  return line.length <= 100 && !line.includes("\n") ? line : `[\n${items.join(",\n")},\n]`;
}

export function mapOf(entries: readonly (readonly [key: string, expression: string])[]): string {
  if (entries.length === 0) return "{}";
  return `{\n${entries.map(([key, expression]) => `${isPlainName(key) ? key : quoted(key)} = ${expression}\n`).join("")}}`;
}
