/**
 * Where in a job file a place inside a text was written: line 3, column 7 of a template's `data` is a line of the heredoc, with its indentation,
 * and "$${" there is "${" here. Pure.
 */
import type { Range } from "../hcl/mod.ts";

export interface PlaceInText {
  /** Both from 1; columns count characters. */
  readonly line: number;
  readonly column: number;
}

/** `name`: the attribute's name; `value`: what its text came to. undefined: the text was not written there as it is (file(), variables). */
export function rangeWithin(name: Range, value: string, place: PlaceInText): Range | undefined {
  const text = name.source.text;
  const offset = heredocOffset(text, name.end, value, place) ?? quotedOffset(text, name.end, place);
  if (offset === undefined) return undefined;
  WORD.lastIndex = offset;
  return { source: name.source, start: offset, end: offset + (WORD.exec(text)?.[0].length ?? 0) };
}

/** What is pointed at: the whole word, or the one character. */
const WORD = /[$.]?\w+|[^\n]/y;
const HEREDOC = /\s*=\s*<<(-?)[ \t]*(\S+)[^\n]*\n/y;

function heredocOffset(text: string, from: number, value: string, { line, column }: PlaceInText): number | undefined {
  HEREDOC.lastIndex = from;
  const opening = HEREDOC.exec(text);
  if (opening === null) return undefined;
  const written = linesUntil(text, HEREDOC.lastIndex, opening[2] as string);
  const indentation = opening[1] === "-" ? commonIndentation(written) : 0;
  const shown = written.map(({ raw }) => raw.slice(indentation).replaceAll(/([$%])\1\{/g, "$1{"));
  const wanted = value.split("\n").map((each) => each.replace(/\r$/, ""));
  const sameBefore = wanted.slice(0, line - 1).every((each, index) => each === shown[index]);
  const index = sameBefore && line <= shown.length ? line - 1 : onlyIndexOf(shown, wanted[line - 1] ?? "");
  const found = index === undefined ? undefined : written[index];
  // It ends too early: where it ends.
  if (sameBefore && line === shown.length + 1 && wanted[line - 1] === "") return markerStart(text, HEREDOC.lastIndex, written);
  if (found === undefined) return undefined;
  // What stands in the line was made by an expression: the line is known, the column is not.
  if (shown[index as number] !== wanted[line - 1]) return found.start + (found.raw.length - found.raw.trimStart().length);
  return found.start + widthOf(found.raw, Math.min(indentation, found.raw.length), column - 1);
}

interface Line {
  readonly raw: string;
  readonly start: number;
}

function linesUntil(text: string, from: number, marker: string): readonly Line[] {
  const lines: Line[] = [];
  for (let start = from; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const raw = text.slice(start, end).replace(/\r$/, "");
    if (raw.trim() === marker) break;
    lines.push({ raw, start });
    start = end + 1;
  }
  return lines;
}

function markerStart(text: string, from: number, lines: readonly Line[]): number {
  const last = lines.at(-1);
  const start = last === undefined ? from : text.indexOf("\n", last.start) + 1;
  return start + (/^[ \t]*/.exec(text.slice(start))?.[0].length ?? 0);
}

function commonIndentation(lines: readonly Line[]): number {
  const depths = lines.filter(({ raw }) => raw.trim() !== "").map(({ raw }) => raw.length - raw.trimStart().length);
  return depths.length === 0 ? 0 : Math.min(...depths);
}

function onlyIndexOf(lines: readonly string[], wanted: string): number | undefined {
  const first = lines.indexOf(wanted);
  return first === -1 || lines.indexOf(wanted, first + 1) !== -1 ? undefined : first;
}

/** How far `count` characters of the text reach in what was written. */
function widthOf(raw: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0 && at < raw.length; left--) at += /^([$%])\1\{/.test(raw.slice(at, at + 3)) ? 2 : sizeAt(raw, at);
  return at;
}

const sizeAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

function quotedOffset(text: string, from: number, place: PlaceInText): number | undefined {
  // HCL, or its JSON.
  const opening = /\s*[=:]\s*"/y;
  opening.lastIndex = from;
  if (!opening.test(text)) return undefined;
  let [line, column] = [1, 1];
  for (let at = opening.lastIndex; at < text.length && text[at] !== "\n";) {
    if (line === place.line && column === place.column) return at;
    if (text[at] === '"' || /^[$%]\{/.test(text.slice(at, at + 2))) return undefined;
    const escape = /\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/y;
    escape.lastIndex = at;
    const said = escape.exec(text)?.[0];
    const doubled = /^([$%])\1\{/.test(text.slice(at, at + 3));
    [line, column] = said === "\\n" ? [line + 1, 1] : [line, column + 1];
    at += said?.length ?? (doubled ? 2 : sizeAt(text, at));
  }
  return undefined;
}
