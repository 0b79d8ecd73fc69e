/**
 * Go's regular expressions in JavaScript's. What would take exponential time is refused or, by a flag of the engine, run by
 * its linear matcher: a stranger's pattern must not hold the event loop.
 */
import v8 from "node:v8";
import { messageOf } from "#std";

/** Steps of backtracking after which the engine starts over with the linear matcher. */
const BACKTRACKS_MAX = 20_000;

/** Once per process is enough; repeating it is harmless. Patterns compiled before are not bounded. */
export function boundPatterns(): void {
  v8.setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
  v8.setFlagsFromString(`--regexp-backtracks-before-fallback=${BACKTRACKS_MAX}`);
}

/** `fail` makes the error to throw. */
export function compilePattern(text: string, fail: (why: string) => Error): RegExp {
  if (/\\[1-9]|\\k<|\(\?<?[=!]/.test(text.replaceAll("\\\\", ""))) throw fail("back-references and look-around are not supported in patterns");
  const leading = /^\(\?([imsU]+)\)/.exec(text);
  const body = (leading === null ? text : text.slice(leading[0].length))
    .replaceAll("(?P<", "(?<")
    .replaceAll(/\\A/g, "^")
    .replaceAll(/\\z/g, "$");
  const flags = [...new Set(leading?.[1] ?? "")].filter((flag) => flag !== "U").join("");
  try {
    return new RegExp(body, flags);
  } catch (error) {
    throw fail(messageOf(error).replace(/^Invalid regular expression: /, "invalid pattern "));
  }
}
