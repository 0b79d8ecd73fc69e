/**
 * Characters → tokens, one at a time, on demand. The parser says whether it is inside text (then it reads characters itself,
 * see template.ts) or between words; so `"${"` and heredocs need no modes here.
 */
import { errorAt, failAt, type Range, type SourceText } from "./source.ts";
import type { Diagnostic } from "../contract.ts";

export type TokenKind = "identifier" | "number" | "quote" | "heredoc" | "newline" | "end" | "punctuation";

export interface Token {
  readonly kind: TokenKind;
  /** As written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const HEREDOC = /<<-?[\p{ID_Start}_][\p{ID_Continue}-]*\r?\n/uy;
const PUNCTUATION = /\.\.\.|==|!=|<(?!<-?[\p{ID_Start}_])=?|>=|=>|&&|\|\||::|~\}|[{}[\]()=>+\-*/%!?:,.]/uy;
const LINE_COMMENT = /(?:#|\/\/)[^\n]*/y;

export class Lexer {
  readonly source: SourceText;
  readonly diagnostics: Diagnostic[] = [];
  /** Where the next token, or the next character of text, is read. */
  position = 0;

  constructor(source: SourceText) {
    this.source = source;
    if (source.text.charCodeAt(0) === 0xfeff) this.position = 1;
  }

  /** Reads one token; newlines are tokens only where they mean something. */
  next(newlines: boolean): Token {
    for (;;) {
      this.#skipBlank();
      const start = this.position;
      const text = this.source.text;
      if (start >= text.length) return { kind: "end", text: "", start, end: start };
      if (text[start] === "\n") {
        this.position++;
        if (newlines) return { kind: "newline", text: "\n", start, end: this.position };
        continue;
      }
      return this.#word(start);
    }
  }

  range(start: number, end: number): Range {
    return { source: this.source, start, end };
  }

  #word(start: number): Token {
    const text = this.source.text;
    if (text[start] === '"') return this.#token("quote", start, '"');
    const plain = endOfPlainWord(text, start);
    if (plain > start) return this.#token("identifier", start, text.slice(start, plain));
    const matched =
      this.#match("punctuation", PUNCTUATION, start) ??
      this.#match("number", NUMBER, start) ??
      this.#match("identifier", IDENTIFIER, start) ??
      this.#match("heredoc", HEREDOC, start);
    if (matched !== undefined) return matched;
    const character = String.fromCodePoint(text.codePointAt(start) as number);
    failAt(this.range(start, start + character.length), ...explainCharacter(character));
  }

  #match(kind: TokenKind, pattern: RegExp, start: number): Token | undefined {
    pattern.lastIndex = start;
    const match = pattern.exec(this.source.text);
    return match === null ? undefined : this.#token(kind, start, match[0]);
  }

  #token(kind: TokenKind, start: number, text: string): Token {
    this.position = start + text.length;
    return { kind, text, start, end: this.position };
  }

  #skipBlank(): void {
    const text = this.source.text;
    for (;;) {
      const start = this.position;
      while (isSpace(text.charCodeAt(this.position))) this.position++;
      if (text.startsWith("/*", this.position)) this.#skipBlockComment();
      else if (text[this.position] === "#" || text.startsWith("//", this.position)) this.#skip(LINE_COMMENT);
      if (this.position === start) return;
    }
  }

  #skipBlockComment(): void {
    const close = this.source.text.indexOf("*/", this.position + 2);
    if (close === -1) {
      this.diagnostics.push(errorAt(this.range(this.position, this.position + 2), "Comment is never closed", 'Close it with "*/".'));
      this.position = this.source.text.length;
    } else this.position = close + 2;
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.source.text);
    if (match !== null) this.position += match[0].length;
  }
}

/** Space, tab, carriage return. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}

/** Where a word of ASCII letters ends; `start` when it is none, or holds other letters: then the pattern decides. */
function endOfPlainWord(text: string, start: number): number {
  let at = start;
  for (; ; at++) {
    const code = text.charCodeAt(at);
    const letter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
    const inner = at > start && ((code >= 0x30 && code <= 0x39) || code === 0x2d);
    if (letter || inner) continue;
    return code > 0x7f ? start : at;
  }
}

function explainCharacter(character: string): [summary: string, detail: string] {
  const code = character.codePointAt(0) as number;
  if (character === "'") return ["Single quotes are not used here", 'Write text between double quotes: "…".'];
  if ("“”„‟".includes(character)) return ["Typographic quotes are not used here", 'Write text between plain double quotes: "…".'];
  if (character === ";") return ["Semicolons are not used here", "Begin a new line instead."];
  if (character === "&") return ['Unexpected "&"', 'The logical operator is "&&".'];
  if (character === "|") return ['Unexpected "|"', 'The logical operator is "||".'];
  if (code === 0xfffd || code === 0) return ["Not text: a byte that is no UTF-8 character", "Is this really a job file?"];
  const shown = code < 0x20 || code === 0x7f ? `U+${code.toString(16).toUpperCase().padStart(4, "0")}` : `"${character}"`;
  return [`Invalid character ${shown}`, "It is not part of the language."];
}
