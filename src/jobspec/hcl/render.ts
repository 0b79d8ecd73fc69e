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
  let start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
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
  const before = part.slice(0, column - first).map((each) => (each === "\t" ? "\t" : " ".repeat(cellsOf(each))));
  const marked = part.slice(column - first, Math.max(column + 1, end) - first);
  const carets = marked.reduce((cells, each) => cells + cellsOf(each), 0);
  return [shown, before.join("") + "^".repeat(Math.max(1, carets))];
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns of a terminal that a character takes. */
function cellsOf(character: string): number {
  if (character < "\u0300") return 1;
  return /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}
