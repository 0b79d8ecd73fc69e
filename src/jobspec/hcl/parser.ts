/** What every part of the parser shares: the token at hand, whether newlines count, how deep we are, failures. */
import { failAt, type Range, type SourceText } from "./source.ts";
import { Lexer, type Token } from "./lexer.ts";
import type { Expression } from "./tree.ts";

/** Brackets within brackets. */
const NESTING_MAX = 200;
/** Levels of an expression tree: chains of operators and of `.x` make deep trees without nesting. */
const DEPTH_MAX = 1000;

export class Parser {
  readonly lexer: Lexer;
  /** HCL1 leniency: `"name" = value`. */
  readonly hcl1: boolean;
  /** Set by whoever makes the parser: templates contain expressions, which contain templates. */
  readonly parseExpression: (parser: Parser) => Expression;
  #peeked: Token | undefined;
  #newlines: boolean[] = [true];
  #nesting = 0;

  constructor(source: SourceText, parseExpression: (parser: Parser) => Expression, hcl1 = false) {
    this.lexer = new Lexer(source);
    this.parseExpression = parseExpression;
    this.hcl1 = hcl1;
  }

  peek(): Token {
    this.#peeked ??= this.lexer.next(this.#newlines[this.#newlines.length - 1] as boolean);
    return this.#peeked;
  }

  read(): Token {
    const token = this.peek();
    this.#peeked = undefined;
    return token;
  }

  at(text: string): boolean {
    const token = this.peek();
    return token.text === text && (token.kind === "punctuation" || token.kind === "identifier");
  }

  /** Reads the token if it is this one. */
  take(text: string): boolean {
    if (!this.at(text)) return false;
    this.read();
    return true;
  }

  skipNewlines(): void {
    while (this.peek().kind === "newline") this.read();
  }

  /** Goes back (or on) to an offset, where text is read character by character, or after it was. */
  moveTo(offset: number): void {
    this.#peeked = undefined;
    this.lexer.position = offset;
  }

  /** Runs with newlines counted as tokens, or not, one bracket deeper. */
  inside<T>(newlines: boolean, opening: Range, read: () => T): T {
    if (this.#nesting >= NESTING_MAX)
      failAt(opening, `Nested more than ${NESTING_MAX} levels deep`, "Flatten it, or give the inner parts names with locals.");
    this.#nesting++;
    this.#switchNewlines(() => this.#newlines.push(newlines));
    try {
      return read();
    } finally {
      this.#nesting--;
      this.#switchNewlines(() => this.#newlines.pop());
    }
  }

  /** Whether newlines are tokens at this point. */
  get newlinesCount(): boolean {
    return this.#newlines[this.#newlines.length - 1] as boolean;
  }

  /** Forgets brackets that a failure left open. */
  reset(nesting: { depth: number; newlines: number }): void {
    this.#nesting = nesting.depth;
    this.#newlines.length = nesting.newlines;
    this.#peeked = undefined;
  }

  nesting(): { depth: number; newlines: number } {
    return { depth: this.#nesting, newlines: this.#newlines.length };
  }

  /** One more than the deepest of these. */
  depthOver(range: Range, below: Iterable<Expression | undefined>): number {
    let depth = 0;
    for (const each of below) if (each !== undefined && each.depth > depth) depth = each.depth;
    if (depth >= DEPTH_MAX) failAt(range, `Expression is more than ${DEPTH_MAX} levels deep`, "Split it with locals.");
    return depth + 1;
  }

  range(token: Token): Range {
    return this.lexer.range(token.start, token.end);
  }

  from(start: number, end: number): Range {
    return this.lexer.range(start, end);
  }

  /** A token peeked in one mode may be another in the other: read it anew. */
  #switchNewlines(change: () => void): void {
    if (this.#peeked !== undefined) {
      this.lexer.position = this.#peeked.start;
      this.#peeked = undefined;
    }
    change();
  }
}

/** How a token is named in an error. */
export function nameToken(token: Token): string {
  switch (token.kind) {
    case "end":
      return "the end of the file";
    case "newline":
      return "the end of the line";
    case "heredoc":
      return "a heredoc";
    case "quote":
      return "quoted text";
    case "number":
      return `the number ${token.text}`;
    default:
      return `"${token.text}"`;
  }
}
