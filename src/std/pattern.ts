/**
 * Go's regular expressions (RE2's language) on JavaScript's engine, in bounded time: a stranger's pattern must not hold the event loop.
 *
 * RE2 needs time in proportion to the text; JavaScript's engine backtracks, and `^(a+)+$` on thirty letters takes it minutes. So, by
 * what the pattern offers to come back to (repetitions, alternatives):
 *
 *   at most one                        as it is: cannot get out of hand
 *   the linear matcher can have it     as it is; after BACKTRACKS_MAX steps back the engine starts over with its linear matcher
 *   otherwise ((?i), x{17,}, \z)        under a timer; once out of time it matches nothing from then on: in all it costs TIMEOUT_MS
 */
import v8 from "node:v8";
import { createContext, Script } from "node:vm";

const BACKTRACKS_MAX = 20_000;
const TIMEOUT_MS = 25;
const MATCH = new Script("expression.test(text)");

export interface Pattern {
  test(text: string): boolean;
  /** It once took too long and now matches nothing. */
  readonly exhausted: boolean;
}

/** Throws SyntaxError when it is not a pattern RE2 would take. */
export function compilePattern(text: string): Pattern {
  const { source, flags } = inJavaScript(text);
  const unbounded = choices(source) > 1 && !hasLinearMatcher(source, flags);
  const expression = new RegExp(source, flags);
  return unbounded ? new TimedPattern(expression) : { test: (subject) => expression.test(subject), exhausted: false };
}

/** Also sees to it that the engine falls back to it. What V8 says of its flags holds for what is compiled from then on. */
function hasLinearMatcher(source: string, flags: string): boolean {
  v8.setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
  v8.setFlagsFromString(`--regexp-backtracks-before-fallback=${BACKTRACKS_MAX}`);
  v8.setFlagsFromString("--enable-experimental-regexp-engine");
  try {
    void new RegExp(source, `${flags}l`);
    return true;
  } catch {
    return false;
  } finally {
    v8.setFlagsFromString("--no-enable-experimental-regexp-engine");
  }
}

class TimedPattern implements Pattern {
  readonly #expression: RegExp;
  #context: { expression: RegExp; text: string } | undefined;
  exhausted = false;

  constructor(expression: RegExp) {
    this.#expression = expression;
  }

  test(text: string): boolean {
    if (this.exhausted) return false;
    const context = (this.#context ??= createContext({ expression: this.#expression, text }) as { expression: RegExp; text: string });
    context.text = text;
    try {
      return MATCH.runInContext(context, { timeout: TIMEOUT_MS }) === true;
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw thrown;
      this.exhausted = true;
      return false;
    }
  }
}

/** Leading flags, named groups, the text's start and end are written otherwise there. */
function inJavaScript(text: string): { readonly source: string; readonly flags: string } {
  if (/\\[1-9]|\\k<|\(\?<?[=!]/.test(text.replaceAll("\\\\", ""))) {
    throw new SyntaxError("back-references and look-around are not supported in patterns");
  }
  const leading = /^\(\?([imsU]+)\)/.exec(text);
  const flags = [...new Set(leading?.[1] ?? "")].filter((flag) => flag !== "U").join("");
  const source = text
    .slice(leading?.[0].length ?? 0)
    .replaceAll("(?P<", "(?<")
    .replace(/\\([\s\S])/g, (escape, letter: string) => (letter === "A" ? "(?<![\\s\\S])" : letter === "z" ? "(?![\\s\\S])" : escape));
  return { source, flags };
}

/** How many `*`, `+`, `?`, `{n,m}` and `|` it has, outside of character classes: each is a choice to come back to. */
function choices(source: string): number {
  const bare = source
    .replace(/\\[\s\S]/g, "x")
    .replace(/\[\^?\]?[^\]]*\]/g, "x")
    .replace(/\(\?(?:<\w+>|[ims-]*:)?/g, "(");
  return bare.match(/[*+?|]|\{\d+(?:,\d*)?\}/g)?.length ?? 0;
}
