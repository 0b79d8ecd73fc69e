/** A diagnostic as a person reads it: place, what is wrong, the line, a caret, how to mend it. */
import type { Diagnostic } from "../contract.ts";

const WIDTH_MAX = 120;

/**
 * ```
 * hey.nomad:3:3: Unknown attribute "cuont" in group
 *    3 |   cuont = 2
 *      |   ^^^^^
 * Did you mean "count"?
 * ```
 * Without the source text the line and caret are left out.
 */
export function renderDiagnostic(diagnostic: Diagnostic, sourceText?: string): string {
  const { file, line, column } = diagnostic.start;
  const warning = diagnostic.severity === "warning" ? "warning: " : "";
  const rows = [`${file}:${line}:${column}: ${warning}${diagnostic.summary}`];
  const text = sourceText === undefined ? undefined : lineOf(sourceText, line);
  if (text !== undefined) {
    const end = diagnostic.end.line === line ? diagnostic.end.column : Infinity;
    const number = String(line).padStart(4);
    const [shown, caret] = excerpt(text, column, end);
    rows.push(`${number} | ${shown}`.trimEnd(), `${" ".repeat(number.length)} | ${caret}`);
  }
  if (diagnostic.detail !== "") rows.push(diagnostic.detail.trimEnd());
  return rows.join("\n");
}

function lineOf(text: string, line: number): string | undefined {
  let start = 0;
  for (let count = 1; count < line; count++) {
    const newline = text.indexOf("\n", start);
    if (newline === -1) return undefined;
    start = newline + 1;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end === -1 ? text.length : end).replace(/\r$/, "");
}

/** The part of the line around the mistake, and the carets below it. */
function excerpt(text: string, column: number, end: number): [shown: string, caret: string] {
  // A line can be megabytes long: look at no more of it than is shown.
  const characters = Array.from(text.slice(0, (column + WIDTH_MAX) * 2));
  const first = column > WIDTH_MAX - 20 ? column - Math.floor(WIDTH_MAX / 2) : 1;
  const part = characters.slice(first - 1, first - 1 + WIDTH_MAX);
  const shown = part.map((each) => (/[\p{Cc}\p{Cf}\uFFFD]/u.test(each) && each !== "\t" ? "·" : each)).join("");
  const before = part.slice(0, column - first).map((each) => (each === "\t" ? "\t" : " "));
  const room = Math.max(1, part.length - before.length);
  const carets = Math.min(room, Math.max(1, end - column));
  return [shown, before.join("") + "^".repeat(carets)];
}
