/**
 * Handlebars: text → what can be run. What it calls must be there, and what stands at the top must be a function: nothing else is.
 * Templates are compiled from their text only, decorators other than `inline` are refused, prototypes are out of reach.
 */
import { messageOf, nearest } from "#std";
import { TemplateError, type TemplateErrorCode } from "../go/template-error.ts";
import { loadHandlebars } from "../lazy.ts";
import { BUILTIN_NAMES } from "./builtin-names.ts";
import { tooDeepAt } from "./nesting.ts";

export interface HandlebarsTemplate {
  readonly run: (helpers: Readonly<Record<string, unknown>>) => string;
  /** Functions it may call. */
  readonly called: readonly string[];
}

/** Handlebars' own. */
const BLOCKS: readonly string[] = ["each", "if", "lookup", "unless", "with"];

interface Located {
  readonly loc: { readonly start: { readonly line: number; readonly column: number } };
}

interface Path extends Located {
  readonly type: string;
  readonly data: boolean;
  readonly depth: number;
  readonly parts: readonly string[];
  readonly original: string | number | boolean;
}

interface Call extends Located {
  readonly type: string;
  readonly path: Path;
  readonly params: readonly unknown[];
  readonly hash?: { readonly pairs: readonly unknown[] };
}

export function compileHandlebars(
  text: string,
  functions: { has(name: string): boolean; keys(): Iterable<string> },
  strict: boolean,
  denial: (name: string) => string | undefined = () => undefined,
): HandlebarsTemplate {
  const handlebars = loadHandlebars();
  const tree = parse(handlebars, text);
  const called = new Set<string>();
  const isKnown = (name: string): boolean => functions.has(name) || BUILTIN_NAMES.has(name);
  check(handlebars, tree, { isKnown, denial, known: [...functions.keys(), ...BUILTIN_NAMES, ...BLOCKS] }, called);
  const own = handlebars.create();
  for (const name of ["log", "helperMissing"]) own.unregisterHelper(name);
  const compiled = own.compile(text, { noEscape: true, strict, preventIndent: false });
  const run = (helpers: Readonly<Record<string, unknown>>): string =>
    compiled(Object.create(null), {
      helpers: helpers as Record<string, () => unknown>,
      allowProtoPropertiesByDefault: false,
      allowProtoMethodsByDefault: false,
    });
  return { run, called: [...called] };
}

type Handlebars = ReturnType<typeof loadHandlebars>;

function parse(handlebars: Handlebars, text: string): unknown {
  const line = tooDeepAt(handlebars, text);
  if (line !== undefined)
    throw new TemplateError("TEMPLATE_SYNTAX", `Cannot parse template: line ${line}: it is nested too deeply`, { line, column: 0 });
  try {
    return handlebars.parse(text);
  } catch (thrown) {
    throw syntaxError(thrown, text);
  }
}

/** Of the parser's "Parse error on line 2:\n…text…\n-----^\nExpecting 'ID', …, got 'EOF'", and of exceptions that say "… - 2:4". */
function syntaxError(thrown: unknown, text: string): TemplateError {
  if (thrown instanceof RangeError)
    return new TemplateError("TEMPLATE_SYNTAX", "Cannot parse template: it is nested too deeply", { line: 0, column: 0 });
  const message = messageOf(thrown);
  const parse = /^(?:Parse|Lexical) error on line (\d+)[:.]?[^\n]*\n([^\n]*)\n(-*)\^\n?([\s\S]*)$/.exec(message);
  if (parse !== null) {
    const [, line = "0", shown = "", dashes = "", rest = ""] = parse;
    const got = /got '(\w+)'/.exec(rest)?.[1] ?? "";
    const what =
      got === "EOF"
        ? "the template ends too early: a block or an action is not closed"
        : `it does not expect ${GOT[got] ?? `what stands there (${got || "no token"})`}`;
    return new TemplateError("TEMPLATE_SYNTAX", `Cannot parse template: line ${line}: ${what}`, {
      line: Number(line),
      column: columnOf(text, Number(line), shown, dashes.length),
    });
  }
  const [, said = message, line = "0", column = "-1"] = /^([\s\S]*?)(?: - (\d+):(\d+))?$/.exec(message) ?? [];
  return new TemplateError("TEMPLATE_SYNTAX", `Cannot parse template: ${line === "0" ? "" : `line ${line}: `}${said}`, {
    line: Number(line),
    column: Number(column) + 1,
  });
}

/** The parser shows at most twenty characters before the place, "..." before them, those of earlier lines too, without line ends. */
function columnOf(text: string, line: number, shown: string, dashes: number): number {
  const before = shown.slice(0, dashes).replace(/^\.\.\./, "");
  const lines = text.split("\n");
  const earlier = lines
    .slice(0, line - 1)
    .join("")
    .slice(-before.length);
  const seen = earlier + (lines[line - 1] ?? "");
  const at = seen.indexOf(before, Math.max(0, earlier.length - before.length));
  return before === "" ? 1 : at < 0 ? 0 : at + before.length - earlier.length + 1;
}

const GOT: Readonly<Record<string, string>> = {
  CLOSE: 'a closing "}}" there',
  CLOSE_UNESCAPED: 'a closing "}}}" there',
  OPEN_ENDBLOCK: "the end of a block there",
  ID: "a name there",
  STRING: "a string there",
  INVALID: "a character like this there",
  SEP: "a separator there",
  EQUALS: '"=" there',
};

interface Names {
  readonly isKnown: (name: string) => boolean;
  /** How to mend that it is called; undefined: it may be. */
  readonly denial: (name: string) => string | undefined;
  readonly known: readonly string[];
}

function check(handlebars: Handlebars, tree: unknown, { isKnown, denial, known }: Names, called: Set<string>): void {
  /** Blocks around that change what names mean. */
  let depth = 0;
  const fail = (at: Located, message: string, fix?: string, code: TemplateErrorCode = "TEMPLATE_SYNTAX"): never => {
    const { line, column } = at.loc.start;
    const place = { line, column: column + 1 };
    throw new TemplateError(code, `Cannot parse template: line ${line}, column ${column + 1}: ${message}`, place, fix);
  };
  const unknown = (at: Located, name: string): never => {
    const near = nearest(name, known);
    return fail(
      at,
      `function ${JSON.stringify(name)} is not known`,
      near === undefined ? "" : `Did you mean "${near}"?`,
      "TEMPLATE_FUNCTION_UNKNOWN",
    );
  };
  const lookAt = (call: Call, mustBeCall: boolean, isBlock = false): void => {
    const { path } = call;
    if (path.type !== "PathExpression" || path.data) return;
    const name =
      path.parts.length === 1 && path.depth === 0 && !/^(?:this|\.)/.test(String(path.original)) ? String(path.parts[0]) : undefined;
    const isCall = mustBeCall || call.params.length > 0 || (call.hash?.pairs.length ?? 0) > 0;
    if (name !== undefined && isKnown(name)) {
      const fix = denial(name);
      if (fix !== undefined) fail(path, `function "${name}" is disabled`, fix, "TEMPLATE_FUNCTION_DENIED");
      called.add(name);
    } else if (name !== undefined && BLOCKS.includes(name)) {
      if (!isBlock && name !== "lookup") fail(path, `${name} is a block: {{#${name} …}} … {{/${name}}}`);
      if (call.params.length !== (name === "lookup" ? 2 : 1))
        fail(path, `${name} takes ${name === "lookup" ? "two arguments" : "one argument"}`);
    } else if (isCall) unknown(path, name ?? String(path.original));
    else if (depth === 0 && path.depth === 0 && path.parts.length > 0) unknown(path, String(path.parts[0]));
  };
  const Visitor = handlebars.Visitor as unknown as new () => Record<string, (node: never) => void>;
  const visitor = new Visitor();
  const inner = (method: string, before: (node: never) => void, nests = false): void => {
    const own = visitor[method] as (node: never) => void;
    visitor[method] = (node: never) => {
      before(node);
      if (nests) depth++;
      own.call(visitor, node);
      if (nests) depth--;
    };
  };
  inner("MustacheStatement", (node: Call) => lookAt(node, false));
  inner("SubExpression", (node: Call) => lookAt(node, true));
  inner("BlockStatement", (node: Call) => lookAt(node, false, true), true);
  inner("Decorator", (node: Call) => fail(node, "decorators are not supported"));
  inner(
    "DecoratorBlock",
    (node: Call) => void (node.path.original === "inline" || fail(node, "only the decorator `inline` is supported")),
    true,
  );
  inner("PartialBlockStatement", () => undefined, true);
  (visitor as unknown as { accept(node: unknown): void }).accept(tree);
}
