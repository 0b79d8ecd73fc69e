/** How deep a text nests, read token by token: Handlebars' parser takes the square of it, which nobody may make the servers wait for. */
import type { loadHandlebars } from "../lazy.ts";

/** Blocks in blocks, calls in calls, and each `else if`. */
export const NESTED_MAX = 300;

/** As the parser numbers "EOF". */
const END = 5;
const OPENINGS = /\(|\{\{~?\s*[#^]|else\s|\{\{\{\{/g;

interface Parser {
  readonly terminals_: Readonly<Record<number, string>>;
  readonly lexer: {
    readonly yylloc: { readonly first_line: number };
    setInput(text: string): void;
    lex(): number;
  };
}

/** The line where it nests too deeply; undefined: it does not. */
export function tooDeepAt(handlebars: ReturnType<typeof loadHandlebars>, text: string): number | undefined {
  if (!opensOften(text)) return undefined;
  const { lexer, terminals_: names } = (handlebars as unknown as { readonly Parser: Parser }).Parser;
  /** Of each block that is open: itself and its chain of `else if`. */
  const blocks: number[] = [];
  let depth = 0;
  lexer.setInput(text);
  for (;;) {
    switch (names[nextToken(lexer)]) {
      case "EOF":
      case "INVALID":
        return undefined;
      case "OPEN_BLOCK":
      case "OPEN_INVERSE":
      case "OPEN_PARTIAL_BLOCK":
      case "OPEN_RAW_BLOCK":
        blocks.push(1);
        depth++;
        break;
      case "OPEN_INVERSE_CHAIN":
        blocks.push((blocks.pop() ?? 0) + 1);
        depth++;
        break;
      case "OPEN_ENDBLOCK":
      case "END_RAW_BLOCK":
        depth -= blocks.pop() ?? 0;
        break;
      case "OPEN_SEXPR":
        depth++;
        break;
      case "CLOSE_SEXPR":
        depth--;
        break;
    }
    if (depth > NESTED_MAX) return lexer.yylloc.first_line;
  }
}

/** What it cannot read, the parser cannot either, and says so. */
function nextToken(lexer: Parser["lexer"]): number {
  try {
    return lexer.lex();
  } catch {
    return END;
  }
}

function opensOften(text: string): boolean {
  let count = 0;
  for (const _ of text.matchAll(OPENINGS)) if (++count > NESTED_MAX) return true;
  return false;
}
