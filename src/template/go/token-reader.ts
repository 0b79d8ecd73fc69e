/** Tokens one after the other. Up to three are put back: "$x foo" is told from "$x := foo" by its third. */
import type { Token } from "./lexer.ts";

export class TokenReader {
  private readonly tokens: readonly Token[];
  /** Put back, the nearest last. */
  private readonly ahead: [Token, Token, Token];
  private aheadCount = 0;
  private readCount = 0;

  /** At least one: the last is an "eof" or an "error" and comes again and again. */
  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
    const first = tokens[0] as Token;
    this.ahead = [first, first, first];
  }

  /** The one that was read last of all: where an error is said to be. */
  get newest(): Token {
    return this.ahead[0];
  }

  next(): Token {
    if (this.aheadCount > 0) this.aheadCount--;
    else this.ahead[0] = this.read();
    return this.ahead[this.aheadCount] as Token;
  }

  private read(): Token {
    return (this.tokens[this.readCount++] ?? this.tokens.at(-1)) as Token;
  }

  peek(): Token {
    if (this.aheadCount > 0) return this.ahead[this.aheadCount - 1] as Token;
    this.aheadCount = 1;
    this.ahead[0] = this.read();
    return this.ahead[0];
  }

  back(): void {
    this.aheadCount++;
  }

  backTwo(before: Token): void {
    this.ahead[1] = before;
    this.aheadCount = 2;
  }

  backThree(first: Token, second: Token): void {
    this.ahead[1] = second;
    this.ahead[2] = first;
    this.aheadCount = 3;
  }

  nextWord(): Token {
    let token = this.next();
    while (token.type === "space") token = this.next();
    return token;
  }

  peekWord(): Token {
    const token = this.nextWord();
    this.back();
    return token;
  }
}
