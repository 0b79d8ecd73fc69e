/**
 * A filter expression as a tree. The grammar, loosest first:
 *
 *   or        and { "or" and }
 *   and       not { "and" not }
 *   not       "not" not | "(" or ")" | ("any" | "all") selector "as" name ["," name] "{" or "}" | match
 *   match     selector ("==" | "!=" | ["not"] "contains" | ["not"] "matches") value
 *           | selector "is" ["not"] ("empty" | "nil")
 *           | value ["not"] "in" selector
 *   selector  word { "." word | "." number | "[" string "]" } | "\"/json/pointer\""
 *   value     string | number | word
 */
import { filterError } from "./filter-error.ts";
import type { Pattern } from "../pattern.ts";
import { compilePattern } from "./pattern.ts";
import { tokenize, type Token } from "./token.ts";

export type Comparison = "equals" | "contains" | "matches" | "empty" | "nil";

export type Expression =
  | { readonly kind: "or" | "and"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "any" | "all"; readonly selector: readonly string[]; readonly names: readonly string[]; readonly body: Expression }
  | {
      readonly kind: "match";
      readonly selector: readonly string[];
      readonly comparison: Comparison;
      readonly negated: boolean;
      readonly value: string;
      /** Compiled for "matches". */
      readonly pattern: Pattern | null;
    };

const DEPTH_MAX = 100;
const LENGTH_MAX = 8192;

/** Throws NamedError API_FILTER_INVALID (400). */
export function parseFilter(source: string): Expression {
  if (source.length > LENGTH_MAX) throw filterError(source, -1, `it has ${source.length} characters, at most ${LENGTH_MAX} are taken`);
  const parser = new Parser(source);
  const expression = parser.or(0);
  parser.end();
  return expression;
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  or(depth: number): Expression {
    let left = this.#and(depth);
    while (this.#takeWord("or")) left = { kind: "or", left, right: this.#and(depth) };
    return left;
  }

  end(): void {
    if (this.#peek().kind !== "end") throw this.#unexpected('"and", "or" or the end');
  }

  #and(depth: number): Expression {
    let left = this.#not(depth);
    while (this.#takeWord("and")) left = { kind: "and", left, right: this.#not(depth) };
    return left;
  }

  #not(depth: number): Expression {
    if (depth > DEPTH_MAX) throw filterError(this.#source, this.#peek().at, `it is nested more than ${DEPTH_MAX} deep`);
    if (this.#isWord("not") && !this.#startsMatch()) {
      this.#at++;
      return { kind: "not", of: this.#not(depth + 1) };
    }
    if (this.#takeSign("(")) {
      const inner = this.or(depth + 1);
      this.#wantSign(")");
      return inner;
    }
    if ((this.#isWord("any") || this.#isWord("all")) && !this.#startsMatch()) return this.#collection(depth);
    return this.#match();
  }

  /** A word that is a field here though it could be a keyword: `not == 1`. */
  #startsMatch(): boolean {
    const next = this.#peek(1);
    return next.kind === "sign" ? next.text === "==" || next.text === "!=" || next.text === "." || next.text === "[" : next.text === "in";
  }

  #collection(depth: number): Expression {
    const kind = this.#next().text as "any" | "all";
    const selector = this.#selector();
    if (!this.#takeWord("as")) throw this.#unexpected('"as"');
    const names = [this.#name()];
    if (this.#takeSign(",")) names.push(this.#name());
    this.#wantSign("{");
    const body = this.or(depth + 1);
    this.#wantSign("}");
    return { kind, selector, names, body };
  }

  #name(): string {
    const token = this.#next();
    if (token.kind !== "word") throw this.#unexpected("a name", token);
    return token.text;
  }

  #match(): Expression {
    const start = this.#at;
    const first = this.#next();
    if (first.kind !== "string" && first.kind !== "number" && first.kind !== "word") throw this.#unexpected("a field or a value", first);
    if (this.#isWord("in") || (this.#isWord("not") && this.#peek(1).text === "in")) {
      const negated = this.#takeWord("not");
      this.#at++;
      return this.#made(this.#selector(), "contains", negated, first.text, first.at);
    }
    this.#at = start;
    const selector = this.#selector();
    if (this.#takeWord("is")) {
      const negated = this.#takeWord("not");
      // `nomad job dispatch` and `nomad job periodic force` ask for "ParameterizedJob is not nil".
      for (const comparison of ["empty", "nil"] as const) {
        if (this.#takeWord(comparison)) return this.#made(selector, comparison, negated, "", first.at);
      }
      throw this.#unexpected(negated ? '"empty" or "nil"' : '"empty", "nil" or "not"');
    }
    if (this.#takeSign("==")) return this.#made(selector, "equals", false, this.#value(), first.at);
    if (this.#takeSign("!=")) return this.#made(selector, "equals", true, this.#value(), first.at);
    const negated = this.#takeWord("not");
    if (this.#takeWord("contains")) return this.#made(selector, "contains", negated, this.#value(), first.at);
    if (this.#takeWord("matches")) return this.#made(selector, "matches", negated, this.#value(), first.at);
    throw this.#unexpected('"==", "!=", "contains", "matches", "in" or "is"');
  }

  #made(selector: readonly string[], comparison: Comparison, negated: boolean, value: string, at: number): Expression {
    const pattern = comparison === "matches" ? compilePattern(value, (why) => filterError(this.#source, at, why)) : null;
    return { kind: "match", selector, comparison, negated, value, pattern };
  }

  #selector(): readonly string[] {
    const first = this.#next();
    if (first.kind === "string" && first.text.startsWith("/")) {
      return first.text
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    }
    if (first.kind !== "word") throw this.#unexpected("a field", first);
    const path = [first.text];
    for (;;) {
      if (this.#takeSign(".")) {
        const part = this.#next();
        if (part.kind !== "word" && part.kind !== "number") throw this.#unexpected("a field name", part);
        path.push(part.text);
      } else if (this.#takeSign("[")) {
        const part = this.#next();
        if (part.kind !== "string" && part.kind !== "number") throw this.#unexpected("a quoted key", part);
        path.push(part.text);
        this.#wantSign("]");
      } else return path;
    }
  }

  #value(): string {
    const token = this.#next();
    if (token.kind === "string" || token.kind === "number" || token.kind === "word") return token.text;
    throw this.#unexpected("a value", token);
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)] as Token;
  }
  #next(): Token {
    const token = this.#peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }
  #isWord(word: string): boolean {
    const token = this.#peek();
    return token.kind === "word" && token.text === word;
  }
  #takeWord(word: string): boolean {
    if (!this.#isWord(word)) return false;
    this.#at++;
    return true;
  }
  #takeSign(sign: string): boolean {
    const token = this.#peek();
    if (token.kind !== "sign" || token.text !== sign) return false;
    this.#at++;
    return true;
  }
  #wantSign(sign: string): void {
    if (!this.#takeSign(sign)) throw this.#unexpected(JSON.stringify(sign));
  }
  #unexpected(wanted: string, token: Token = this.#peek()): Error {
    const found = token.kind === "end" ? "it ends" : `found ${JSON.stringify(token.text)}`;
    return filterError(this.#source, token.at, `${found}, wanted ${wanted}`);
  }
}
