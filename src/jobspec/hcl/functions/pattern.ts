/** regex_replace: the reference's regular expressions (RE2 syntax) on JavaScript's engine, with a time limit. */
import { type Context, createContext, Script } from "node:vm";
import { define, FunctionFailure, type FunctionTable } from "../scope.ts";

/** JavaScript's engine can take exponential time; the reference's cannot. One call, and all of a file. */
const TIMEOUT_MS = 500;
const TIMEOUT_ALL_MS = 2000;

const SCRIPT = new Script("text.replace(new RegExp(source, flags), (...given) => expand(given))");

const CLASSES: Readonly<Record<string, string | undefined>> = {
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

/** The function for one file: its calls share what time they may take. `nowMs`: a clock that never goes back; absent: each has its own. */
export function patternFunctions(nowMs: () => number = () => 0): FunctionTable {
  let spentMs = 0;
  const globals: { text: string; source: string; flags: string; expand?: unknown } = { text: "", source: "", flags: "" };
  let context: Context | undefined;
  const replaceAll = (text: string, pattern: string, replacement: string): string => {
    const leftMs = Math.min(TIMEOUT_MS, TIMEOUT_ALL_MS - spentMs);
    if (leftMs < 1) throw new FunctionFailure("the patterns of this file take too long", 1);
    const startMs = nowMs();
    const expand = (given: unknown[]): string => expandReplacement(replacement, given);
    Object.assign(globals, { text, ...compile(pattern), expand });
    context ??= createContext(globals);
    try {
      return String(SCRIPT.runInContext(context, { timeout: Math.ceil(leftMs) }));
    } catch (thrown) {
      if ((thrown as { code?: string }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw new FunctionFailure("the pattern takes too long", 1);
      throw new FunctionFailure(`bad pattern: ${(thrown as Error).message}`, 1);
    } finally {
      spentMs += nowMs() - startMs;
    }
  };
  return new Map([["regex_replace", define(["str: string", "pattern: string", "replace: string"], replaceAll)]]);
}

/** RE2 → JavaScript. */
function compile(pattern: string): { source: string; flags: string } {
  const leading = /^\(\?([imsU]+)\)/.exec(pattern);
  const given = leading?.[1] ?? "";
  if (given.includes("U")) throw new FunctionFailure("bad pattern: the flag U is not known here", 1);
  return { source: translate(pattern.slice(leading?.[0].length ?? 0), given.includes("s")), flags: `gu${[...new Set(given)].join("")}` };
}

/** \Q…\E, \x{…}, \p{Greek}, \pL, any other escape, (?P<, [:alpha:], {2,3}, any other character. */
const PART =
  /\\Q([\s\S]*?)(?:\\E|$)|\\x\{([0-9a-fA-F]+)\}|\\([pP])(?:\{(\w+)\}|(\w))|\\([\s\S])|(\(\?P<)|\[:(\^?)(\w+):\]|(\{\d+(?:,\d*)?\})|[\s\S]/gu;
const SPACE = "\\t\\n\\f\\r ";

/** Part by part; what means something else inside of [ ] is told by whether one is open. */
function translate(pattern: string, dotIsAll: boolean): string {
  let inClass = false;
  let classStart = -1;
  return pattern.replace(PART, (...match: (string | undefined)[]) => {
    const [whole = "", literal, hex, property, script, category = script, escaped, group, negated, name, repeat] = match;
    const at = match.findLast((each) => typeof each === "number") as unknown as number;
    if (literal !== undefined) return [...literal].map(exactly).join("");
    if (hex !== undefined) return `\\u{${hex}}`;
    if (property !== undefined) return `\\${property}{${(category as string).length > 2 ? "sc=" : ""}${category}}`;
    if (escaped !== undefined) return escapeOf(escaped, inClass);
    if (group !== undefined) return inClass ? whole : "(?<";
    if (name !== undefined) {
      if (!inClass || CLASSES[name] === undefined || negated !== "")
        throw new FunctionFailure(`bad pattern: ${whole} is not known here`, 1);
      return CLASSES[name];
    }
    if (repeat !== undefined) return repeat;
    if (inClass) {
      // Right at the start "]" is a member like any other.
      const member = whole === "]" && (at === classStart + 1 || (at === classStart + 2 && pattern[classStart + 1] === "^"));
      inClass = whole !== "]" || member;
      return whole === "[" || member ? `\\${whole}` : whole;
    }
    inClass = whole === "[";
    if (inClass) classStart = at;
    if (whole === "." && !dotIsAll && !pattern.includes("(?s")) return "[^\\n]";
    return "{}]".includes(whole) ? `\\${whole}` : whole;
  });
}

/** A backslash and its letter. A sign that is no letter or digit stands for itself. */
function escapeOf(letter: string, inClass: boolean): string {
  if (letter === "A") return "(?<![\\s\\S])";
  if (letter === "z") return "(?![\\s\\S])";
  if (letter === "a") return "\\x07";
  if (letter === "s") return inClass ? SPACE : `[${SPACE}]`;
  if (letter === "S" && !inClass) return `[^${SPACE}]`;
  return /[A-Za-z0-9]/.test(letter) ? `\\${letter}` : exactly(letter);
}

function exactly(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
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
