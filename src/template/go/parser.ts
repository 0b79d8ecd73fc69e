/**
 * Tokens → trees: the template's own and those that `define` and `block` name in it.
 */
import { nearest } from "#std";
import { lex, type Token, type TokenType } from "./lexer.ts";
import type { ClauseNode, CommandNode, ListNode, Operand, PipeNode, Statement, VariableNode } from "./node.ts";
import { readConstant } from "./number.ts";
import { unquote } from "./quote.ts";
import { Scope } from "./scope.ts";
import { TokenReader } from "./token-reader.ts";
import { placeOf, TemplateError, type TemplateErrorCode } from "./template-error.ts";

export interface ParseRequest {
  /** How messages call it. */
  readonly name: string;
  readonly text: string;
  /** "" for the usual ones. */
  readonly left: string;
  readonly right: string;
  /** Names of functions besides the language's own. */
  readonly functions: { has(name: string): boolean; keys(): Iterable<string> };
  /** Of a function that must not be called, how to mend that: TEMPLATE_FUNCTION_DENIED. Absent: all may. */
  readonly denial?: ((name: string) => string | undefined) | undefined;
}

export interface Parsed {
  readonly name: string;
  readonly text: string;
  /** By name; the text's own tree under `name`. */
  readonly templates: ReadonlyMap<string, ListNode>;
}

export const BUILTIN_NAMES: ReadonlySet<string> = new Set(
  ["and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery"].concat([
    "eq",
    "ge",
    "gt",
    "le",
    "lt",
    "ne",
  ]),
);

const DEPTH_MAX = 10_000;
const OPERAND_STARTS: ReadonlySet<TokenType> = new Set<TokenType>(["bool", "character", "complex", "dot", "field", "identifier"]);
const MORE_STARTS: ReadonlySet<TokenType> = new Set<TokenType>(["number", "nil", "raw string", "string", "variable", "("]);
const NOT_EXECUTABLE: ReadonlySet<string> = new Set(["bool", "dot", "nil", "number", "string"]);

/** Throws TemplateError: TEMPLATE_SYNTAX, TEMPLATE_FUNCTION_UNKNOWN or TEMPLATE_FUNCTION_DENIED. */
export function parseGoTemplate(request: ParseRequest): Parsed {
  const parser = new Parser(request);
  try {
    return parser.parse();
  } catch (thrown) {
    // The stack is ours to bound: what nests deeper than it holds is no template.
    if (thrown instanceof RangeError) throw parser.failure("it is nested too deeply");
    throw thrown;
  }
}

class Parser {
  private readonly request: ParseRequest;
  private readonly reader: TokenReader;
  private readonly templates = new Map<string, ListNode>();
  private variables = new Scope();
  private rangeDepth = 0;
  private depth = 0;
  /** Where the action that is being read began. */
  private actionStart: Token | undefined;

  constructor(request: ParseRequest) {
    this.request = request;
    const isFunction = (name: string): boolean => request.functions.has(name);
    this.reader = new TokenReader(lex(request.text, { left: request.left || "{{", right: request.right || "}}", isFunction }));
  }

  parse(): Parsed {
    const { name, text } = this.request;
    const nodes: Statement[] = [];
    const position = this.reader.peek().position;
    while (this.reader.peek().type !== "eof") {
      if (this.reader.peek().type === "left") {
        const left = this.reader.next();
        if (this.reader.nextWord().type === "define") {
          this.definition();
          continue;
        }
        this.reader.backTwo(left);
      }
      const node = this.textOrAction();
      if (isClause(node)) throw this.failure(`unexpected {{${node.kind}}}`);
      nodes.push(node);
    }
    this.add(name, { nodes, position });
    return { name, text, templates: this.templates };
  }

  /** An error where the newest token stands. */
  failure(problem: string, options: { code?: TemplateErrorCode; fix?: string | undefined } = {}): TemplateError {
    const { name, text } = this.request;
    const at = placeOf(text, this.reader.newest.position);
    const message = `Cannot parse template "${name}": line ${at.line}, column ${at.column}: ${problem}`;
    return new TemplateError(options.code ?? "TEMPLATE_SYNTAX", message, at, options.fix);
  }

  private expect(type: TokenType, context: string): Token {
    const token = this.reader.nextWord();
    if (token.type !== type) throw this.unexpected(token, context);
    return token;
  }

  private unexpected(token: Token, context: string): TemplateError {
    if (token.type !== "error")
      return this.failure(`unexpected ${token.type === "eof" ? "end of template" : `"${token.text}"`} in ${context}`);
    const { actionStart } = this;
    const started = actionStart === undefined ? undefined : placeOf(this.request.text, actionStart.position).line;
    const elsewhere = started !== undefined && started !== placeOf(this.request.text, token.position).line;
    return this.failure(`${token.text}${elsewhere ? ` (of the action that begins in line ${started})` : ""}`);
  }

  // Templates.

  private definition(): void {
    const name = this.templateName(this.reader.nextWord(), "define clause");
    this.expect("right", "define clause");
    this.nested(name, "define clause");
  }

  /** The body of a template of its own: it sees no variables from around it. */
  private nested(name: string, context: string): void {
    const { variables, rangeDepth, actionStart } = this;
    this.variables = new Scope();
    this.rangeDepth = 0;
    const { list, end } = this.itemList();
    if (end.kind !== "end") throw this.failure(`unexpected {{${end.kind}}} in ${context}`);
    this.add(name, list);
    this.variables = variables;
    this.rangeDepth = rangeDepth;
    this.actionStart = actionStart;
  }

  private add(name: string, list: ListNode): void {
    const known = this.templates.get(name);
    if (known === undefined || isEmpty(known)) this.templates.set(name, list);
    else if (!isEmpty(list)) throw this.failure(`template "${name}" is defined twice`);
  }

  private templateName(token: Token, context: string): string {
    if (token.type !== "string" && token.type !== "raw string") throw this.unexpected(token, context);
    return this.literal(token);
  }

  private literal(token: Token): string {
    const text = unquote(token.text);
    if (text === undefined) throw this.failure("a quoted string has an escape that Go does not know");
    return text;
  }

  // Statements.

  private itemList(): { readonly list: ListNode; readonly end: ClauseNode } {
    const position = this.reader.peekWord().position;
    const nodes: Statement[] = [];
    while (this.reader.peekWord().type !== "eof") {
      const node = this.textOrAction();
      if (isClause(node)) return { list: { nodes, position }, end: node };
      nodes.push(node);
    }
    throw this.failure("unexpected end of template: an {{end}} is missing");
  }

  private textOrAction(): Statement | ClauseNode {
    const token = this.reader.nextWord();
    if (token.type === "text") return { kind: "text", position: token.position, text: token.text };
    if (token.type !== "left") throw this.unexpected(token, "input");
    this.actionStart = token;
    const node = this.action();
    this.actionStart = undefined;
    return node;
  }

  private action(): Statement | ClauseNode {
    const token = this.reader.nextWord();
    switch (token.type) {
      case "block":
        return this.block();
      case "break":
      case "continue":
        return this.jump(token.type, token.position);
      case "else":
        return this.elseClause();
      case "end":
        return { kind: "end", position: this.expect("right", "end").position };
      case "if":
      case "with":
      case "range":
        return this.control(token.type);
      case "template":
        return this.call();
      default: {
        this.reader.back();
        const { position } = this.reader.peek();
        return { kind: "action", position, pipe: this.pipeline("command", "right") };
      }
    }
  }

  private jump(kind: "break" | "continue", position: number): Statement {
    const token = this.reader.nextWord();
    if (token.type !== "right") throw this.unexpected(token, `{{${kind}}}`);
    if (this.rangeDepth === 0) throw this.failure(`{{${kind}}} outside {{range}}`);
    return { kind, position };
  }

  /** "{{else if" leaves the "if" unread: who asked for the clause goes on with it. */
  private elseClause(): ClauseNode {
    const ahead = this.reader.peekWord();
    if (ahead.type === "if" || ahead.type === "with") return { kind: "else", position: ahead.position };
    return { kind: "else", position: this.expect("right", "else").position };
  }

  private control(kind: "if" | "with" | "range"): Statement {
    const outer = this.variables.size;
    const pipe = this.pipeline(kind, "right");
    if (kind === "range") this.rangeDepth++;
    const { list, end } = this.itemList();
    if (kind === "range") this.rangeDepth--;
    const otherwise = end.kind === "else" ? this.otherwise(kind, end) : undefined;
    this.variables.backTo(outer);
    return { kind, position: pipe.position, pipe, list, otherwise };
  }

  private otherwise(kind: "if" | "with" | "range", clause: ClauseNode): ListNode {
    if (kind !== "range" && this.reader.peek().type === kind) {
      this.reader.next();
      return { nodes: [this.control(kind)], position: clause.position };
    }
    const { list, end } = this.itemList();
    if (end.kind !== "end") throw this.failure(`expected {{end}}, found {{${end.kind}}}`);
    return list;
  }

  private block(): Statement {
    const token = this.reader.nextWord();
    const name = this.templateName(token, "block clause");
    const pipe = this.pipeline("block clause", "right");
    this.nested(name, "block clause");
    return { kind: "template", position: token.position, name, pipe };
  }

  private call(): Statement {
    const token = this.reader.nextWord();
    const name = this.templateName(token, "template clause");
    let pipe: PipeNode | undefined;
    if (this.reader.nextWord().type !== "right") {
      this.reader.back();
      pipe = this.pipeline("template clause", "right");
    }
    return { kind: "template", position: token.position, name, pipe };
  }

  // Pipelines.

  private pipeline(context: string, end: TokenType): PipeNode {
    const { position } = this.reader.peekWord();
    const declared: string[] = [];
    const assigns = this.declarations(context, declared);
    const commands: CommandNode[] = [];
    for (;;) {
      const token = this.reader.nextWord();
      if (token.type === end) break;
      if (!OPERAND_STARTS.has(token.type) && !MORE_STARTS.has(token.type)) throw this.unexpected(token, context);
      this.reader.back();
      commands.push(this.command());
    }
    if (commands.length === 0) throw this.failure(`missing value for ${context}`);
    const stage = commands.findIndex((command, index) => index > 0 && NOT_EXECUTABLE.has(command.words[0]?.kind ?? ""));
    if (stage !== -1) throw this.failure(`non executable command in pipeline stage ${stage + 1}`);
    return { kind: "pipe", position, assigns, variables: declared, commands };
  }

  /** `$x := `, `$x = `, `$i, $x := ` before a pipeline. Answers whether it assigns. */
  private declarations(context: string, declared: string[]): boolean {
    for (;;) {
      const variable = this.reader.peekWord();
      if (variable.type !== "variable") return false;
      this.reader.next();
      const after = this.reader.peek();
      const next = this.reader.peekWord();
      const comma = next.type === "char" && next.text === ",";
      if (next.type !== "=" && next.type !== ":=" && !comma) {
        if (after.type === "space") this.reader.backThree(variable, after);
        else this.reader.backTwo(variable);
        return false;
      }
      this.reader.nextWord();
      declared.push(variable.text);
      this.variables.declare(variable.text);
      if (!comma) return next.type === "=";
      if (context !== "range" || declared.length >= 2) throw this.failure(`too many declarations in ${context}`);
      const { type } = this.reader.peekWord();
      if (type !== "variable" && type !== "right" && type !== ")") throw this.failure("range can only initialize variables");
    }
  }

  private command(): CommandNode {
    const { position } = this.reader.peekWord();
    const words: Operand[] = [];
    for (;;) {
      this.reader.peekWord();
      const operand = this.operand();
      if (operand !== undefined) words.push(operand);
      const token = this.reader.next();
      if (token.type === "space") continue;
      if (token.type === "right" || token.type === ")") this.reader.back();
      else if (token.type !== "|") throw this.unexpected(token, "operand");
      break;
    }
    if (words.length === 0) throw this.failure("empty command");
    return { kind: "command", position, words };
  }

  private operand(): Operand | undefined {
    const term = this.term();
    if (term === undefined || this.reader.peek().type !== "field") return term;
    const { position } = this.reader.peek();
    const names: string[] = [];
    while (this.reader.peek().type === "field") names.push(this.reader.next().text.slice(1));
    if (term.kind === "field") return { kind: "field", position, names: [...term.names, ...names] };
    if (term.kind === "variable") return { kind: "variable", position, name: term.name, names: [...term.names, ...names] };
    if (NOT_EXECUTABLE.has(term.kind)) throw this.failure(`unexpected . after a ${term.kind}`);
    return { kind: "chain", position, of: term, names };
  }

  private term(): Operand | undefined {
    const token = this.reader.nextWord();
    const { position } = token;
    switch (token.type) {
      case "identifier":
        if (!this.isFunction(token.text)) throw this.unknownFunction(token.text);
        this.requireAllowed(token.text);
        return { kind: "identifier", position, name: token.text };
      case "dot":
      case "nil":
        return { kind: token.type, position };
      case "variable":
        return this.variable(token);
      case "field":
        return { kind: "field", position, names: [token.text.slice(1)] };
      case "bool":
        return { kind: "bool", position, value: token.text === "true" };
      case "number":
      case "character":
      case "complex": {
        const constant = readConstant(token.text, token.type);
        if (typeof constant === "string") throw this.failure(constant);
        return { kind: "number", position, text: token.text, constant };
      }
      case "(": {
        if (++this.depth > DEPTH_MAX) throw this.failure("it is nested too deeply");
        const pipe = this.pipeline("parenthesized pipeline", ")");
        this.depth--;
        return pipe;
      }
      case "string":
      case "raw string":
        return { kind: "string", position, text: this.literal(token) };
      default:
        this.reader.back();
        return undefined;
    }
  }

  private isFunction(name: string): boolean {
    return BUILTIN_NAMES.has(name) || this.request.functions.has(name);
  }

  private requireAllowed(name: string): void {
    const fix = this.request.denial?.(name);
    if (fix !== undefined) throw this.failure(`function "${name}" is disabled`, { code: "TEMPLATE_FUNCTION_DENIED", fix });
  }

  private unknownFunction(name: string): TemplateError {
    const found = nearest(name, [...BUILTIN_NAMES, ...this.request.functions.keys()]);
    const fix = found === undefined ? undefined : `Did you mean "${found}"?`;
    return this.failure(`function "${name}" is not defined`, { code: "TEMPLATE_FUNCTION_UNKNOWN", fix });
  }

  private variable(token: Token): VariableNode {
    const name = token.text;
    if (this.variables.has(name)) return { kind: "variable", position: token.position, name, names: [] };
    const found = nearest(name, this.variables.names);
    throw this.failure(`undefined variable "${name}"`, { fix: found === undefined ? undefined : `Did you mean "${found}"?` });
  }
}

function isClause(node: Statement | ClauseNode): node is ClauseNode {
  return node.kind === "end" || node.kind === "else";
}

/** Nothing but space: it may be defined again. */
function isEmpty(list: ListNode): boolean {
  return list.nodes.every((node) => node.kind === "text" && node.text.trim() === "");
}
