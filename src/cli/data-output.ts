/** `-json` and `-t`: an answer as data. */
import { UsageError, type FlagTable, type ParsedFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

export const DATA_FLAGS: FlagTable = {
  json: { kind: "boolean", about: "Print as JSON" },
  t: { kind: "text", value: "template", about: "Print through a Go template: paths such as {{.ID}} and {{range .}}…{{end}}" },
};

/** For a command with DATA_FLAGS: true when they were given, and the answer is printed. */
export function printedAsData({ flags, terminal }: { readonly flags: ParsedFlags; readonly terminal: Terminal }, data: unknown): boolean {
  if (!flags.flag("json") && !flags.given("t")) return false;
  printData(terminal, data, flags.text("t"));
  return true;
}

/** Prints through the template when there is one, else as indented JSON. */
export function printData(terminal: Terminal, data: unknown, template: string | undefined): void {
  terminal.print(template === undefined ? JSON.stringify(data, null, 4) : renderTemplate(template, data));
}

/**
 * The part of Go's template language that command lines use: `{{.Path.To.Field}}`, `{{range .Path}}…{{else}}…{{end}}`, if (also `if eq .Path "text"`
 * and ne), with, `{{.}}`, quoted text, and `{{- -}}`, which take the space beside them away. Anything else is refused by name. The whole language comes with
 * task templates.
 */
export function renderTemplate(template: string, data: unknown): string {
  const opened = template.lastIndexOf("{{");
  if (opened > template.lastIndexOf("}}"))
    throw new UsageError(`template: ${JSON.stringify(template.slice(opened))} is not closed: want }}`);
  const trimmed = template.replaceAll(/\s*\{\{-(?=\s)/g, "{{").replaceAll(/(?<=\s)-\}\}\s*/g, "}}");
  const parts = trimmed.split(/\{\{\s*([\s\S]*?)\s*\}\}/);
  const { pieces, ended } = readPieces(parts, { at: 0 });
  if (ended !== undefined) throw new UsageError(`template: {{${ended}}} without {{range}}, {{if}} or {{with}}`);
  return renderPieces(pieces, data);
}

/** Text as it is, what a path leads to, or a block. */
type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly path: string }
  | {
      readonly kind: "range" | "if" | "with";
      readonly path: string;
      readonly body: readonly Piece[];
      readonly otherwise: readonly Piece[];
    };

/** Up to the end, or the `{{end}}` or `{{else}}` that is not of a block begun here: `ended`. `parts`: text and action in turn. */
function readPieces(
  parts: readonly string[],
  next: { at: number },
): { readonly pieces: Piece[]; readonly ended: "end" | "else" | undefined } {
  const pieces: Piece[] = [];
  while (next.at < parts.length) {
    const isText = next.at % 2 === 0;
    const part = parts[next.at++] as string;
    if (isText) {
      pieces.push({ kind: "text", text: part });
      continue;
    }
    if (part === "end" || part === "else") return { pieces, ended: part };
    const block = /^(range|if|with)\s+(\S+)$/.exec(part) ?? /^(if)\s+((?:eq|ne)\s+\S+\s+(?:"(?:[^"\\]|\\.)*"|\S+))$/.exec(part);
    if (block === null) {
      pieces.push({ kind: "value", path: part });
      continue;
    }
    const body = readPieces(parts, next);
    const otherwise = body.ended === "else" ? readPieces(parts, next) : body;
    if (otherwise.ended !== "end") throw new UsageError(`template: {{${part}}} is not closed: want {{end}}`);
    pieces.push({
      kind: block[1] as "range" | "if" | "with",
      path: block[2] as string,
      body: body.pieces,
      otherwise: body.ended === "else" ? otherwise.pieces : [],
    });
  }
  return { pieces, ended: undefined };
}

function renderPieces(pieces: readonly Piece[], dot: unknown): string {
  return pieces
    .map((piece) => {
      if (piece.kind === "text") return piece.text;
      const value = resolveValue(piece.path, dot);
      if (piece.kind === "value") return print(value);
      if (isEmpty(value)) return renderPieces(piece.otherwise, dot);
      const dots = piece.kind === "range" ? Object.values(value as object) : [piece.kind === "with" ? value : dot];
      return dots.map((each) => renderPieces(piece.body, each)).join("");
    })
    .join("");
}

/** A path, or two that are compared. */
function resolveValue(words: string, dot: unknown): unknown {
  const compared = /^(eq|ne)\s+(\S+)\s+(.+)$/s.exec(words);
  if (compared === null) return resolvePath(words, dot);
  const [left, right] = [compared[2] as string, compared[3] as string].map((each) =>
    /^(-?\d+|true|false)$/.test(each) ? JSON.parse(each) : resolvePath(each, dot),
  );
  return (left === right) === (compared[1] === "eq");
}

function resolvePath(path: string, dot: unknown): unknown {
  if (/^"(?:[^"\\]|\\.)*"$/.test(path)) return JSON.parse(path);
  if (path === ".") return dot;
  if (!/^(\.[A-Za-z_]\w*)+$/.test(path))
    throw new UsageError(`template: ${JSON.stringify(path)} is not understood here: want a path such as {{.ID}}, range, if, with or end`);
  return path
    .slice(1)
    .split(".")
    .reduce<unknown>((value, name) => (value === null || value === undefined ? undefined : (value as Record<string, unknown>)[name]), dot);
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    value === 0 ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

function print(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(print).join(" ")}]`;
  if (typeof value === "object")
    return `map[${Object.entries(value)
      .toSorted(([l], [r]) => (l < r ? -1 : 1))
      .map(([key, each]) => `${key}:${print(each)}`)
      .join(" ")}]`;
  return String(value);
}
