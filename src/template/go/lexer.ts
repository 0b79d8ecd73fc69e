/**
 * Text → tokens. Between delimiters it reads words, outside it takes text as it comes; `{{- ` and ` -}}` trim the text beside them here, so
 * that the parser never sees it. A mistake becomes an "error" token, the last one.
 *
 *   text ──{{──► inside an action ──}}──► text
 *     └─{{/*──► comment ──*\/}}──► text
 */

export type TokenType =
  | "error"
  | "bool"
  | "char"
  | "character"
  | "complex"
  | "="
  | ":="
  | "eof"
  | "field"
  | "identifier"
  | "left"
  | "("
  | "number"
  | "|"
  | "raw string"
  | "right"
  | ")"
  | "space"
  | "string"
  | "text"
  | "variable"
  | "dot"
  | Keyword;

export type Keyword = "block" | "break" | "continue" | "define" | "else" | "end" | "if" | "nil" | "range" | "template" | "with";

export interface Token {
  readonly type: TokenType;
  /** As written; of an error: what is wrong. */
  readonly text: string;
  /** Where it begins in the template's text. */
  readonly position: number;
}

export interface LexerOptions {
  readonly left: string;
  readonly right: string;
  /** A word that is a function's name is no keyword: "break" and "continue" are young. */
  isFunction(name: string): boolean;
}

const KEYWORDS: ReadonlySet<string> = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "nil",
  "range",
  "template",
  "with",
]);
const SPACES = " \t\r\n";
const WORD = /[_\p{L}\p{Nd}]+/uy;
const WORD_RUNE = /^[_\p{L}\p{Nd}]/u;
const SPACE_RUN = /[ \t\r\n]+/y;
const QUOTED = /"(?:[^"\\\n]|\\[^\n])*"/y;
const CHARACTER = /'(?:[^'\\\n]|\\[^\n])*'/y;
const RAW = /`[^`]*`/y;
const SIGN = /[+-]/y;
const DIGITS = { decimal: /[0-9_]*/y, hex: /[0-9a-fA-F_]*/y, octal: /[01234567_]*/y, binary: /[01_]*/y };
const EXPONENT = { decimal: /[eE][+-]?[0-9_]*/y, hex: /[pP][+-]?[0-9_]*/y };

export function lex(text: string, options: LexerOptions): Token[] {
  return new Lexer(text, options).run();
}

class Lexer {
  private readonly text: string;
  private readonly options: LexerOptions;
  private readonly tokens: Token[] = [];
  private position = 0;
  private failed = false;

  constructor(text: string, options: LexerOptions) {
    this.text = text;
    this.options = options;
  }

  run(): Token[] {
    while (!this.failed && this.position < this.text.length) this.readText();
    if (!this.failed) this.tokens.push({ type: "eof", text: "", position: this.text.length });
    return this.tokens;
  }

  private readText(): void {
    const { text } = this;
    const { left } = this.options;
    const start = this.position;
    const found = text.indexOf(left, start);
    if (found === -1) {
      this.tokens.push({ type: "text", text: text.slice(start), position: start });
      this.position = text.length;
      return;
    }
    let after = found + left.length;
    const trims = text[after] === "-" && isSpace(text[after + 1]);
    let end = found;
    if (trims) while (end > start && isSpace(text[end - 1])) end--;
    if (end > start) this.tokens.push({ type: "text", text: text.slice(start, end), position: start });
    if (trims) after += 2;
    if (text.startsWith("/*", after)) return this.readComment(after);
    this.tokens.push({ type: "left", text: left, position: found });
    this.position = after;
    this.readAction();
  }

  private readComment(start: number): void {
    const end = this.text.indexOf("*/", start + 2);
    if (end === -1) return this.fail(start, "unclosed comment");
    this.position = end + 2;
    const length = this.rightDelimiter();
    if (length === 0) return this.fail(start, "comment ends before closing delimiter");
    this.skipRight(length);
  }

  /** Of the delimiter that stands here, with its trim marker; 0: none does. */
  private rightDelimiter(): number {
    const { text, position } = this;
    const { right } = this.options;
    if (isSpace(text[position]) && text[position + 1] === "-" && text.startsWith(right, position + 2)) return 2 + right.length;
    return text.startsWith(right, position) ? right.length : 0;
  }

  private skipRight(length: number): void {
    this.position += length;
    if (length > this.options.right.length) while (isSpace(this.text[this.position])) this.position++;
  }

  private readAction(): void {
    let parentheses = 0;
    for (;;) {
      const start = this.position;
      const length = this.rightDelimiter();
      if (length > 0) {
        if (parentheses > 0) return this.fail(start, "unclosed left paren");
        const { right } = this.options;
        this.tokens.push({ type: "right", text: right, position: start + length - right.length });
        return this.skipRight(length);
      }
      const first = this.text[start];
      if (first === undefined) return this.fail(start, "unclosed action");
      if (first === "(") parentheses++;
      if (first === ")" && --parentheses < 0) return this.fail(start, "unexpected right paren");
      this.readWord(start, first);
      if (this.failed) return;
    }
  }

  private readWord(start: number, first: string): void {
    if (isSpace(first)) return this.readSpace(start);
    if (first === "=" || first === "|" || first === "(" || first === ")") return this.emit(first, start, start + 1);
    if (first === ":") {
      return this.text[start + 1] === "=" ? this.emit(":=", start, start + 2) : this.fail(start, "expected :=");
    }
    if (first === '"') return this.readLiteral("string", QUOTED, "unterminated quoted string");
    if (first === "'") return this.readLiteral("character", CHARACTER, "unterminated character constant");
    if (first === "`") return this.readLiteral("raw string", RAW, "unterminated raw quoted string");
    if (first === "$") return this.readName("variable", start);
    const next = this.text[start + 1];
    if (first === "." && next !== undefined && !isDigit(next)) return this.readName("field", start);
    if (first === "." || first === "+" || first === "-" || isDigit(first)) return this.readNumber(start);
    const word = this.match(WORD, start);
    if (word !== "") return this.readIdentifier(start, word);
    if (first > " " && first <= "~") return this.emit("char", start, start + 1);
    this.fail(start, `unrecognized character in action: ${runeName(this.text, start)}`);
  }

  private readSpace(start: number): void {
    let end = start + this.match(SPACE_RUN, start).length;
    // The last space may belong to a trim marker.
    if (this.text[end] === "-" && this.text.startsWith(this.options.right, end + 1)) end--;
    this.emit("space", start, end);
  }

  private readLiteral(type: TokenType, pattern: RegExp, problem: string): void {
    const literal = this.match(pattern, this.position);
    if (literal === "") return this.fail(this.position, problem);
    this.emit(type, this.position, this.position + literal.length);
  }

  private readName(type: "field" | "variable", start: number): void {
    if (this.isTerminator(start + 1)) return this.emit(type === "field" ? "dot" : "variable", start, start + 1);
    const end = start + 1 + this.match(WORD, start + 1).length;
    if (!this.isTerminator(end)) return this.fail(start, `bad character ${runeName(this.text, end)}`);
    this.emit(type, start, end);
  }

  private readIdentifier(start: number, word: string): void {
    const end = start + word.length;
    if (!this.isTerminator(end)) return this.fail(start, `bad character ${runeName(this.text, end)}`);
    const shadowed = (word === "break" || word === "continue") && this.options.isFunction(word);
    if (KEYWORDS.has(word) && !shadowed) return this.emit(word as Keyword, start, end);
    this.emit(word === "true" || word === "false" ? "bool" : "identifier", start, end);
  }

  private readNumber(start: number): void {
    const end = this.numberEnd(start);
    if (end < 0) return this.fail(start, `bad number syntax: "${this.text.slice(start, -end)}"`);
    const sign = this.text[end];
    if (sign !== "+" && sign !== "-") return this.emit("number", start, end);
    const second = this.numberEnd(end);
    if (second < 0 || this.text[second - 1] !== "i") {
      return this.fail(start, `bad number syntax: "${this.text.slice(start, Math.abs(second))}"`);
    }
    this.emit("complex", start, second);
  }

  /** Negative: where a number that is none was given up. Not a perfect scanner: what it lets pass the parser reads again. */
  private numberEnd(start: number): number {
    let end = start + this.match(SIGN, start).length;
    let base: keyof typeof DIGITS = "decimal";
    if (this.text[end] === "0") {
      end++;
      const letter = this.text[end]?.toLowerCase();
      base = letter === "x" ? "hex" : letter === "o" ? "octal" : letter === "b" ? "binary" : "decimal";
      if (base !== "decimal") end++;
    }
    end += this.match(DIGITS[base], end).length;
    if (this.text[end] === ".") {
      end++;
      end += this.match(DIGITS[base], end).length;
    }
    if (base === "decimal" || base === "hex") end += this.match(EXPONENT[base], end).length;
    if (this.text[end] === "i") end++;
    const following = String.fromCodePoint(this.text.codePointAt(end) ?? 32);
    return WORD_RUNE.test(following) ? -(end + following.length) : end;
  }

  private isTerminator(position: number): boolean {
    const next = this.text[position];
    return next === undefined || isSpace(next) || ".,|:)(".includes(next) || this.text.startsWith(this.options.right, position);
  }

  private match(pattern: RegExp, position: number): string {
    pattern.lastIndex = position;
    return pattern.exec(this.text)?.[0] ?? "";
  }

  private emit(type: TokenType, start: number, end: number): void {
    this.tokens.push({ type, text: this.text.slice(start, end), position: start });
    this.position = end;
  }

  private fail(position: number, problem: string): void {
    this.tokens.push({ type: "error", text: problem, position });
    this.failed = true;
  }
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && SPACES.includes(character);
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}

function runeName(text: string, position: number): string {
  const code = text.codePointAt(position);
  return code === undefined ? "U+FFFD" : `U+${code.toString(16).toUpperCase().padStart(4, "0")} '${String.fromCodePoint(code)}'`;
}
