/**
 * The canonical form of a text, as hclfmt writes it: only white space changes.
 *
 *   text ──► tokens ──► lines, each up to three cells ──► indent by open brackets ──► space within cells ──► align cells
 *                       lead │ = value │ # comment                                  of neighbouring lines
 *
 * A heredoc belongs to the line it begins on and is left as it is. Formatting a formatted text changes nothing.
 */
import { bracketChange, spaceBetween } from "./spacing.ts";
import { type FormatToken, tokensForFormat } from "./tokens.ts";

/** Tokens of a cell, and how many spaces stand before each. */
class Cell {
  readonly tokens: readonly FormatToken[];
  readonly spaces: number[];

  constructor(tokens: readonly FormatToken[]) {
    this.tokens = tokens;
    this.spaces = tokens.map((token, index) => {
      const left = tokens[index - 1];
      return left !== undefined && spaceBetween(tokens[index - 2], left, token) ? 1 : 0;
    });
  }

  get width(): number {
    return this.spaces.reduce((sum, each) => sum + each, 0) + this.tokens.reduce((sum, each) => sum + widthOf(each.text), 0);
  }

  write(): string {
    return this.tokens.map((token, index) => " ".repeat(this.spaces[index] as number) + token.text).join("");
  }
}

interface Line {
  readonly lead: Cell;
  /** `= value`, where the value ends on its line. */
  readonly value: Cell | undefined;
  readonly comment: Cell | undefined;
}

/** `text` must be one that parses. */
export function formatText(text: string): string {
  const lines = linesOf(tokensForFormat(text));
  indent(lines);
  align(
    lines,
    (line) => line.value,
    (line) => line.lead.width,
  );
  align(
    lines,
    (line) => line.comment,
    (line) => line.lead.width + (line.value?.width ?? 0),
  );
  const written = lines.map((line) => line.lead.write() + (line.value?.write() ?? "") + (line.comment?.write() ?? "")).join("");
  // Blanks at the very end stay: hclfmt never looks at them.
  return written + " ".repeat(/[ \t]*$/.exec(text)?.[0].length ?? 0);
}

function linesOf(tokens: readonly FormatToken[]): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const [index, token] of tokens.entries()) {
    const ends = token.kind === "newline" || (token.kind === "comment" && token.text.endsWith("\n"));
    if (!ends && index < tokens.length - 1) continue;
    lines.push(lineOf(tokens.slice(start, index + 1)));
    start = index + 1;
  }
  return lines;
}

function lineOf(tokens: readonly FormatToken[]): Line {
  const last = tokens[tokens.length - 1] as FormatToken;
  const comment = tokens.length > 1 && last.kind === "comment" ? [last] : undefined;
  const rest = comment === undefined ? tokens : tokens.slice(0, -1);
  const equals = rest.findIndex((token, index) => index > 0 && token.kind === "sign" && token.text === "=");
  const value = equals === -1 ? [] : rest.slice(equals);
  const whole = value.length > 0 && value.reduce((open, token) => open + bracketChange(token), 0) === 0;
  return {
    lead: new Cell(whole ? rest.slice(0, equals) : rest),
    value: whole ? new Cell(value) : undefined,
    comment: comment === undefined ? undefined : new Cell(comment),
  };
}

/** One level for every line that opens more brackets than it closes, however many; it ends when all of them are closed. */
function indent(lines: readonly Line[]): void {
  const open: number[] = [];
  for (const line of lines) {
    if (line.lead.tokens[0]?.kind === "newline") continue;
    let change = openedBy(line);
    if (change > 0) {
      line.lead.spaces[0] = 2 * open.length;
      open.push(change);
      continue;
    }
    while (change < 0 && open.length > 0) {
      const inner = open.pop() as number;
      if (-change < inner) open.push(inner + change);
      change = Math.min(0, change + inner);
    }
    line.lead.spaces[0] = 2 * open.length;
  }
}

/** What stands in a heredoc opens nothing that the line could close. */
function openedBy(line: Line): number {
  const heredoc = line.lead.tokens.findIndex((token) => token.kind === "open-heredoc");
  const lead = heredoc === -1 ? line.lead.tokens : line.lead.tokens.slice(0, heredoc);
  return [...lead, ...(line.value?.tokens ?? [])].reduce((sum, token) => sum + bracketChange(token), 0);
}

/** Lines next to each other that have the cell begin it in the same column. */
function align(lines: readonly Line[], cellOf: (line: Line) => Cell | undefined, widthBefore: (line: Line) => number): void {
  let start = 0;
  while (start < lines.length) {
    let end = start;
    while (end < lines.length && cellOf(lines[end] as Line) !== undefined) end++;
    const row = lines.slice(start, end);
    const widths = row.map(widthBefore);
    const widest = Math.max(0, ...widths);
    row.forEach((line, index) => {
      (cellOf(line) as Cell).spaces[0] = widest - (widths[index] as number) + 1;
    });
    start = end + 1;
  }
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** In characters as a reader sees them. */
function widthOf(text: string): number {
  // Nothing to put together in plain ASCII, but for \r\n.
  if (!/[^\x20-\x7e]/.test(text)) return text.length;
  let width = 0;
  for (const _ of segmenter.segment(text)) width++;
  return width;
}
