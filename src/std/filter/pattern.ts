/** A filter's pattern: Go's regular expressions, in bounded time. */
import { messageOf } from "../errors.ts";
import { compilePattern as compile, type Pattern } from "../pattern.ts";

/** `fail` makes the error to throw. */
export function compilePattern(text: string, fail: (why: string) => Error): Pattern {
  try {
    return compile(text);
  } catch (error) {
    throw fail(messageOf(error).replace(/^Invalid regular expression: /, "invalid pattern "));
  }
}
