/** A filter's pattern: Go's regular expressions, in bounded time. */
import { compilePattern as compile, messageOf, type Pattern } from "#std";

/** `fail` makes the error to throw. */
export function compilePattern(text: string, fail: (why: string) => Error): Pattern {
  try {
    return compile(text);
  } catch (error) {
    throw fail(messageOf(error).replace(/^Invalid regular expression: /, "invalid pattern "));
  }
}
