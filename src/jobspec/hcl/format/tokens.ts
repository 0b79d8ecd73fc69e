/**
 * A whole text as a row of tokens with comments kept: what a formatter moves about. White space between tokens is dropped,
 * white space inside text and heredocs is part of their tokens. Works on any text the parser accepts.
 *
 *   code ──"──► quoted ──${──► code …            a stack: each `${` or `%{` in text opens code that its own `}` ends
 *   code ──<<X─► heredoc ──${──► code …
 */

export type FormatTokenKind =
  | "word"
  | "number"
  /** Anything from `#` or `//` to the end of the line, with it; or `/* … *\/`. */
  | "comment"
  | "newline"
  /** Opening and closing quote, text between them. */
  | "open-quote"
  | "close-quote"
  | "text"
  /** `<<EOT` with its newline, the closing marker. */
  | "open-heredoc"
  | "close-heredoc"
  /** `${`, `%{` and the `}` that ends them, with strip markers. */
  | "open-sequence"
  | "close-sequence"
  | "sign";

export interface FormatToken {
  readonly kind: FormatTokenKind;
  readonly text: string;
}

type Mode =
  /** `sequence`: opened by `${`; the brace that brings `braces` below zero ends it. */
  | { readonly kind: "code"; readonly sequence: boolean; braces: number }
  | { readonly kind: "quoted" }
  | { readonly kind: "heredoc"; readonly marker: string };

const BLANK = /[ \t]+/y;
const NEWLINE = /\r?\n/y;
const COMMENT = /(?:#|\/\/)[^\n]*\n?|\/\*[\s\S]*?(?:\*\/|$)/y;
const WORD = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const NUMBER = /\d+(?:\.\d+)*(?:[eE][+-]?\d+)?/y;
const HEREDOC = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;
const SIGN = /\.\.\.|==|!=|<=|>=|=>|&&|\|\||::|[\s\S]/uy;
/** A run of text up to what could end it. `$${` is text. */
const QUOTED = /(?:\$\$\{|%%\{|\\[\s\S]|[$%](?!\{)|[^"$%\\\n])+/y;
const SEQUENCE = /[$%]\{~?/y;

export function tokensForFormat(text: string): FormatToken[] {
  return new Scanner(text).scan();
}

class Scanner {
  readonly #text: string;
  readonly #tokens: FormatToken[] = [];
  readonly #modes: Mode[] = [{ kind: "code", sequence: false, braces: 0 }];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  scan(): FormatToken[] {
    while (this.#at < this.#text.length) {
      const mode = this.#modes[this.#modes.length - 1] as Mode;
      if (mode.kind === "code") this.#scanCode(mode);
      else if (mode.kind === "quoted") this.#scanQuoted();
      else this.#scanHeredoc(mode.marker);
    }
    return this.#tokens;
  }

  #scanCode(mode: Mode & { kind: "code" }): void {
    if (this.#match(BLANK) !== undefined) return;
    if (this.#take("newline", NEWLINE) || this.#take("comment", COMMENT)) return;
    if (this.#take("word", WORD) || this.#take("number", NUMBER)) return;
    const start = this.#at;
    const heredoc = this.#match(HEREDOC);
    if (heredoc !== undefined) {
      this.#push("open-heredoc", heredoc);
      this.#modes.push({ kind: "heredoc", marker: heredoc.replace(/^<<-?/, "").trimEnd() });
      return;
    }
    const closing = /~?\}/y;
    closing.lastIndex = start;
    const end = closing.exec(this.#text);
    if (mode.sequence && mode.braces === 0 && end !== null) {
      this.#push("close-sequence", end[0]);
      this.#at = closing.lastIndex;
      this.#modes.pop();
      return;
    }
    const sign = this.#match(SIGN) as string;
    if (sign === '"') {
      this.#push("open-quote", sign);
      this.#modes.push({ kind: "quoted" });
      return;
    }
    if (sign === "{") mode.braces++;
    if (sign === "}" && mode.braces > 0) mode.braces--;
    this.#push("sign", sign);
  }

  #scanQuoted(): void {
    if (this.#take("text", QUOTED) || this.#openSequence()) return;
    const next = this.#text[this.#at] as string;
    this.#at++;
    // A newline cannot stand in quoted text; the parser has refused it before anyone formats.
    this.#push(next === '"' ? "close-quote" : "text", next);
    if (next === '"') this.#modes.pop();
  }

  /** Line by line: a line of the marker alone ends it. Before the marker white space stays as it is. */
  #scanHeredoc(marker: string): void {
    const lineStart = this.#at === 0 || this.#text[this.#at - 1] === "\n";
    if (lineStart) {
      const end = this.#text.indexOf("\n", this.#at);
      const line = this.#text.slice(this.#at, end === -1 ? this.#text.length : end);
      if (line.trim() === marker) {
        this.#push("close-heredoc", line.trimEnd());
        this.#at += line.trimEnd().length;
        this.#modes.pop();
        return;
      }
    }
    if (this.#openSequence()) return;
    const run = /(?:\$\$\{|%%\{|[$%](?!\{)|[^$%\n])*\n?/y;
    const text = this.#match(run) as string;
    // Only a sign that begins nothing is left.
    if (text === "") this.#at++;
    this.#push("text", text === "" ? (this.#text[this.#at - 1] as string) : text);
  }

  #openSequence(): boolean {
    const opening = this.#match(SEQUENCE);
    if (opening === undefined) return false;
    this.#push("open-sequence", opening);
    this.#modes.push({ kind: "code", sequence: true, braces: 0 });
    return true;
  }

  #take(kind: FormatTokenKind, pattern: RegExp): boolean {
    const text = this.#match(pattern);
    if (text !== undefined) this.#push(kind, text);
    return text !== undefined;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null || match[0] === "") return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #push(kind: FormatTokenKind, text: string): void {
    this.#tokens.push({ kind, text });
  }
}
