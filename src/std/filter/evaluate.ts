/** Is the expression true of this value? */
import type { Pattern } from "../pattern.ts";
import { filterError } from "./filter-error.ts";
import { parseFilter, type Expression } from "./parse.ts";

type Scope = Readonly<Record<string, unknown>>;
type Match = Extract<Expression, { kind: "match" }>;

/**
 * The predicate a filter means. Throws NamedError API_FILTER_INVALID (400), here for what cannot be read and in the predicate for
 * what does not fit the value (no such field, a word compared with a number).
 */
export function compileFilter(source: string): (value: unknown) => boolean {
  const expression = parseFilter(source);
  return (value) => holds(expression, value as Scope, source);
}

function holds(expression: Expression, value: Scope, source: string): boolean {
  switch (expression.kind) {
    case "or":
      return holds(expression.left, value, source) || holds(expression.right, value, source);
    case "and":
      return holds(expression.left, value, source) && holds(expression.right, value, source);
    case "not":
      return !holds(expression.of, value, source);
    case "any":
    case "all":
      return holdsOfMembers(expression, value, source);
    case "match":
      return matches(expression, value, source);
  }
}

function holdsOfMembers(expression: Extract<Expression, { kind: "any" | "all" }>, value: Scope, source: string): boolean {
  const found = find(value, expression.selector, source);
  if (found === undefined || found === null) return expression.kind === "all";
  if (typeof found !== "object") throw filterError(source, -1, `"${expression.selector.join(".")}" is no list or map`);
  const [first = "_", second] = expression.names;
  // One name is a list's element or a map's key; with two names they are index and element, or key and value.
  const scopes = Object.entries(found).map(([key, member]) => {
    const one = second === undefined ? (Array.isArray(found) ? member : key) : Array.isArray(found) ? Number(key) : key;
    return { ...value, [first]: one, ...(second === undefined ? {} : { [second]: member }) };
  });
  const test = (scope: Scope) => holds(expression.body, scope, source);
  return expression.kind === "any" ? scopes.some(test) : scopes.every(test);
}

function matches(match: Match, value: Scope, source: string): boolean {
  const found = find(value, match.selector, source);
  const is = compare(match, found, source);
  return match.negated ? !is : is;
}

function compare(match: Match, found: unknown, source: string): boolean {
  const wrong = (wanted: string) =>
    filterError(
      source,
      -1,
      `"${match.selector.join(".")}" is ${Array.isArray(found) ? "a list" : `a ${found === null ? "null" : typeof found}`}, ${wanted}`,
    );
  if (match.comparison === "empty") {
    if (found === undefined || found === null || found === "") return true;
    if (typeof found === "object") return Object.keys(found).length === 0;
    if (typeof found === "string") return false;
    throw wrong("which is never empty");
  }
  if (match.comparison === "nil") {
    if (found === undefined || found === null) return true;
    if (typeof found === "object") return false;
    throw wrong("which is never nil");
  }
  if (found === undefined || found === null) return false;
  if (match.comparison === "contains") {
    if (typeof found === "string") return found.includes(match.value);
    if (Array.isArray(found)) return found.some((element) => typeof element !== "object" && String(element) === match.value);
    if (typeof found === "object") return Object.hasOwn(found, match.value);
    throw wrong("which contains nothing");
  }
  if (match.comparison === "matches") {
    if (typeof found !== "string") throw wrong("and only text matches a pattern");
    return (match.pattern as Pattern).test(found);
  }
  return equals(found, match.value, wrong);
}

function equals(found: unknown, wanted: string, wrong: (why: string) => Error): boolean {
  switch (typeof found) {
    case "string":
      return found === wanted;
    case "number": {
      const number = Number(wanted);
      if (wanted.trim() === "" || Number.isNaN(number)) throw wrong(`and ${JSON.stringify(wanted)} is not one`);
      return found === number;
    }
    case "boolean":
      if (/^(1|t|T|TRUE|true|True)$/.test(wanted)) return found;
      if (/^(0|f|F|FALSE|false|False)$/.test(wanted)) return !found;
      throw wrong(`and ${JSON.stringify(wanted)} is not one`);
    default:
      throw wrong("which cannot be compared with a value");
  }
}

/** undefined: a key the map does not have. A field no such object has is an error. */
function find(value: Scope, selector: readonly string[], source: string): unknown {
  let at: unknown = value;
  for (const [depth, part] of selector.entries()) {
    if (at === null || at === undefined) return undefined;
    if (typeof at !== "object" || !Object.hasOwn(at, part)) {
      if (depth === 0) throw filterError(source, -1, `there is no field "${part}"`);
      return undefined;
    }
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}
