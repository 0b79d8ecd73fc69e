/** regex_replace: the reference's regular expressions (RE2 syntax) on JavaScript's engine, with a time limit. */
import { runInNewContext } from "node:vm";
import { FunctionFailure } from "../scope.ts";

/** JavaScript's engine can take exponential time; the reference's cannot. */
const TIMEOUT_MS = 500;

const CLASSES: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

export function replaceByPattern(text: string, pattern: string, replacement: string): string {
  const compiled = compile(pattern);
  let result: unknown;
  try {
    const script = "text.replace(new RegExp(source, flags), (...given) => expand(given))";
    const expand = (given: unknown[]): string => expandReplacement(replacement, given);
    result = runInNewContext(script, { text, ...compiled, expand }, { timeout: TIMEOUT_MS });
  } catch (thrown) {
    if ((thrown as { code?: string }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw new FunctionFailure("the pattern takes too long", 1);
    throw new FunctionFailure(`bad pattern: ${(thrown as Error).message}`, 1);
  }
  return String(result);
}

/** RE2 → JavaScript: leading flags, named groups, \A \z, POSIX classes. */
function compile(pattern: string): { source: string; flags: string } {
  const leading = /^\(\?([imsU]+)\)/.exec(pattern);
  const given = leading?.[1] ?? "";
  if (given.includes("U")) throw new FunctionFailure("bad pattern: the flag U is not known here", 1);
  const source = pattern
    .slice(leading?.[0].length ?? 0)
    .replaceAll("(?P<", "(?<")
    .replace(/\[:(\^?)(\w+):\]/g, (whole, negated: string, name: string) => (negated === "" ? (CLASSES[name] ?? whole) : whole))
    .replace(/\\([Az])/g, (_, letter: string) => (letter === "A" ? "(?<![\\s\\S])" : "(?![\\s\\S])"));
  return { source, flags: `gu${[...new Set(given)].join("")}` };
}

/** `$1`, `${1}`, `$name`, `${name}`, `$$`; a group that is not there is empty. */
function expandReplacement(replacement: string, given: readonly unknown[]): string {
  const last = given.at(-1);
  const groups = (typeof last === "object" && last !== null ? last : {}) as Record<string, string | undefined>;
  // The match and its groups; then come where it was found and the whole text.
  const captured = given.slice(
    0,
    given.findIndex((each) => typeof each === "number"),
  );
  return replacement.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole: string, bare?: string, braced?: string) => {
    const name = bare ?? braced;
    if (name === undefined) return whole === "$$" ? "$" : whole;
    const value = /^\d+$/.test(name) ? captured[Number(name)] : groups[name];
    return typeof value === "string" ? value : "";
  });
}
