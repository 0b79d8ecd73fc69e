/** Text with holes: quoted templates and heredocs, their escapes, `${…}`, `%{if}`, `%{for}` and `~` strip markers. */
import { didYouMean } from "#std";
import { buildTemplate, type FlatPart } from "./template-parts.ts";
import { nameToken, type Parser } from "./parser.ts";
import { failAt, type Range } from "./source.ts";
import type { Expression } from "./tree.ts";

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };
const SHELL_HINT = 'If "${…}" belongs to another language (a shell script, say), write "$${…}" and it is passed on as it is.';

/** The parser stands behind the opening quote; it ends behind the closing one. */
export function parseQuoted(parser: Parser, opening: Range): Expression {
  const parts = new PartList(parser);
  const text = parser.lexer.source.text;
  let at = opening.end;
  for (;;) {
    const character = text[at];
    if (character === '"') {
      parser.moveTo(at + 1);
      return buildTemplate(parser, parts.done(at), parser.from(opening.start, at + 1));
    }
    if (character === undefined) failAt(opening, "Quoted text is never closed", 'Close it with ".');
    if (character === "\n") {
      failAt(
        parser.from(opening.start, at),
        "Quoted text runs past the end of the line",
        'Close it with " on the same line; for more lines write "\\n" or a heredoc: <<EOT … EOT.',
      );
    }
    if (character === "\\") {
      const [value, next] = readEscape(parser, at);
      parts.text(value, at);
      at = next;
    } else {
      at = readTextOrSequence(parser, parts, at);
    }
  }
}

/** The parser stands behind the line `<<EOT`; it ends behind the closing marker, before its newline. */
export function parseHeredoc(parser: Parser, opening: Range, introducer: string): Expression {
  const flush = introducer.startsWith("<<-");
  const marker = introducer.replace(/^<<-?/, "").trim();
  const text = parser.lexer.source.text;
  const parts = new PartList(parser);
  let lineStart = true;
  let at = opening.end;
  for (;;) {
    if (at >= text.length) {
      const head = parser.from(opening.start, opening.start + introducer.trimEnd().length);
      failAt(head, `Heredoc is never closed`, `Its end is a line with nothing but ${marker} on it.`);
    }
    if (lineStart) {
      const newline = text.indexOf("\n", at);
      const lineEnd = newline === -1 ? text.length : newline;
      const line = text.slice(at, lineEnd);
      if (line.trim() === marker) {
        const end = line.endsWith("\r") ? lineEnd - 1 : lineEnd;
        parser.moveTo(end);
        return buildTemplate(parser, parts.done(at), parser.from(opening.start, end), flush);
      }
    }
    const character = text[at] as string;
    if (character === "\n") {
      parts.text("\n", at);
      parts.cut(at);
      at++;
      lineStart = true;
    } else {
      at = readTextOrSequence(parser, parts, at);
      lineStart = false;
    }
  }
}

/** Text without quotes around it: a JSON string that holds a template. Offsets are those of `parser`'s own source. */
export function parseBareTemplate(parser: Parser, range: Range): Expression {
  const parts = new PartList(parser);
  let at = 0;
  while (at < parser.lexer.source.text.length) at = readTextOrSequence(parser, parts, at);
  return buildTemplate(parser, parts.done(at), range);
}

/** Literal pieces run together until something else comes. */
class PartList {
  readonly #parts: FlatPart[] = [];
  readonly #parser: Parser;
  #text = "";
  #start = -1;

  constructor(parser: Parser) {
    this.#parser = parser;
  }

  text(value: string, at: number): void {
    if (this.#start === -1) this.#start = at;
    this.#text += value;
  }

  /** Ends the piece at hand: strip markers and indentation work on pieces, in heredocs line by line. */
  cut(end: number): void {
    if (this.#start === -1) return;
    this.#parts.push({ kind: "text", text: this.#text, range: this.#parser.from(this.#start, end) });
    this.#text = "";
    this.#start = -1;
  }

  push(part: FlatPart): void {
    this.#parts.push(part);
  }

  done(end: number): FlatPart[] {
    this.cut(end);
    return this.#parts;
  }
}

function readTextOrSequence(parser: Parser, parts: PartList, at: number): number {
  const text = parser.lexer.source.text;
  const character = text[at] as string;
  if (character === "$" || character === "%") {
    if (text[at + 1] === character && text[at + 2] === "{") {
      parts.text(`${character}{`, at);
      return at + 3;
    }
    if (text[at + 1] === "{") {
      parts.cut(at);
      return character === "$" ? readHole(parser, parts, at) : readDirective(parser, parts, at);
    }
    parts.text(character, at);
    return at + 1;
  }
  const end = endOfPlain(text, at + 1);
  parts.text(text.slice(at, end), at);
  return end;
}

/** Runs of ordinary characters are taken whole. */
function endOfPlain(text: string, from: number): number {
  const special = /[$%"\\\n]/g;
  special.lastIndex = from;
  return special.exec(text)?.index ?? text.length;
}

function readEscape(parser: Parser, at: number): [value: string, next: number] {
  const text = parser.lexer.source.text;
  const letter = text[at + 1] ?? "";
  const plain = ESCAPES[letter];
  if (plain !== undefined) return [plain, at + 2];
  const digits = letter === "u" ? 4 : letter === "U" ? 8 : 0;
  if (digits === 0) {
    failAt(
      parser.from(at, at + 2),
      `Unknown escape "\\${letter.trim()}"`,
      'Known are \\n, \\r, \\t, \\", \\\\, \\uNNNN and \\UNNNNNNNN. A backslash itself is written "\\\\".',
    );
  }
  const hex = text.slice(at + 2, at + 2 + digits);
  const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : Infinity;
  if (code > 0x10ffff) {
    failAt(parser.from(at, at + 2), `"\\${letter}" wants ${digits} hexadecimal digits`, "They name a Unicode character.");
  }
  const next = at + 2 + digits;
  if (code < 0xd800 || code > 0xdfff) return [String.fromCodePoint(code), next];
  // Two that make one character together, as JSON writes them.
  const second = /\\u([dD][c-fC-F][0-9a-fA-F]{2})/y;
  second.lastIndex = next;
  const low = code < 0xdc00 ? second.exec(text)?.[1] : undefined;
  if (low === undefined)
    failAt(parser.from(at, next), `"${text.slice(at, next)}" is half a character`, 'Write the whole one: "\\U0001F600".');
  return [String.fromCharCode(code, Number.parseInt(low, 16)), next + 6];
}

function readHole(parser: Parser, parts: PartList, at: number): number {
  const text = parser.lexer.source.text;
  const stripLeft = text[at + 2] === "~";
  const start = at + (stripLeft ? 3 : 2);
  const openRange = parser.from(at, start);
  parser.moveTo(start);
  return parser.inside(false, openRange, () => {
    if (parser.at("}") || parser.at("~}")) {
      failAt(parser.from(at, parser.peek().end), 'Nothing between "${" and "}"', `Write an expression. ${SHELL_HINT}`);
    }
    if (parser.peek().kind === "end") failAt(openRange, '"${" is never closed', 'Close it with "}".');
    const expression = parser.parseExpression(parser);
    const close = parser.peek();
    if (!parser.at("}") && !parser.at("~}")) {
      if (close.kind === "end" || close.kind === "quote") {
        failAt(openRange, '"${" is never closed', 'Close it with "}".');
      }
      failAt(parser.range(close), `Expected "}" to end "\${", found ${nameToken(close)}`, SHELL_HINT);
    }
    parser.read();
    const range = parser.from(at, close.end);
    parts.push({ kind: "hole", expression, range, stripLeft, stripRight: close.text === "~}" });
    return close.end;
  });
}

function readDirective(parser: Parser, parts: PartList, at: number): number {
  const stripLeft = parser.lexer.source.text[at + 2] === "~";
  const start = at + (stripLeft ? 3 : 2);
  parser.moveTo(start);
  return parser.inside(false, parser.from(at, start), () => {
    const word = parser.read();
    const build = DIRECTIVES[word.text];
    if (build === undefined) {
      failAt(
        parser.range(word),
        `Unknown directive "%{${word.text}"`,
        `${didYouMean(word.text, Object.keys(DIRECTIVES))}Known are if, else, endif, for, endfor. To pass "%{" on, write "%%{".`,
      );
    }
    const directive = build(parser);
    const close = parser.peek();
    if (!parser.at("}") && !parser.at("~}")) {
      failAt(parser.range(close), `Expected "}" to end "%{${word.text}", found ${nameToken(close)}`);
    }
    parser.read();
    parts.push({ ...directive, range: parser.from(at, close.end), stripLeft, stripRight: close.text === "~}" } as FlatPart);
    return close.end;
  });
}

type Directive =
  | { kind: "if"; condition: Expression }
  | { kind: "for"; key: string | undefined; value: string; collection: Expression }
  | { kind: "else" | "endif" | "endfor" };

const DIRECTIVES: Readonly<Record<string, ((parser: Parser) => Directive) | undefined>> = Object.assign(
  Object.create(null) as Record<string, (parser: Parser) => Directive>,
  {
    if: (parser: Parser): Directive => ({ kind: "if", condition: parser.parseExpression(parser) }),
    else: (): Directive => ({ kind: "else" }),
    endif: (): Directive => ({ kind: "endif" }),
    for: readFor,
    endfor: (): Directive => ({ kind: "endfor" }),
  },
);

function readFor(parser: Parser): Directive {
  const first = readName(parser);
  const second = parser.take(",") ? readName(parser) : undefined;
  if (!parser.take("in"))
    failAt(parser.range(parser.peek()), `Expected "in", found ${nameToken(parser.peek())}`, "Write %{ for item in list }.");
  const collection = parser.parseExpression(parser);
  return { kind: "for", key: second === undefined ? undefined : first, value: second ?? first, collection };
}

function readName(parser: Parser): string {
  const token = parser.read();
  if (token.kind !== "identifier")
    failAt(parser.range(token), `Expected a name, found ${nameToken(token)}`, "Write %{ for item in list }.");
  return token.text;
}
